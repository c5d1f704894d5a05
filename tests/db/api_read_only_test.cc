// Opening read-only: reads everything, writes nothing, not a byte.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "db/directory_check.h"
#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/generators.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

class OpenedReadOnly : public DatabaseTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_OK_AND_ASSIGN(const Keyspace keyspace, db_->CreateKeyspace({}, "k"));
    for (uint32_t i = 0; i < 400; ++i)
      ASSERT_OK(db_->Put({}, i % 2 ? Keyspace() : keyspace, KeyOf(3 + 8 * i), ValueOf(i, 100)));
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->Put({}, "in the log", "only"));
  }
  std::set<std::string> Names() {
    const auto names = place_.files()->List(path_);
    EXPECT_OK(names.status());
    return names.ok() ? std::set<std::string>(names->begin(), names->end())
                      : std::set<std::string>();
  }
  FileContents Files() {
    Result<FileContents> contents = ReadDirectory(place_.files(), path_);
    EXPECT_OK(contents.status());
    return contents.ok() ? *contents : FileContents();
  }
};

TEST_F(OpenedReadOnly, ReadsAllAndWritesNothing) {
  const std::string expected = Entries();
  Close();
  const FileContents before = Files();
  {
    ASSERT_OK_AND_ASSIGN(db_, DB::OpenReadOnly(ReadOnly(), path_));
    EXPECT_EQ(Entries(), expected);
    EXPECT_EQ(Value("in the log"), "only");
    EXPECT_EQ(db_->LastPosition(), 402u);
    ASSERT_OK_AND_ASSIGN(const Keyspace keyspace, db_->OpenKeyspace("k"));
    EXPECT_EQ(ValueIn(keyspace, KeyOf(3)), ValueOf(0, 100));
    ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot());
    EXPECT_EQ(Entries({.snapshot = snapshot.get()}), expected);
    EXPECT_OK(db_->Verify({}));
    EXPECT_GT(db_->GetStats().table_bytes, 0u);
    Close();
  }
  EXPECT_EQ(DifferenceOf(before, Files()), "");
}

TEST_F(OpenedReadOnly, WhatIsOnlyInTheLogIsCounted) {
  // Few enough for the log segment that SetUp began: with the next one, a flush would follow.
  for (int i = 0; i < 5; ++i) ASSERT_OK(db_->Put({}, std::to_string(i), std::string(200, 'v')));
  ASSERT_OK(db_->WaitForCompaction());  // of what SetUp flushed
  const uint64_t tables = db_->GetStats().table_bytes;
  ReadOnlyOptions options = ReadOnly();
  options.ignore_writer = true;
  ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly(options, path_));
  const Stats stats = reader->GetStats();
  EXPECT_EQ(stats.table_bytes, tables);
  EXPECT_GT(stats.memory.memtable_bytes, 5 * 200u);
  EXPECT_GE(stats.memory.used_bytes, stats.memory.memtable_bytes);
}

TEST_F(OpenedReadOnly, EveryChangeIsRefused) {
  Close();
  const FileContents before = Files();
  ASSERT_OK_AND_ASSIGN(db_, DB::OpenReadOnly(ReadOnly(), path_));
  WriteBatch batch;
  batch.Put("k", "v");
  EXPECT_STATUS(kReadOnly, db_->Put({}, "k", "v"));
  EXPECT_STATUS(kReadOnly, db_->Delete({}, "k"));
  EXPECT_STATUS(kReadOnly, db_->Write({}, batch));
  EXPECT_STATUS(kReadOnly, db_->CreateKeyspace({}, "new"));
  EXPECT_STATUS(kReadOnly, db_->OpenOrCreateKeyspace({}, "new"));
  LogPos created = 0;
  EXPECT_OK(db_->OpenOrCreateKeyspace({.durability = Durability::kPower}, "k", &created));
  EXPECT_EQ(created, 1u);
  EXPECT_STATUS(kReadOnly, db_->DropKeyspace({}, "k"));
  EXPECT_STATUS(kReadOnly, db_->Flush());
  EXPECT_STATUS(kReadOnly, db_->CompactAll({}));
  EXPECT_STATUS(kReadOnly, db_->CompactRange({}, Keyspace(), {}));
  db_.reset();
  EXPECT_EQ(DifferenceOf(before, Files()), "");
}

TEST_F(OpenedReadOnly, SeveralReadersAtOnceButNoWriterBesideThem) {
  Close();
  ASSERT_OK_AND_ASSIGN(const auto one, DB::OpenReadOnly(ReadOnly(), path_));
  ASSERT_OK_AND_ASSIGN(const auto two, DB::OpenReadOnly(ReadOnly(), path_));
  EXPECT_STATUS(kBusy, DB::Open(options_, path_));
  std::string value;
  EXPECT_OK(one->Get({}, "in the log", &value));
  EXPECT_OK(two->Get({}, "in the log", &value));
}

TEST_F(OpenedReadOnly, BesideAWriterOnlyWhenAsked) {
  EXPECT_STATUS(kBusy, DB::OpenReadOnly(ReadOnly(), path_));
  ReadOnlyOptions options = ReadOnly();
  options.ignore_writer = true;
  ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly(options, path_));
  std::string value;
  EXPECT_OK(reader->Get({}, "in the log", &value));
  ASSERT_OK(db_->Put({}, "later", "v"));
  EXPECT_STATUS(kNotFound, reader->Get({}, "later", &value));
}

