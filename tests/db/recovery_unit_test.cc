// Recovery: what is missing or stale is told from what a crash leaves.
#include "db/recovery.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "db/directory_check.h"
#include "db/file_names.h"
#include "tests/db/recovery_fixture.h"
#include "util/faulty_file_system.h"
#include "wal/segments.h"

namespace logwood {
namespace {

using test::FileContents;
using test::RecordingListener;
using test::TinyOptions;

class RecoveryTest : public test::RecoveryFixture {
 protected:
  struct Findings {
    std::vector<std::string> damages, notes;
  };
  Findings Check() {
    Findings found;
    DirectoryCheckOptions check;
    check.fs = fs_.get();
    check.path = "db";
    check.damage = [&](const Damage& damage) { found.damages.push_back(damage.ToString()); };
    check.note = [&](const Damage& note) { found.notes.push_back(note.ToString()); };
    EXPECT_OK(CheckDirectory(check).status());
    return found;
  }
};

TEST_F(RecoveryTest, MissingRootIsDamageNotAFreshDatabase) {
  Open();
  Put("a");
  Close();
  Remove("ROOT");
  ExpectDamage("ROOT");
}

TEST_F(RecoveryTest, MissingRootWithOnlyTablesOrOnlyLogsIsDamage) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Close();
  Remove("ROOT");
  ASSERT_OK_AND_ASSIGN(const FileContents all, test::ReadDirectory(fs_.get(), "db"));
  for (const std::string suffix : {".log", ".table", ".manifest"}) {
    ASSERT_OK(test::RemoveDirectoryFiles(fs_.get(), "db"));
    for (const auto& [name, bytes] : all) {
      if (name.ends_with(suffix))
        Replace(name == "000001.manifest" ? "000004.manifest" : name, bytes);
    }
    ExpectDamage("ROOT");
  }
}

// What the making of a database leaves that was cut short is one edit; others come behind ROOT.
TEST_F(RecoveryTest, MissingRootWithTheFirstManifestIsDamageWhereMoreThanTheMakingIsInIt) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Close();
  for (const char* name : {"ROOT", "EVENTS"}) Remove(name);
  for (const std::string suffix : {".log", ".table"}) {
    for (const std::string& name : Names(suffix)) Remove(name);
  }
  ExpectDamage("ROOT");
  const Findings found = Check();
  ASSERT_FALSE(found.damages.empty());
  EXPECT_EQ(found.damages[0], "ROOT:0: the file is missing; 000001.manifest is there without it");
  // Also where the first edit is what rotted.
  const std::string whole = Bytes("000001.manifest");
  std::string bytes = whole;
  bytes[kFileHeaderBytes + 20] ^= 1;
  Replace("000001.manifest", bytes);
  ExpectDamage("ROOT");
  // Whatever is left of the first edit alone is none.
  ASSERT_OK_AND_ASSIGN(const ManifestContents contents, [&]() -> Result<ManifestContents> {
    Replace("000001.manifest", whole);
    return ReadManifest(fs_.get(), "db", 1);
  }());
  ASSERT_GT(contents.offsets.size(), 1u);
  for (uint64_t length = 0; length <= contents.offsets[1]; ++length) {
    Replace("000001.manifest", whole.substr(0, length));
    EXPECT_STATUS(kNotFound, TryReadOnly()) << length;
  }
  EXPECT_OK(TryOpen());
}

