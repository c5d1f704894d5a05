// A database whose file operations stop, or fail once, at each place: nothing acknowledged is lost,
// nothing hangs, and the next open without faults finds a state that was. (Power loss with torn and
// reordered writes: tests/crash.)
#include <gtest/gtest.h>

#include <functional>

#include "tests/db/crash_support.h"

namespace logwood {
namespace {

using test::FileContents;
using test::Life;
using test::TinyOptions;

constexpr uint64_t kOperationsMax = 5000;

void Writes(Life* life, int count, size_t bytes = 20) {
  for (int i = 0; i < count; ++i) {
    static_cast<void>(life->Write(i % 4 == 0 ? Durability::kPower : Durability::kProcess, bytes));
  }
}

// A write that is cut short gets through in part: none of it, or up to nine tenths. (All of it
// would be a commit that is there without having been acknowledged.)
uint32_t TornPercent(uint64_t operation) { return operation * 37 % 91; }

// Runs `story` on a fresh copy of `before` with each operation failing in turn, until a run gets
// through without meeting the fault; then the directory is opened without faults and looked at.
struct Enumeration {
  FileContents before = {};
  bool for_ever = true;
  std::function<void(Life*, const Options&)> story = {};

  void Run() {
    for (uint64_t n = 1; n < kOperationsMax; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n) + (for_ever ? " and all after it" : " once"));
      auto base = FileSystem::InMemory();
      if (!before.empty()) {
        ASSERT_OK(test::WriteDirectory(base.get(), Life::kPath, before));
      }
      FaultyFileSystem faulty(base.get());
      faulty.TearAtFailure(TornPercent(n));
      if (for_ever) {
        faulty.FailFromOperation(n);
      } else {
        faulty.FailOperation(n);
      }
      Life life;
      story(&life, TinyOptions(&faulty));
      static_cast<void>(life.Close());
      const bool got_through = faulty.total() < n;
      ASSERT_NO_FATAL_FAILURE(LookAgain(&life, TinyOptions(base.get())));
      if (got_through || testing::Test::HasFailure()) return;
    }
    FAIL() << "the story does not end";
  }

  static void LookAgain(Life* life, const Options& options) {
    ASSERT_OK(life->Open(options));
    ASSERT_OK(life->Write(Durability::kPower));
    ASSERT_OK(life->db()->Flush());
    ASSERT_OK(life->CreateOrDropKeyspace());
    ASSERT_OK(life->db()->CompactAll({}));
    life->Check();
    ASSERT_OK(life->db()->Verify({}));
    ASSERT_OK(life->Close());
    ASSERT_OK(life->Open(options));
    EXPECT_TRUE(life->db()->GetRecoveryInfo().clean);
    ASSERT_OK(life->Close());
  }
};

TEST(Crash, CreationCutShortAtEachOperationOpensAgain) {
  Enumeration all;
  all.story = [](Life* life, const Options& options) {
    if (life->OpenUnseen(options).ok()) Writes(life, 3);
  };
  all.Run();
}

TEST(Crash, LifeWithFlushesAndCompactionsCutShortAtEachOperationLosesNothing) {
  Enumeration all;
  all.story = [](Life* life, const Options& options) {
    if (!life->OpenUnseen(options).ok()) return;
    for (int round = 0; round < 3; ++round) {
      Writes(life, 6, 700);
      static_cast<void>(life->db()->Flush());
      static_cast<void>(life->CreateOrDropKeyspace());
    }
    static_cast<void>(life->db()->CompactAll({}));
    Writes(life, 3);
  };
  all.Run();
}

TEST(Crash, MemtablesAndSegmentsThatFillUpCutShortAtEachOperationLoseNothing) {
  Enumeration all;
  all.story = [](Life* life, const Options& options) {
    if (!life->OpenUnseen(options).ok()) return;
    Writes(life, 60, 4000);
  };
  all.Run();
}

