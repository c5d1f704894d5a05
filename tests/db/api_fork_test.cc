// A process forks while it has a database open: the database stays with the parent.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

class Forked : public DatabaseTest {
 protected:
  Forked() : DatabaseTest(/*posix=*/true) {}
  void SetUp() override {
    options_.durability = Durability::kPower;
    Open();
    ASSERT_OK(db_->Put({}, "before", "1"));
  }

  // What `in_child` answers in a child of this process; -1 when a signal ended it, -2 when it did
  // not end by itself.
  template <typename InChild>
  static int ExitCodeOfChild(InChild in_child) {
    constexpr unsigned kSecondsMax = 60;
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(kSecondsMax);
      ::_exit(in_child());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return WTERMSIG(status) == SIGALRM ? -2 : -1;
  }
  // The C library lets a child allocate whatever other threads were at; these do not.
  static bool ChildMayAllocate() { return !kSanitized; }
  static bool IsClosed(const Status& status) { return status.Is(StatusCode::kClosed); }
};

TEST_F(Forked, EveryCallInTheChildIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot());
  const int refused = ExitCodeOfChild([&] {
    std::string value;
    WriteBatch batch;
    batch.Put("k", "v");
    const std::vector<std::string_view> keys = {"before"};
    std::vector<PinnedValue> values(1);
    const auto iterator = db_->NewIterator({});
    iterator->SeekToFirst();
    const Status refusals[] = {
        db_->Put({}, "k", "child").status(),
        db_->Delete({}, "before").status(),
        db_->Write({}, batch).status(),
        db_->Merge({}, "k", "no operator").status(),
        db_->WaitDurable(1),
        db_->Get({}, "before", &value),
        db_->Get({.snapshot = snapshot.get()}, "before", &value),
        db_->MultiGet({}, Keyspace(), keys, values)[0],
        db_->Contains({}, Keyspace(), "before").status(),
        iterator->status(),
        db_->GetSnapshot().status(),
        db_->CreateKeyspace({}, "k").status(),
        db_->OpenKeyspace("default").status(),
        db_->OpenOrCreateKeyspace({}, "default").status(),
        db_->ListKeyspaces().status(),
        db_->DropKeyspace({}, "k").status(),
        db_->Flush(),
        db_->CompactAll({}),
        db_->CompactRange({}, Keyspace(), {}),
        db_->WaitForCompaction(),
        db_->Verify({}),
        db_->Close(),
    };
    int answer = 0;
    for (const Status& status : refusals) {
      ++answer;
      if (!IsClosed(status)) return answer;
    }
    static_cast<void>(db_->GetStats());
    static_cast<void>(db_->Estimate(Keyspace(), {}));
    return db_->Close().message().find("fork") == std::string_view::npos ? 100 : 0;
  });
  EXPECT_EQ(refused, 0);
}

TEST_F(Forked, TheParentKeepsWhatItWritesAlthoughAChildLetsGoOfEverything) {
  auto snapshot = *db_->GetSnapshot();
  const auto let_go = [&] {
    snapshot.reset();
    db_.reset();
    return 0;
  };
  EXPECT_EQ(ExitCodeOfChild(let_go), 0);
  ASSERT_OK(db_->Put({}, "between", "2"));
  EXPECT_EQ(ExitCodeOfChild(let_go), 0);
  ASSERT_OK(db_->Put({}, "after", "3"));
  snapshot.reset();
  Reopen();
  EXPECT_EQ(Entries(), "after=3 before=1 between=2");
}

TEST_F(Forked, AnotherOpenInTheChildIsBusyUntilTheParentCloses) {
  const auto open = [&] { return static_cast<int>(DB::Open(options_, path_).status().code()); };
  EXPECT_EQ(ExitCodeOfChild(open), static_cast<int>(StatusCode::kBusy));
  ASSERT_OK(db_->Close());
  EXPECT_EQ(ExitCodeOfChild(open), 0);
  db_.reset();
}