// A file of another copy of the database, in the place of one that went when tables had it.
TEST_F(RecoveryTest, ASegmentOfAnotherCopyBeforeOneThatIsGoneIsNotContinued) {
  Open();
  Put("both");
  Close();
  ASSERT_OK_AND_ASSIGN(const FileContents both, test::ReadDirectory(fs_.get(), "db"));
  Open();
  Put("in one");
  Put("in one", "again");
  Close();
  const std::string stray = Names(".log").back();
  const std::string bytes = Bytes(stray);
  for (const int puts : {2, 3}) {  // the other copy went as far, and less far
    fs_ = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(fs_.get(), "db", both));
    Open();
    for (int i = 0; i < puts; ++i) Put("in the other", std::to_string(i));
    Close();
    Open();
    ASSERT_OK(db_->CompactAll({}));
    Close();
    ASSERT_EQ(Names(".log").size(), 1u);
    Replace(stray, bytes);
    Findings found = Check();
    EXPECT_EQ(found.damages, std::vector<std::string>());
    ASSERT_EQ(found.notes.size(), 1u);
    const std::string told =
        "000006.log:0: the file is missing, and nothing needs it: what it held is in tables; " +
        stray + ", before it, may be of another copy of the database";
    EXPECT_EQ(found.notes[0].substr(0, told.size()), told);
    for (int i = 0; i < 3; ++i) {
      Open();
      if (i < 2) Put("more", std::to_string(i));
      Close();
      found = Check();
      EXPECT_EQ(found.damages, std::vector<std::string>()) << puts << " puts, open " << i;
      EXPECT_EQ(found.notes, std::vector<std::string>()) << puts << " puts, open " << i;
    }
  }
}

TEST_F(RecoveryTest, MissingManifestIsDamage) {
  Open();
  Put("a");
  Close();
  Remove(Names(".manifest").at(0));
  ExpectDamage("000001.manifest");
}

// Where the manifest says nothing any more, the log is still known for this database's, and that
// its beginning went into tables is no damage.
TEST_F(RecoveryTest, WithoutAManifestTheCheckAccusesNoSegment) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Put("b");
  Close();
  const std::string manifest = Names(".manifest").at(0);
  const std::string root = Bytes("ROOT");
  std::string rotten = Bytes(manifest);
  rotten.replace(100, 4, "rotten");
  for (const bool has_root : {true, false}) {
    for (const bool has_manifest : {true, false}) {
      Replace("ROOT", root);
      Replace(manifest, rotten);
      if (!has_root) Remove("ROOT");
      if (!has_manifest) Remove(manifest);
      std::set<std::string> files;
      DirectoryCheckOptions options;
      options.fs = fs_.get();
      options.path = "db";
      options.damage = [&files](const Damage& damage) { files.insert(damage.file); };
      options.note = [](const Damage&) {};
      ASSERT_OK(CheckDirectory(options));
      EXPECT_FALSE(files.empty());
      for (const std::string& file : files) EXPECT_FALSE(file.ends_with(".log")) << file;
    }
  }
}

TEST_F(RecoveryTest, AnOlderRootIsDamage) {
  Open();
  Put("a");
  Close();
  const std::string root = Bytes("ROOT");
  const std::string manifest = Bytes("000001.manifest");
  Open();
  Put("b");
  Close();
  ASSERT_NE(Names(".manifest"), std::vector<std::string>{"000001.manifest"});
  Replace("ROOT", root);
  ExpectDamage("000001.manifest");  // it is gone
  Replace("000001.manifest", manifest);
  ExpectDamage("ROOT");
}

TEST_F(RecoveryTest, ALostTailOfTheManifestIsDamage) {
  Open();
  for (int i = 0; i < 4; ++i) {
    Put("k" + std::to_string(i));
    ASSERT_OK(db_->Flush());
  }
  Put("last");
  Kill();
  ASSERT_OK_AND_ASSIGN(const Root root, ReadRoot(fs_.get(), "db"));
  const std::string name = ManifestFileName(root.manifest);
  const std::string bytes = Bytes(name);
  // The end of each edit: reading what is cut there shows no tail.
  std::vector<size_t> ends;
  for (size_t length = 1; length < bytes.size(); ++length) {
    Replace(name, bytes.substr(0, length));
    auto contents = ReadManifest(fs_.get(), "db", root.manifest);
    if (contents.ok() && contents->tail_bytes == 0) ends.push_back(length);
  }
  ASSERT_GE(ends.size(), 4u);
  for (size_t end : ends) {
    SCOPED_TRACE("cut to " + std::to_string(end) + " of " + std::to_string(bytes.size()));
    Replace(name, bytes.substr(0, end));
    const Status status = TryReadOnly();
    // The last edits may only speak of durability or of what the log holds as well: then nothing
    // is lost with them.
    if (status.ok()) {
      ReadOnlyOptions options;
      options.file_system = fs_.get();
      ASSERT_OK_AND_ASSIGN(auto db, DB::OpenReadOnly(options, "db"));
      EXPECT_EQ(db->LastPosition(), 5u);
      EXPECT_EQ(test::Scan(db.get())->size(), 5u);
    } else {
      EXPECT_STATUS(kCorruption, status);
    }
  }
  Replace(name, bytes.substr(0, ends[0]));
  EXPECT_STATUS(kCorruption, TryOpen());
}