TEST(Crash, EachOperationFailingOnceLosesNothingAndNeverHangs) {
  Enumeration all;
  all.for_ever = false;
  all.story = [](Life* life, const Options& options) {
    // The second open of a directory whose first one failed must succeed.
    if (!life->OpenUnseen(options).ok()) {
      ASSERT_OK(life->OpenUnseen(options));
    }
    for (int round = 0; round < 3; ++round) {
      Writes(life, 6, 700);
      static_cast<void>(life->db()->Flush());
      static_cast<void>(life->CreateOrDropKeyspace());
      life->CheckOneRead();
    }
    static_cast<void>(life->db()->CompactAll({}));
    Writes(life, 3);
    static_cast<FaultyFileSystem*>(options.file_system)->FailOperation(0);
    life->Check();  // reads go on whatever became of the writes
  };
  all.Run();
}

TEST(Crash, FillingUpWithEachOperationFailingOnceLosesNothingAndNeverHangs) {
  Enumeration all;
  all.for_ever = false;
  all.story = [](Life* life, const Options& options) {
    if (!life->OpenUnseen(options).ok()) {
      ASSERT_OK(life->OpenUnseen(options));
    }
    Writes(life, 60, 4000);
    static_cast<FaultyFileSystem*>(options.file_system)->FailOperation(0);
    life->Check();
  };
  all.Run();
}

TEST(Crash, AfterAFailedSyncOfTheLogNothingIsAcknowledgedUntilTheNextOpen) {
  auto base = FileSystem::InMemory();
  FaultyFileSystem faulty(base.get());
  Life life;
  ASSERT_OK(life.Open(TinyOptions(&faulty)));
  Writes(&life, 5);
  bool failed = false;
  faulty.SetFault([&failed](FileOp op, const std::string& path) {
    if (failed || op != FileOp::kSync || !path.ends_with(".log")) return Status();
    failed = true;
    return Status::IoError("sync " + path + ": injected");
  });
  EXPECT_STATUS(kIoError, life.Write(Durability::kPower));
  const LogPos acknowledged = life.acknowledged();
  for (int i = 0; i < 5; ++i) {
    const Status refused = life.Write(i % 2 ? Durability::kPower : Durability::kProcess);
    EXPECT_STATUS(kReadOnly, refused);
    EXPECT_NE(refused.message().find(".log"), std::string_view::npos) << refused.ToString();
  }
  EXPECT_FALSE(life.db()->WaitDurable(life.db()->LastPosition()).ok());
  EXPECT_FALSE(life.db()->Flush().ok());
  EXPECT_FALSE(life.db()->CompactAll({}).ok());
  EXPECT_TRUE(life.db()->GetStats().writes_stopped);
  EXPECT_EQ(life.acknowledged(), acknowledged);
  life.Check();
  EXPECT_STATUS(kIoError, life.Close());
  ASSERT_OK(life.Open(TinyOptions(base.get())));
  EXPECT_FALSE(life.db()->GetRecoveryInfo().clean);
  ASSERT_OK(life.Write());
}

TEST(Crash, AFullDiskRefusesWritesAndResumesByItself) {
  auto base = FileSystem::InMemory();
  FaultyFileSystem faulty(base.get());
  Life life;
  ASSERT_OK(life.Open(TinyOptions(&faulty)));
  Writes(&life, 5, 700);
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK(life.Write());
    faulty.SetFault([](FileOp op, const std::string& path) {
      const bool grows = op == FileOp::kCreate || op == FileOp::kAppend || op == FileOp::kReserve ||
                         op == FileOp::kStore;
      return grows ? Status::NoSpace("no space: " + path) : Status();
    });
    for (int i = 0; i < 5; ++i) EXPECT_STATUS(kNoSpace, life.Write(Durability::kPower));
    EXPECT_STATUS(kNoSpace, life.db()->Flush());
    life.Check();
    faulty.SetFault({});
    for (int i = 0; i < 30; ++i) ASSERT_OK(life.Write(Durability::kPower, 4000));
    ASSERT_OK(life.db()->Flush());
    life.Check();
    ASSERT_OK(life.db()->Verify({}));
  }
  ASSERT_OK(life.Close());
  ASSERT_OK(life.Open(TinyOptions(base.get())));
  EXPECT_TRUE(life.db()->GetRecoveryInfo().clean);
}

