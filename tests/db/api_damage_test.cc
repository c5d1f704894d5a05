// Damaged directories: every answer is exact or an error that names file and offset. Never an
// abort, a wrong value, a lost key or a fresh database.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "util/coding.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/random.h"

namespace logwood::test {
namespace {

constexpr int kFlipsOfFile = 60;

bool IsData(const std::string& name) { return name != "LOCK" && !name.starts_with("EVENTS"); }

class DamagedDirectory : public DatabaseTest {
 protected:
  // Tables of many blocks on two levels, a log that recovery needs, two keyspaces; closed cleanly.
  void SetUp() override {
    options_.tuning.block_bytes = 256;
    Open();
    ASSERT_OK_AND_ASSIGN(const Keyspace keyspace, db_->CreateKeyspace({}, "k"));
    for (uint32_t i = 0; i < 150; ++i) Put(Keyspace(), KeyOf(3 + 8 * i), ValueOf(i, 60));
    ASSERT_OK(db_->CompactAll({}));
    for (uint32_t i = 0; i < 50; ++i) Put(keyspace, KeyOf(3 + 8 * i), ValueOf(i, 60));
    ASSERT_OK(db_->Flush());
    for (uint32_t i = 0; i < 50; ++i) Put(Keyspace(), KeyOf(4 + 8 * i), ValueOf(i, 60));
    ASSERT_OK(db_->Close());
    ASSERT_OK_AND_ASSIGN(whole_, ReadDirectory(place_.files(), path_));
    db_.reset();
  }

  void Put(Keyspace keyspace, const std::string& key, const std::string& value) {
    ASSERT_OK(db_->Put({}, keyspace, key, value));
    expected_[keyspace.number()][key] = value;
  }

  // How a damaged directory answered.
  struct Verdict {
    bool opened = false;
    std::set<StatusCode> codes;  // of errors met
    std::vector<std::string> messages;
    bool exact() const { return opened && codes.empty(); }
  };

  void Note(const Status& status, Verdict* verdict) {
    verdict->codes.insert(status.code());
    verdict->messages.push_back(status.ToString());
  }

  // Opens `files` in a fresh place and reads all of it every way.
  Verdict Judge(const FileContents& files, bool read_only = false) {
    const Place place;
    EXPECT_OK(WriteDirectory(place.files(), "/db", files));
    Verdict verdict;
    ReadOnlyOptions reading;
    reading.file_system = place.files();
    Result<std::unique_ptr<DB>> opened =
        read_only ? DB::OpenReadOnly(reading, "/db") : DB::Open(place.With(SmallOptions()), "/db");
    if (!opened.ok()) {
      Note(opened.status(), &verdict);
      return verdict;
    }
    verdict.opened = true;
    EXPECT_GE((*opened)->LastPosition(), 251u) << "commits are gone without an error";
    for (const auto& [number, content] : expected_)
      Compare(opened->get(), number == 1 ? "default" : "k", content, &verdict);
    return verdict;
  }

  void Compare(DB* db, const std::string& name, const std::map<std::string, std::string>& content,
               Verdict* verdict) {
    const Result<Keyspace> keyspace = db->OpenKeyspace(name);
    if (!keyspace.ok()) return Note(keyspace.status(), verdict);
    std::string value;
    for (const auto& [key, bytes] : content) {
      const Status status = db->Get({}, *keyspace, key, &value);
      if (status.ok()) {
        EXPECT_EQ(value, bytes) << "a wrong value";
      } else {
        Note(status, verdict);
      }
    }
    for (const bool forward : {true, false}) {
      const auto it = db->NewIterator({}, *keyspace);
      size_t count = 0;
      for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
           forward ? it->Next() : it->Prev()) {
        const auto found = content.find(std::string(it->key()));
        ASSERT_TRUE(found != content.end()) << "a key that was never written";
        EXPECT_EQ(it->value(), found->second) << "a wrong value";
        ++count;
      }
      if (!it->status().ok()) {
        Note(it->status(), verdict);
      } else {
        EXPECT_EQ(count, content.size()) << "a scan lost keys without an error";
      }
    }
  }

  // Errors must be of these kinds and name the file.
  void ExpectHonest(const Verdict& verdict, const std::string& file) {
    for (const StatusCode code : verdict.codes)
      EXPECT_TRUE(code == StatusCode::kCorruption || code == StatusCode::kNotSupported)
          << StatusCodeName(code) << ": " << verdict.messages[0];
    for (const std::string& message : verdict.messages) {
      const size_t at = message.find(file + ":");
      ASSERT_NE(at, std::string::npos) << message << " does not name " << file;
      ASSERT_TRUE(std::isdigit(static_cast<unsigned char>(message[at + file.size() + 1])))
          << message << " does not name an offset";
    }
  }