TEST_F(RecoveryTest, AMissingTableCostsOnlyItsOwnKeys) {
  Open();
  Put("a", "first");
  ASSERT_OK(db_->Flush());
  Put("m", "second");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  Close();
  Open();
  Put("y", "third");
  ASSERT_OK(db_->Flush());
  Close();
  const std::string gone = Names(".table").back();
  Remove(gone);
  auto listener = std::make_shared<RecordingListener>();
  Options options = TinyOptions(fs_.get());
  options.listeners = {listener};
  auto opened = DB::Open(options, "db");
  ASSERT_OK(opened);
  db_ = std::move(*opened);
  EXPECT_TRUE(listener->Told(EventKind::kCorruption, gone)) << "opening does not tell of " << gone;
  std::string value;
  EXPECT_OK(db_->Get({}, "a", &value));
  EXPECT_OK(db_->Get({}, "m", &value));
  const Status missing = db_->Get({}, "y", &value);
  EXPECT_FALSE(missing.ok() || missing.Is(StatusCode::kNotFound)) << missing.ToString();
  EXPECT_NE(missing.message().find(gone), std::string_view::npos) << missing.ToString();
  // Scans outside of it go on, scans through it say so.
  IteratorOptions below;
  below.upper = "n";
  auto it = db_->NewIterator(below);
  size_t seen = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++seen;
  EXPECT_OK(it->status());
  EXPECT_EQ(seen, 2u);
  EXPECT_FALSE(test::Scan(db_.get()).ok());
  // And so do writes and flushes.
  Put("z");
  EXPECT_OK(db_->Flush());
  EXPECT_OK(db_->Get({}, "z", &value));
}