// A directory as a killed process leaves it: tables, several segments, a keyspace.
FileContents KilledDirectory(Life* life) {
  auto base = FileSystem::InMemory();
  EXPECT_OK(life->Open(TinyOptions(base.get())));
  for (int round = 0; round < 3; ++round) {
    Writes(life, 8, 3000);
    EXPECT_OK(life->db()->Flush());
    EXPECT_OK(life->CreateOrDropKeyspace());
  }
  EXPECT_OK(life->db()->WaitForCompaction());
  Writes(life, 20, 1500);
  auto contents = test::ReadLiveDirectory(base.get(), Life::kPath);
  EXPECT_OK(contents);
  EXPECT_OK(life->Close());
  return *contents;
}

// The same history for each copy of the directory.
struct Killed {
  Life life = {};
  FileContents directory = KilledDirectory(&life);
};

TEST(Crash, OpenOfAKilledDatabaseCutShortAtEachOperationAndRepeated) {
  Killed killed;
  for (uint64_t n = 1; n < kOperationsMax; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    auto base = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(base.get(), Life::kPath, killed.directory));
    FaultyFileSystem faulty(base.get());
    faulty.TearAtFailure(TornPercent(n));
    faulty.FailFromOperation(n);
    const bool opened = killed.life.OpenUnseen(TinyOptions(&faulty)).ok();
    const bool got_through = faulty.total() < n;
    static_cast<void>(killed.life.Close());
    // Recovery of the recovery, cut short as well.
    for (uint64_t m = 1; m <= n; m += 1 + n / 7) {
      faulty.FailFromOperation(m);
      static_cast<void>(killed.life.OpenUnseen(TinyOptions(&faulty)));
      static_cast<void>(killed.life.Close());
    }
    ASSERT_OK(killed.life.Open(TinyOptions(base.get())));
    ASSERT_OK(killed.life.db()->Verify({}));
    ASSERT_OK(killed.life.Close());
    if ((opened && got_through) || HasFailure()) return;
  }
  FAIL() << "opening does not end";
}

TEST(Crash, OpenOfAKilledDatabaseWithEachOperationFailingOnce) {
  Killed killed;
  for (uint64_t n = 1; n < kOperationsMax; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    auto base = FileSystem::InMemory();
    ASSERT_OK(test::WriteDirectory(base.get(), Life::kPath, killed.directory));
    FaultyFileSystem faulty(base.get());
    faulty.TearAtFailure(TornPercent(n));
    faulty.FailOperation(n);
    const Status first = killed.life.OpenUnseen(TinyOptions(&faulty));
    if (!first.ok()) {
      EXPECT_STATUS(kIoError, first);
    }
    const bool got_through = faulty.total() < n;
    static_cast<void>(killed.life.Close());
    faulty.FailOperation(0);
    ASSERT_OK(killed.life.Open(TinyOptions(&faulty)));
    ASSERT_OK(killed.life.Close());
    if (got_through || HasFailure()) return;
  }
  FAIL() << "opening does not end";
}

TEST(Crash, ReadOnlyOpenWithEachOperationFailingOnceChangesNothing) {
  Killed killed;
  auto base = FileSystem::InMemory();
  ASSERT_OK(test::WriteDirectory(base.get(), Life::kPath, killed.directory));
  FaultyFileSystem faulty(base.get());
  ReadOnlyOptions options;
  options.file_system = &faulty;
  for (uint64_t n = 1; n < kOperationsMax; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    faulty.ResetCounts();
    faulty.FailOperation(n);
    auto db = DB::OpenReadOnly(options, Life::kPath);
    const bool got_through = faulty.total() < n;
    if (!db.ok()) {
      EXPECT_STATUS(kIoError, db);
    }
    if (got_through) {
      ASSERT_OK(db);
      EXPECT_EQ((*db)->LastPosition(), killed.life.last());
    }
    db = Status::Cancelled("closes it");
    ASSERT_OK_AND_ASSIGN(const FileContents after, test::ReadDirectory(base.get(), Life::kPath));
    ASSERT_EQ(test::DifferenceOf(killed.directory, after), "");
    if (got_through) return;
  }
  FAIL() << "opening does not end";
}

}  // namespace
}  // namespace logwood