TEST_F(Forked, AChildOfAReaderIsRefusedToo) {
  Close();
  ASSERT_OK_AND_ASSIGN(db_, DB::OpenReadOnly(ReadOnly(), path_));
  EXPECT_EQ(ExitCodeOfChild([&] {
              std::string value;
              if (!IsClosed(db_->Get({}, "before", &value))) return 1;
              db_.reset();
              return 0;
            }),
            0);
  EXPECT_EQ(Value("before"), "1");
}

// At the moment of the fork some thread may hold any lock of what all databases share.
TEST_F(Forked, AChildMayLetGoOfHandlesAndOpenADatabaseOfItsOwnWhileThreadsRead) {
  if (!ChildMayAllocate()) GTEST_SKIP() << "the sanitizer's allocator hangs in such a child";
  for (int i = 0; i < 2000; ++i)
    ASSERT_OK(
        db_->Put({.durability = Durability::kProcess}, std::to_string(i), std::string(500, 'v')));
  ASSERT_OK(db_->CompactAll({}));
  Close();
  options_.tuning.cache_bytes = 0;  // each read allocates and frees blocks
  Open();
  std::atomic<bool> stop{false};
  const auto read = [&] {
    while (!stop.load()) {
      const auto iterator = db_->NewIterator({});
      for (iterator->SeekToFirst(); iterator->Valid() && !stop.load(); iterator->Next()) continue;
    }
  };
  std::thread one(read);
  std::thread two(read);
  for (int i = 0; i < 30; ++i) {
    auto iterator = db_->NewIterator({});
    iterator->SeekToFirst();
    PinnedValue pinned;
    ASSERT_OK(db_->Get({}, Keyspace(), "7", &pinned));
    EXPECT_EQ(ExitCodeOfChild([&] {
                iterator.reset();
                pinned.Reset();
                db_.reset();
                Options options;
                options.file_system = options_.file_system;
                auto own = DB::Open(options, path_ + ".own" + std::to_string(i));
                if (!own.ok()) return 1;
                for (int k = 0; k < 50; ++k)
                  if (!(*own)->Put({}, std::to_string(k), std::string(500, 'x')).ok()) return 2;
                if (!(*own)->CompactAll({}).ok()) return 3;
                std::string value;
                return (*own)->Get({}, "49", &value).ok() ? 0 : 4;
              }),
              0);
  }
  stop.store(true);
  one.join();
  two.join();
}

TEST_F(Forked, ChildrenMadeWhileThreadsWriteLeaveEveryCommit) {
  if (!ChildMayAllocate()) GTEST_SKIP() << "the sanitizer's allocator hangs in such a child";
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> written{0};
  const auto write = [&](int writer) {
    for (uint64_t i = 0; !stop.load(); ++i) {
      const std::string key = "w" + std::to_string(writer) + "/" + std::to_string(i);
      if (!db_->Put({.durability = Durability::kProcess}, key, std::string(100, 'v')).ok()) return;
      written.fetch_add(1);
    }
  };
  std::thread one(write, 1);
  std::thread two(write, 2);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ExitCodeOfChild([&] {
                std::string value;
                if (!IsClosed(db_->Put({}, "child", "x").status())) return 1;
                if (!IsClosed(db_->Get({}, "before", &value))) return 2;
                db_.reset();
                return 0;
              }),
              0);
  }
  stop.store(true);
  one.join();
  two.join();
  EXPECT_EQ(db_->LastPosition(), written.load() + 1);
  Reopen();
  EXPECT_EQ(db_->LastPosition(), written.load() + 1);
  uint64_t found = 0;
  const auto iterator = db_->NewIterator({});
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++found;
  EXPECT_OK(iterator->status());
  EXPECT_EQ(found, written.load() + 1);
}

}  // namespace
}  // namespace logwood::test