TEST_F(RecoveryTest, AMissingSegmentThatRecoveryNeedsIsDamage) {
  Open();
  Put("a", std::string(20'000, 'x'));
  Put("b", std::string(20'000, 'y'));
  Put("c");
  Kill();
  const std::vector<std::string> logs = Names(".log");
  ASSERT_GE(logs.size(), 2u);
  for (size_t i = 0; i + 1 < logs.size(); ++i) {
    const std::string bytes = Bytes(logs[i]);
    Remove(logs[i]);
    EXPECT_STATUS(kCorruption, TryOpen()) << logs[i];
    EXPECT_STATUS(kCorruption, TryReadOnly()) << logs[i];
    Replace(logs[i], bytes);
  }
  EXPECT_OK(TryReadOnly());
}

TEST_F(RecoveryTest, TheOnlySegmentOfAnIdleDatabaseIsMissed) {
  Open();
  Put("a");
  WaitForIdleMark();
  Kill();
  const std::string log = Names(".log").at(0);
  Remove(log);
  ExpectDamage(log);
}

TEST_F(RecoveryTest, TheSegmentBehindAFlushIsMissed) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Put("b");
  Kill();
  const std::string log = Names(".log").back();
  Remove(log);
  ExpectDamage(log);
}

TEST_F(RecoveryTest, SegmentsThatAreInTablesMayGo) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Put("b");
  Kill();
  for (const std::string& log : Names(".log")) {
    if (log != Names(".log").back()) Remove(log);
  }
  Open();
  EXPECT_EQ(db_->LastPosition(), 2u);
}

TEST_F(RecoveryTest, NoiseBehindTheLogsEndIsAnUnprovenTailAndSaidSo) {
  Open();
  Put("a");
  Put("b");
  Kill();
  const std::string log = Names(".log").back();
  const std::string bytes = Bytes(log);
  Replace(log, bytes + std::string(50, 'n'));
  auto listener = std::make_shared<RecordingListener>();
  Options options = TinyOptions(fs_.get());
  options.listeners = {listener};
  {
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
    EXPECT_EQ(db->LastPosition(), 2u);
    const RecoveryInfo info = db->GetRecoveryInfo();
    EXPECT_EQ(info.unproven_tail_file, log);
    EXPECT_EQ(info.unproven_tail_offset, bytes.size());
    EXPECT_EQ(info.unproven_tail_bytes, 50u);
    ASSERT_OK(db->Close());
  }
  ASSERT_FALSE(listener->events.empty());
  const Event& tail = listener->events.front();
  EXPECT_EQ(tail.kind, EventKind::kUnprovenTail);
  EXPECT_EQ(tail.file, log);
  EXPECT_EQ(tail.offset, bytes.size());
  EXPECT_EQ(tail.bytes_in, 50u);
  EXPECT_EQ(tail.position, 2u);
  EXPECT_NE(Bytes("EVENTS").find("unproven_tail"), std::string::npos);
}

// Behind a torn edit an open looks whether the tables of the state before it are there.
TEST_F(RecoveryTest, ALookAtATableThatFailsOnceIsNoDamage) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Kill();
  const std::string manifest = Names(".manifest").back();
  Replace(manifest, Bytes(manifest) + std::string(40, 'n'));
  FaultyFileSystem faulty(fs_.get());
  int looks = 0;
  faulty.SetFault([&looks](FileOp op, const std::string& path) {
    return op == FileOp::kSize && path.ends_with(".table") && ++looks == 1
               ? Status::IoError("injected " + path)
               : Status();
  });
  Options options = TinyOptions(&faulty);
  EXPECT_STATUS(kIoError, DB::Open(options, "db"));
  EXPECT_EQ(looks, 1);
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  EXPECT_EQ(db->LastPosition(), 1u);
  ASSERT_OK(db->Close());
}

TEST_F(RecoveryTest, DamageBelowTheDurablePointIsRefusedWithItsPlace) {
  Open();
  Put("a", std::string(100, 'x'));
  Put("b");
  Kill();
  const std::string log = Names(".log").back();
  std::string bytes = Bytes(log);
  const size_t at = bytes.find(std::string(100, 'x'));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 7] = 'y';
  Replace(log, bytes);
  ExpectDamage(log);
  ReadOnlyOptions options;
  options.file_system = fs_.get();
  options.allow_damaged_log = true;
  ASSERT_OK_AND_ASSIGN(auto db, DB::OpenReadOnly(options, "db"));
  EXPECT_EQ(db->LastPosition(), 0u);
  EXPECT_EQ(db->DurablePosition(), 0u);
  const RecoveryInfo info = db->GetRecoveryInfo();
  ASSERT_TRUE(info.log_damage.has_value());
  EXPECT_EQ(info.log_damage->file, log);
  EXPECT_EQ(info.log_damage->what.find(log), std::string::npos) << info.log_damage->what;
  EXPECT_EQ(info.log_damage->first_position, 1u);
  std::vector<Damage> damages;
  EXPECT_STATUS(kCorruption, db->Verify([&](const Damage& found) { damages.push_back(found); }));
  ASSERT_EQ(damages.size(), 1u);
  EXPECT_EQ(damages[0].file, log);
  EXPECT_NE(damages[0].offset, 0u);
  EXPECT_EQ(damages[0].first_position, 1u);
}

// Everything recovered was synced: later rot in it is damage, even where the segment made after it
// is lost with its header.
TEST_F(RecoveryTest, WhatWasRecoveredIsDurableWhateverBecomesOfTheNewSegment) {
  Open();
  ASSERT_OK(db_->Put({}, "a", std::string(100, 'x')));
  // Before an idle log is marked, if the machine is not very slow; the assertions hold either way.
  Kill();
  Open();
  Kill();
  const std::vector<std::string> logs = Names(".log");
  ASSERT_EQ(logs.size(), 2u);
  std::string bytes = Bytes(logs[0]);
  const size_t at = bytes.find(std::string(100, 'x'));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 7] = 'y';
  Replace(logs[0], bytes);
  Remove(logs[1]);
  ExpectDamage(logs[0]);
}