  FileContents whole_;
  std::map<uint32_t, std::map<std::string, std::string>> expected_;
};

TEST_F(DamagedDirectory, WholeOneIsExact) {
  EXPECT_TRUE(Judge(whole_).exact());
  EXPECT_TRUE(Judge(whole_, true).exact());
}

TEST_F(DamagedDirectory, FlippedBytesAreDetectedOrHarmless) {
  const uint64_t seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  Random random(seed);
  int detected = 0;
  for (const auto& [name, bytes] : whole_) {
    if (!IsData(name) || bytes.empty()) continue;
    for (int i = 0; i < kFlipsOfFile; ++i) {
      size_t offset = random.Uniform(bytes.size());
      if (i < 15) offset = random.Uniform(std::min<size_t>(bytes.size(), 100));
      if (i >= 15 && i < 30)
        offset = bytes.size() - 1 - random.Uniform(std::min<size_t>(bytes.size(), 100));
      SCOPED_TRACE(name + ":" + std::to_string(offset) + " of " + std::to_string(bytes.size()) +
                   ", LOGWOOD_SEED=" + std::to_string(seed));
      FileContents damaged = whole_;
      damaged[name][offset] = static_cast<char>(bytes[offset] ^ (1 << random.Uniform(8)));
      const Verdict verdict = Judge(damaged);
      ExpectHonest(verdict, name);
      detected += verdict.exact() ? 0 : 1;
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(detected, 50) << "hardly any flip was noticed: is anything checked?";
}

TEST_F(DamagedDirectory, TruncatedFilesAreDetected) {
  for (const auto& [name, bytes] : whole_) {
    if (!IsData(name) || bytes.empty()) continue;
    for (const size_t size : {size_t{0}, size_t{10}, bytes.size() / 2, bytes.size() - 1}) {
      SCOPED_TRACE(name + " cut to " + std::to_string(size) + " of " +
                   std::to_string(bytes.size()));
      FileContents damaged = whole_;
      damaged[name].resize(std::min(size, bytes.size()));
      ExpectHonest(Judge(damaged), name);
      if (HasFailure()) return;
    }
  }
}

TEST_F(DamagedDirectory, MissingFilesAreDetected) {
  for (const auto& [name, bytes] : whole_) {
    if (!IsData(name)) continue;
    SCOPED_TRACE(name + " is missing");
    FileContents damaged = whole_;
    damaged.erase(name);
    const Verdict verdict = Judge(damaged);
    EXPECT_FALSE(verdict.exact() && bytes.size() > 0 && name.ends_with(".table"));
    for (const StatusCode code : verdict.codes)
      EXPECT_TRUE(code == StatusCode::kCorruption || code == StatusCode::kIoError ||
                  code == StatusCode::kNotFound)
          << verdict.messages[0];
    for (const std::string& message : verdict.messages)
      EXPECT_TRUE(message.starts_with("Corruption") || message.starts_with("IoError"))
          << "a key whose table is missing is not simply absent: " << message;
    if (HasFailure()) return;
  }
}

// Zeroed and swapped files; a file of one kind under the name of another.
TEST_F(DamagedDirectory, ZeroedAndSwappedFilesAreDetected) {
  for (const auto& [name, bytes] : whole_) {
    if (!IsData(name) || bytes.empty()) continue;
    FileContents damaged = whole_;
    damaged[name].assign(bytes.size(), '\0');
    SCOPED_TRACE(name);
    ExpectHonest(Judge(damaged), name);
    for (const auto& [other, other_bytes] : whole_) {
      if (!IsData(other) || other <= name) continue;
      damaged = whole_;
      std::swap(damaged[name], damaged[other]);
      SCOPED_TRACE("swapped with " + other);
      const Verdict verdict = Judge(damaged);
      EXPECT_FALSE(verdict.codes.contains(StatusCode::kNotFound));
      if (HasFailure()) return;
    }
  }
}

// An older copy of ROOT or of the manifest beside newer files, as a careless restore leaves it.
TEST_F(DamagedDirectory, OlderRootOrManifestIsDetected) {
  Open();
  ASSERT_OK_AND_ASSIGN(const FileContents before, ReadLiveDirectory(place_.files(), path_));
  for (uint32_t i = 0; i < 150; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i, 60)));
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->Put({}, KeyOf(3), ValueOf(0, 60)));
  Close();
  ASSERT_OK_AND_ASSIGN(const FileContents after, ReadDirectory(place_.files(), path_));
  ASSERT_TRUE(Judge(after).exact());
  int tried = 0;
  for (const FileContents* older : std::initializer_list<const FileContents*>{&whole_, &before}) {
    for (const auto& [name, bytes] : *older) {
      if (name != "ROOT" && !name.ends_with(".manifest")) continue;
      FileContents stale = after;
      stale[name] = bytes;
      // A manifest that nothing refers to any more is only a forgotten file.
      if (!after.contains(name) || stale == after) continue;
      SCOPED_TRACE(name);
      const Verdict verdict = Judge(stale);
      EXPECT_FALSE(verdict.opened) << "an older " << name << " was accepted";
      EXPECT_TRUE(verdict.codes.contains(StatusCode::kCorruption));
      ++tried;
    }
  }
  EXPECT_GE(tried, 2);
}