TEST_F(OpenedReadOnly, WhatAWriterRemovesLaterStaysReadableBesideIt) {
  const std::string expected = Entries();
  const std::set<std::string> before = Names();
  ReadOnlyOptions options = ReadOnly();
  options.ignore_writer = true;
  ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly(options, path_));
  for (uint32_t i = 0; i < 400; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i + 1, 100)));
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  ASSERT_OK(db_->WaitForCompaction());
  Close();  // waits for the removals too
  const std::set<std::string> after = Names();
  for (const std::string& name : before) {
    const bool data = name.ends_with(".table") || name.ends_with(".log");
    EXPECT_FALSE(data && after.contains(name)) << name;
  }
  EXPECT_EQ(Entries(reader->NewIterator({}).get()), expected);
  std::vector<std::string> damages;
  EXPECT_OK(reader->Verify([&](const Damage& damage) { damages.push_back(damage.what); }));
  EXPECT_EQ(damages, std::vector<std::string>());
}

// Edits, removals and new segments all the time: what does not fit together is no damage.
TEST_F(OpenedReadOnly, ConcurrentlyWithABusyWriterSeesItsStateOrIsBusyAndFindsNoDamage) {
  options_.tuning.memtable_bytes = 4 << 10;
  options_.tuning.log_segment_bytes = 4 << 10;
  options_.tuning.table_bytes = 4 << 10;
  options_.tuning.level0_tables = 2;
  Reopen();
  std::atomic<bool> ends{false};
  std::atomic<LogPos> written{0};
  std::thread writer([&] {
    for (uint32_t i = 0; !ends; ++i) {
      const auto position = db_->Put({}, KeyOf(i % 50), ValueOf(i, 300));
      ASSERT_OK(position);
      written = *position;
    }
  });
  ReadOnlyOptions beside = ReadOnly();
  beside.ignore_writer = true;
  int seen = 0;
  for (int round = 0; round < (kSanitized ? 6 : 30); ++round) {
    const LogPos before = written;
    const auto opened = DB::OpenReadOnly(beside, path_);
    if (opened.status().Is(StatusCode::kBusy)) continue;
    EXPECT_OK(opened);
    if (!opened.ok()) break;
    ++seen;
    EXPECT_GE((*opened)->LastPosition(), before);
    const auto iterator = (*opened)->NewIterator({});
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) continue;
    EXPECT_OK(iterator->status());
  }
  EXPECT_GT(seen, 0);
  std::string damages;
  DirectoryCheckOptions check;
  check.fs = place_.files();
  check.path = path_;
  check.beside_writer = true;
  check.damage = [&damages](const Damage& damage) { damages += damage.ToString() + "\n"; };
  check.note = [](const Damage&) {};
  for (int round = 0; round < (kSanitized ? 1 : 3); ++round) {
    const Status checked = CheckDirectory(check).status();
    EXPECT_TRUE(checked.ok() || checked.Is(StatusCode::kBusy)) << checked.ToString();
  }
  EXPECT_EQ(damages, "");
  ends = true;
  writer.join();
  Close();
}

TEST_F(OpenedReadOnly, ADirectoryNamedWithALastSlashIsTheSame) {
  ReadOnlyOptions options = ReadOnly();
  options.ignore_writer = true;
  ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly(options, path_ + "//"));
  const std::string expected = Entries();
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(Entries(reader->NewIterator({}).get()), expected);
}

TEST_F(OpenedReadOnly, AfterAKillShowsWhatRecoveryWouldAndLeavesItSo) {
  const std::string expected = Entries();
  ASSERT_OK_AND_ASSIGN(const FileContents killed, ReadLiveDirectory(place_.files(), path_));
  const std::string path = place_.Join("copy");
  ASSERT_OK(WriteDirectory(place_.files(), path, killed));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly(ReadOnly(), path));
    EXPECT_EQ(Entries(reader->NewIterator({}).get()), expected);
    EXPECT_FALSE(reader->GetRecoveryInfo().clean);
    EXPECT_EQ(reader->LastPosition(), 402u);
  }
  ASSERT_OK_AND_ASSIGN(const FileContents after, ReadDirectory(place_.files(), path));
  EXPECT_EQ(DifferenceOf(killed, after), "");
  EXPECT_OK(DB::Open(options_, path));
}

TEST_F(OpenedReadOnly, APositionThatWillNotComeIsNotWaitedFor) {
  Close();
  ASSERT_OK_AND_ASSIGN(db_, DB::OpenReadOnly(ReadOnly(), path_));
  std::string value;
  EXPECT_OK(db_->Get({.at_least = 402}, "in the log", &value));
  EXPECT_STATUS(kTimeout, db_->Get({.at_least = 403}, "in the log", &value));
}

TEST_F(OpenedReadOnly, AnEmptyPathIsNoDirectory) {
  EXPECT_STATUS(kInvalidArgument, DB::OpenReadOnly(ReadOnly(), ""));
}

TEST_F(OpenedReadOnly, ADirectoryThatIsNotThereIsNotMade) {
  EXPECT_FALSE(DB::OpenReadOnly(ReadOnly(), place_.Join("nowhere")).ok());
  ASSERT_OK_AND_ASSIGN(const bool exists, place_.files()->Exists(place_.Join("nowhere")));
  EXPECT_FALSE(exists);
}

}  // namespace
}  // namespace logwood::test