// The marks that say how far the log was durable lie in the part that is cut; the manifest has one
// too.
TEST_F(RecoveryTest, ASegmentCutWithinItsFirstPagesIsDamage) {
  Open();
  for (int i = 0; i < 20; ++i) Put("key" + std::to_string(i));
  WaitForIdleMark();
  Kill();
  const std::string log = Names(".log").at(0);
  const std::string bytes = Bytes(log);
  for (const size_t length : {0, 100, 232, 3000, 4096, 8192, 12288}) {
    SCOPED_TRACE(length);
    Replace(log, bytes.substr(0, length));
    EXPECT_STATUS(kCorruption, TryOpen());
    EXPECT_STATUS(kCorruption, TryReadOnly());
  }
  std::string zeroed = bytes;
  std::fill(zeroed.begin() + 4096, zeroed.end(), '\0');
  Replace(log, zeroed);
  EXPECT_STATUS(kCorruption, TryOpen());
}

// What the flush made durable of the new segment tells that there was more.
TEST_F(RecoveryTest, ADurableSegmentOfWhichOnlyTheBeginningIsLeftIsDamage) {
  Open();
  const uint64_t catalogue = kCatalogueOffset;
  for (const bool with_keyspace : {false, true}) {
    if (with_keyspace) {
      ASSERT_OK(db_->CreateKeyspace({}, "a keyspace"));
    }
    Put("in a table");
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->Put({.durability = Durability::kPower}, "in the log", "v"));
    Kill();
    const std::string log = Names(".log").back();
    const std::string bytes = Bytes(log);
    const std::vector<uint64_t> ends = with_keyspace
                                           ? std::vector<uint64_t>{4096, catalogue, catalogue + 7}
                                           : std::vector<uint64_t>{4096};
    for (const uint64_t end : ends) {
      SCOPED_TRACE(end);
      std::string zeroed = bytes;
      std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(end), zeroed.end(), '\0');
      for (const std::string& left : {zeroed, bytes.substr(0, end)}) {
        Replace(log, left);
        EXPECT_STATUS(kCorruption, TryOpen());
        EXPECT_STATUS(kCorruption, TryReadOnly());
      }
    }
    Replace(log, bytes);
    Open();
  }
}

// Log that is only retained and was cut within its header: nobody needs it, and the next segment is
// made all the same.
TEST_F(RecoveryTest, ARetainedSegmentCutWithinItsHeaderEndsNoProcess) {
  const auto open = [&] {
    Options options = test::TinyOptions(fs_.get());
    options.log_retention = LogRetention{.bytes_min = 1 << 20};
    return DB::Open(options, "db");
  };
  ASSERT_OK_AND_ASSIGN(db_, open());
  Put("a");
  ASSERT_OK(db_->Flush());
  Close();
  ASSERT_OK_AND_ASSIGN(db_, open());
  Close();
  const std::string log = Names(".log").at(0);
  ASSERT_OK_AND_ASSIGN(const FileContents closed, test::ReadDirectory(fs_.get(), "db"));
  for (const size_t length : {12287, 5000, 100, 0}) {
    SCOPED_TRACE(length);
    fs_ = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(fs_.get(), "db", closed));
    Replace(log, closed.at(log).substr(0, length));
    // What it writes is what the next one relies on.
    for (int i = 0; i < 4; ++i) {
      ASSERT_OK_AND_ASSIGN(db_, open());
      std::string value;
      EXPECT_OK(db_->Get({}, "a", &value));
      if (i == 2) Put("b");
      Close();
    }
  }
}