TEST_F(DamagedDirectory, VerifyNamesFileAndOffset) {
  for (const auto& [name, bytes] : whole_) {
    if (!name.ends_with(".table")) continue;
    FileContents damaged = whole_;
    damaged[name][bytes.size() / 2] ^= 0x10;
    const Place place;
    ASSERT_OK(WriteDirectory(place.files(), "/db", damaged));
    Result<std::unique_ptr<DB>> opened = DB::Open(place.With(SmallOptions()), "/db");
    ASSERT_OK(opened.status()) << "table damage must not keep a database from opening";
    std::vector<Damage> damages;
    EXPECT_STATUS(kCorruption, (*opened)->Verify([&](const Damage& d) { damages.push_back(d); }));
    ASSERT_FALSE(damages.empty());
    EXPECT_EQ(damages[0].file, name);
    EXPECT_LE(damages[0].offset, bytes.size() / 2);
    EXPECT_FALSE(damages[0].what.empty());
    EXPECT_LE(damages[0].first_key, damages[0].last_key);
    EXPECT_LE(damages[0].first_position, damages[0].last_position);
  }
}

TEST_F(DamagedDirectory, VerifyOfAWholeOneReadsEverythingAndTellsProgress) {
  Open();
  uint64_t done_before = 0, total = 0;
  ASSERT_OK(db_->Verify([](const Damage& d) { ADD_FAILURE() << d.file << ": " << d.what; },
                        [&](uint64_t done, uint64_t all) {
                          EXPECT_GE(done, done_before);
                          EXPECT_LE(done, all);
                          done_before = done;
                          total = all;
                        }));
  EXPECT_EQ(done_before, total);
  EXPECT_GE(total, db_->GetStats().table_bytes);
  EXPECT_OK(db_->Verify({}));
}

// Damage in one table leaves the rest readable and writable; compaction does not spread it.
TEST_F(DamagedDirectory, TheRestStaysUsable) {
  for (const auto& [name, bytes] : whole_) {
    if (!name.ends_with(".table")) continue;
    FileContents damaged = whole_;
    damaged[name][bytes.size() / 2] ^= 0x10;
    const Place place;
    ASSERT_OK(WriteDirectory(place.files(), "/db", damaged));
    ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(place.With(SmallOptions()), "/db"));
    ASSERT_OK(db->Put({}, "new", "value"));
    ASSERT_OK(db->Flush());
    std::string value;
    EXPECT_OK(db->Get({}, "new", &value));
    static_cast<void>(db->CompactAll({}).ok());  // may fail; must not lose or invent
    Verdict verdict;
    expected_[1]["new"] = "value";
    Compare(db.get(), "default", expected_[1], &verdict);
    for (const StatusCode code : verdict.codes) EXPECT_EQ(code, StatusCode::kCorruption);
    expected_[1].erase("new");
    if (HasFailure()) return;
  }
}

// The same header with another version or an unknown flag, its checksum right.
std::string WithHeader(const std::string& bytes, const std::string& name,
                       void (*change)(FileHeader*)) {
  const FileKind kind = name == "ROOT"                ? FileKind::kRoot
                        : name.ends_with(".manifest") ? FileKind::kManifest
                        : name.ends_with(".log")      ? FileKind::kLog
                                                      : FileKind::kTable;
  Result<FileHeader> header = DecodeFileHeader(bytes.substr(0, kFileHeaderBytes), kind, name, true);
  EXPECT_OK(header.status());
  change(&*header);
  std::string changed = header->Encode() + bytes.substr(kFileHeaderBytes);
  if (kind == FileKind::kRoot) {  // its last checksum covers the header, too
    changed.resize(changed.size() - 8);
    PutFixed64(&changed, Hash64(changed, ChecksumSeed(header->id, kFileHeaderBytes)));
  }
  return changed;
}

TEST_F(DamagedDirectory, NewerFormatsAreNotSupported) {
  using Change = void (*)(FileHeader*);
  const std::pair<Change, bool> changes[] = {
      {[](FileHeader* h) { h->version = kFormatVersion + 1; }, false},
      {[](FileHeader* h) { h->incompatible_flags = 1u << 31; }, false},
      {[](FileHeader* h) { h->read_compatible_flags = 1u << 31; }, true}};
  for (const auto& [name, bytes] : whole_) {
    if (!IsData(name) || bytes.size() < kFileHeaderBytes) continue;
    for (const auto& [change, readable] : changes) {
      SCOPED_TRACE(name + (readable ? ", readable" : ""));
      FileContents newer = whole_;
      newer[name] = WithHeader(bytes, name, change);
      // Tables and recovered segments are only ever read, so such a flag need not bother whoever
      // writes other files.
      if (readable && (name.ends_with(".table") || name.ends_with(".log"))) continue;
      // A table is looked at when it is read, the others when opening.
      const Verdict writing = Judge(newer);
      EXPECT_EQ(writing.codes, std::set<StatusCode>{StatusCode::kNotSupported})
          << (writing.messages.empty() ? "no error" : writing.messages[0]);
      const Verdict reading = Judge(newer, true);
      if (readable) {
        EXPECT_TRUE(reading.exact()) << (reading.messages.empty() ? "" : reading.messages[0]);
      } else {
        EXPECT_EQ(reading.codes, std::set<StatusCode>{StatusCode::kNotSupported});
      }
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace logwood::test
