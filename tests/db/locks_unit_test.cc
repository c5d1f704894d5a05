// No I/O under the engine's mutexes (invariant 20): while a thread is within an operation of the
// file system, another asks for all that the mutexes guard.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <string>

#include "db/tree.h"
#include "tests/db/core_support.h"
#include "tests/db/db_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

// Long enough for any machine; only a lock that is held takes so long.
constexpr std::chrono::minutes kAnswerMax{2};

// Asks by a thread of its own within each operation. What it asks for may itself read files.
class AskingWithin {
 public:
  AskingWithin(FaultyFileSystem* fs, std::function<void()> ask) : fs_(fs), ask_(std::move(ask)) {
    fs_->SetFault([this](FileOp op, const std::string& path) { return Within(op, path); });
  }
  ~AskingWithin() {
    fs_->SetFault({});
    while (within_.load() != 0) std::this_thread::yield();  // the fault has been copied by then
  }
  uint64_t asked(FileOp op) const { return asked_[static_cast<size_t>(op)].load(); }

 private:
  Status Within(FileOp op, const std::string& path) {
    thread_local bool asks = false;
    if (asks) return Status::Ok();
    within_.fetch_add(1);
    auto answer = std::async(std::launch::async, [this] {
      asks = true;
      ask_();
    });
    if (answer.wait_for(kAnswerMax) != std::future_status::ready) {
      std::fprintf(stderr, "no answer while %s of %s is under way: some mutex is held\n",
                   std::string(FileOpName(op)).c_str(), path.c_str());
      std::abort();  // both threads wait for ever
    }
    asked_[static_cast<size_t>(op)].fetch_add(1);
    within_.fetch_sub(1);
    return Status::Ok();
  }

  FaultyFileSystem* const fs_;
  const std::function<void()> ask_;
  std::array<std::atomic<uint64_t>, kFileOps> asked_{};
  std::atomic<uint64_t> within_{0};
};

TEST(NoIoUnderMutexes, ConcurrentQuestionsToADatabaseAreAnsweredWithinEachOperation) {
  auto memory = FileSystem::InMemory();
  FaultyFileSystem fs(memory.get());
  Options options;
  options.file_system = &fs;
  options.tuning.memtable_bytes = 16 << 10;
  options.tuning.table_bytes = 16 << 10;
  options.tuning.log_segment_bytes = 32 << 10;
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  {
    AskingWithin asking(&fs, [&db] {
      EXPECT_GT(db->GetStats().log_segments, 0u);
      EXPECT_OK(db->GetSnapshot("within"));
      EXPECT_OK(db->ListKeyspaces());
      EXPECT_TRUE(db->NewIterator({})->status().ok());
    });
    for (int i = 0; i < 400; ++i) {
      const Durability durability = i % 50 == 0 ? Durability::kPower : Durability::kProcess;
      ASSERT_OK(db->Put({durability}, std::to_string(i * 7919 % 400), std::string(500, 'v')));
    }
    ASSERT_OK(db->CompactAll({}));
    ASSERT_OK(db->Flush());
    ASSERT_OK(db->WaitForCompaction());
    for (const FileOp op : {FileOp::kCreate, FileOp::kAppend, FileOp::kStore, FileOp::kSync,
                            FileOp::kSyncDirectory, FileOp::kRead, FileOp::kRemove}) {
      EXPECT_GT(asking.asked(op), 0u) << FileOpName(op);
    }
  }
  ASSERT_OK(db->Close());
}

class NoIoUnderTreeMutex : public testing::Test {
 protected:
  ~NoIoUnderTreeMutex() override { core_->executor->Shutdown(); }

  std::unique_ptr<FileSystem> memory_ = FileSystem::InMemory();
  FaultyFileSystem fs_{memory_.get()};
  std::shared_ptr<Core> core_ = test::NewCore(&fs_);
  std::unique_ptr<Tree> tree_ =
      std::make_unique<Tree>(core_.get(), test::NewVersionSet(&fs_), std::vector<SealedMemtable>(),
                             std::make_shared<Memtable>());
};

TEST_F(NoIoUnderTreeMutex, ConcurrentQuestionsToTheTreeAreAnsweredWhileItsManifestIsWritten) {
  AskingWithin asking(&fs_, [this] {
    EXPECT_NE(tree_->version(), nullptr);
    EXPECT_LE(tree_->Sealed().size(), 1u);
    const VersionSet& versions = tree_->versions();
    EXPECT_NE(versions.current(), nullptr);
    EXPECT_GT(versions.manifest_state().number, 0u);
    EXPECT_LE(versions.tables_state().position, 20u);
    EXPECT_EQ(versions.first_segment(), 0u);
    EXPECT_EQ(versions.obsolete_bytes(), 0u);
  });
  const uint64_t first = tree_->versions().manifest_state().number;
  // Descriptions of 100 KiB: after a dozen of them the manifest is written anew.
  for (uint64_t n = 1; n <= 20; ++n) {
    tree_->Seal(TablesState{n, n, n});
    const std::string begin = std::string(1, static_cast<char>('a' + n)) + std::string(50'000, 'a');
    Edit edit;
    edit.added.emplace_back(1, test::MetaOf(n + 100, begin, begin + "b"));
    edit.tables = TablesState{n, n, n};
    ASSERT_OK(tree_->Commit(std::move(edit), 1));
  }
  EXPECT_NE(tree_->versions().manifest_state().number, first);
  EXPECT_GT(asking.asked(FileOp::kRename), 0u);
}

}  // namespace
}  // namespace logwood