// An open that could hold nothing more in memory went on in a second segment, and a loss of power
// took the first one's name: no commit was in it, and those before it stay.
TEST_F(RecoveryTest, RetainedLogStaysBeforeAnEmptySegmentThatIsGone) {
  const auto options = [&] {
    Options o = test::TinyOptions(fs_.get());
    o.log_retention = LogRetention{.bytes_min = 1 << 20};
    return o;
  };
  FileContents lost;
  const auto end_without_close = [&](const std::string& gone) {
    ASSERT_OK_AND_ASSIGN(lost, test::ReadDirectory(fs_.get(), "db"));
    lost.erase(gone);
    Close();
    fs_ = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(fs_.get(), "db", lost));
  };
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options(), "db"));
  Put("a");
  ASSERT_OK(db_->Flush());
  Put("b");
  end_without_close("");
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options(), "db"));
  const std::vector<std::string> before = Names(".log");
  ASSERT_OK(db_->Flush());
  Put("c");
  end_without_close(before.back());
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options(), "db"));
  ASSERT_OK(db_->Flush());
  end_without_close("");
  // Also where nothing can be proven any more, for the segment before it rots.
  const std::string& last = before[before.size() - 2];
  const std::string whole = lost.at(last);
  std::string rotten = whole, headless = whole;
  rotten[rotten.find_last_not_of('\0') - 1] ^= 1;
  headless.replace(0, kCatalogueOffset, kCatalogueOffset, 'x');
  for (const std::string& bytes : {whole, rotten, headless}) {
    fs_ = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(fs_.get(), "db", lost));
    Replace(last, bytes);
    for (int i = 0; i < 2; ++i) {
      ASSERT_OK_AND_ASSIGN(db_, DB::Open(options(), "db"));
      EXPECT_EQ(db_->LastPosition(), 3u);
      for (size_t k = 0; k + 1 < before.size(); ++k) {
        EXPECT_TRUE(*fs_->Exists("db/" + before[k])) << before[k];
      }
      Close();
    }
  }
}

// The log is an interface of its own: damage of it is told, and no file of it goes away, also where
// all its commits are in tables.
class RetainedLogTest : public RecoveryTest {
 protected:
  RetainedLogTest() {
    options_ = TinyOptions(fs_.get());
    options_.log_retention = LogRetention{.bytes_min = 1 << 20};
    options_.listeners = {listener_};
  }
  // Closes; notes what is there then, and which log files an open of that keeps.
  void CloseAndNote() {
    Close();
    ASSERT_OK_AND_ASSIGN(closed_, test::ReadDirectory(fs_.get(), "db"));
    logs_ = Names(".log");
    ASSERT_GE(logs_.size(), 2u);
    ASSERT_OK_AND_ASSIGN(auto intact, DB::Open(options_, "db"));
    ASSERT_OK(intact->Close());
    kept_.clear();
    for (const std::string& name : Names(".log")) {
      if (std::count(logs_.begin(), logs_.end(), name) != 0) kept_.push_back(name);
    }
  }
  void BackToClosed() {
    fs_ = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(fs_.get(), "db", closed_));
    options_.file_system = fs_.get();
  }
  void ExpectToldOrHarmless(const std::string& log, const std::string& damaged) {
    BackToClosed();
    Replace(log, damaged);
    listener_->events.clear();
    auto opened = DB::Open(options_, "db");
    if (opened.ok()) {
      EXPECT_EQ((*opened)->LastPosition(), 4u);
      for (const std::string key : {"a", "b", "c", "d"}) {
        std::string value;
        EXPECT_OK((*opened)->Get({}, key, &value)) << key;
      }
      EXPECT_OK((*opened)->Close());
      if (was_closed_) {
        EXPECT_NE(listener_->events.at(0).kind, EventKind::kUnprovenTail);
      }
    } else {
      EXPECT_STATUS(kCorruption, opened.status());
      // Where the log may have gone on in a blank file, that is named.
      const bool names_it = opened.status().message().find(log + ":") != std::string_view::npos;
      EXPECT_TRUE(names_it || !was_closed_) << opened.status().ToString();
    }
    for (const std::string& name : kept_) EXPECT_TRUE(*fs_->Exists("db/" + name)) << name;
  }
  void DamageEachLog() {
    for (const std::string& log : logs_) {
      const std::string bytes = closed_.at(log);
      for (size_t i = 0; i < bytes.size() && !HasFailure(); ++i) {
        if (bytes[i] == '\0' && i % 511 != 0) continue;
        SCOPED_TRACE(log + ": byte " + std::to_string(i) + " flipped");
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
        ExpectToldOrHarmless(log, damaged);
      }
      for (const size_t length : {0UL, 100UL, 2048UL, 5000UL, 12288UL, bytes.size() - 20}) {
        SCOPED_TRACE(log + " cut to " + std::to_string(length));
        ExpectToldOrHarmless(log, bytes.substr(0, length));
        ExpectToldOrHarmless(log,
                             bytes.substr(0, length) + std::string(bytes.size() - length, '\0'));
        ExpectToldOrHarmless(log, std::string(length, '\0') + bytes.substr(length));
      }
      SCOPED_TRACE(log + " has bytes behind its end");
      ExpectToldOrHarmless(log, bytes + "noise");
    }
  }

  Options options_;
  const std::shared_ptr<RecordingListener> listener_ = std::make_shared<RecordingListener>();
  FileContents closed_;
  bool was_closed_ = true;  // or else a torn trailer is a tail
  std::vector<std::string> logs_, kept_;
};

TEST_F(RetainedLogTest, NothingOfItIsCutOffAfterACleanClose) {
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, "db"));
  Put("a");
  Put("b");
  ASSERT_OK(db_->Flush());
  Put("c");
  Put("d");
  CloseAndNote();
  DamageEachLog();
  // And with all commits in tables, where a read-only open finds them whatever became of the log.
  BackToClosed();
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, "db"));
  ASSERT_OK(db_->Flush());
  CloseAndNote();
  DamageEachLog();
  BackToClosed();
  for (const std::string& log : logs_) Replace(log, "gone");
  ReadOnlyOptions read_only;
  read_only.file_system = fs_.get();
  read_only.allow_damaged_log = true;
  ASSERT_OK_AND_ASSIGN(auto rest, DB::OpenReadOnly(read_only, "db"));
  EXPECT_EQ(rest->LastPosition(), 4u);
}

// What lies before a segment with commits that is gone can be no part of the log any more.
TEST_F(RetainedLogTest, WhatIsRemovedBeforeAHoleIsTold) {
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, "db"));
  for (const char* key : {"a", "b", "c", "d"}) {
    Put(key);
    ASSERT_OK(db_->Flush());
  }
  ASSERT_OK_AND_ASSIGN(closed_, test::ReadDirectory(fs_.get(), "db"));
  const std::vector<std::string> logs = Names(".log");
  Close();
  closed_.erase(logs.at(1));
  BackToClosed();
  listener_->events.clear();
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, "db"));
  Close();
  EXPECT_FALSE(*fs_->Exists("db/" + logs[0]));
  EXPECT_TRUE(
      std::any_of(listener_->events.begin(), listener_->events.end(), [&](const Event& event) {
        return event.kind == EventKind::kFilesRemoved &&
               event.detail == logs[0] + " (a segment before one that is gone)";
      }));
}

// Power loss after an open that did nothing yet: its manifest is there, and its log is blank.
TEST_F(RetainedLogTest, ARottenByteInWhatTablesHoldIsDamageBesideABlankSegment) {
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, "db"));
  for (const char* key : {"a", "b", "c", "d"}) {
    Put(key);
    ASSERT_OK(db_->Flush());
  }
  CloseAndNote();
  BackToClosed();
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, "db"));
  ASSERT_OK_AND_ASSIGN(closed_, test::ReadDirectory(fs_.get(), "db"));
  std::string& newest = closed_[Names(".log").back()];
  newest.assign(newest.size(), '\0');
  Close();
  was_closed_ = false;
  logs_ = kept_;
  ASSERT_GE(logs_.size(), 4u);
  DamageEachLog();
}

}  // namespace
}  // namespace logwood
