// How long the leader of the write queue looks at what a transaction relies on, when tables change
// between the look before its turn and that at its turn.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "logwood/transaction.h"
#include "tests/support/database_fixture.h"
#include "util/forwarding_file_system.h"
#include "util/random.h"

namespace logwood::test {
namespace {

// What one thread reads of tables.
struct TableReads {
  const std::thread::id thread = std::this_thread::get_id();
  bool counts = false;
  uint64_t bytes = 0;            // since it counts
  std::function<void()> on_one;  // from inside of each
  void Note(size_t size) {
    if (std::this_thread::get_id() != thread || !counts) return;
    bytes += size;
    on_one();
  }
};

class WatchedFile final : public RandomAccessFile {
 public:
  WatchedFile(std::unique_ptr<RandomAccessFile> base, TableReads* reads)
      : base_(std::move(base)), reads_(reads) {}
  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    reads_->Note(size);
    return base_->Read(offset, size, buffer);
  }
  Result<uint64_t> Size() const override { return base_->Size(); }
  void Advise(Access access) const override { base_->Advise(access); }

 private:
  const std::unique_ptr<RandomAccessFile> base_;
  TableReads* const reads_;
};

class WatchedTables final : public ForwardingFileSystem {
 public:
  WatchedTables(FileSystem* base, TableReads* reads) : ForwardingFileSystem(base), reads_(reads) {}
  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override {
    auto opened = ForwardingFileSystem::OpenRandomAccess(path);
    if (!opened.ok() || !path.ends_with(".table")) return opened;
    return std::unique_ptr<RandomAccessFile>(
        std::make_unique<WatchedFile>(std::move(opened).value(), reads_));
  }

 private:
  TableReads* const reads_;
};

class TransactionLook : public DatabaseTest {
 protected:
  TransactionLook() {
    options_.file_system = &tables_;
    options_.memory_budget_bytes = 8 << 20;
    options_.tuning.memtable_bytes = 256 << 10;
    options_.tuning.table_bytes = 32 << 20;  // one has all
  }
  void TearDown() override { db_.reset(); }

  TableReads reads_;
  std::unique_ptr<FileSystem> memory_ = FileSystem::InMemory();
  WatchedTables tables_{memory_.get(), &reads_};
};

// What the first look saw in tables that are no newer than the snapshot, a compaction puts beside
// what is newer, and at the commit's turn all of that would have to be gone through.
TEST_F(TransactionLook, AtItsTurnIsShortWhateverCompactionDidBefore) {
  Open();
  constexpr int kRows = 6000;
  Random random(1);
  const auto key = [](int i) { return "k" + std::to_string(100'000 + i); };
  for (int i = 0; i < kRows; ++i) {
    std::string value(1000, ' ');
    for (char& byte : value) byte = static_cast<char>(random.Uniform(256));
    ASSERT_OK(db_->Put({}, key(i), value));
  }
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK_AND_ASSIGN(const auto transaction, db_->BeginTransaction({}));
  IteratorOptions all_rows;
  all_rows.prefix = "k";
  ASSERT_EQ(RowsOf(transaction->NewIterator(all_rows).get()).size(), static_cast<size_t>(kRows));
  ASSERT_OK(transaction->Put("own", "1"));
  // Beside the range on both sides: a look into its table, and no conflict.
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->Put({}, "z", "1"));
  ASSERT_OK(db_->Flush());
  bool compacted = false;
  std::future<Status> other;  // another thread's write, which is not to wait for all that
  std::future_status waited = std::future_status::deferred;
  reads_.on_one = [&] {
    if (!compacted) {
      reads_.counts = false;
      ASSERT_OK(db_->Put({}, "j", "1"));
      ASSERT_OK(db_->CompactAll({.force_last_level = true}));
      reads_.bytes = 0;
      compacted = reads_.counts = true;
    } else if (reads_.bytes >= 3 << 20) {
      reads_.counts = false;
      other = std::async(std::launch::async, [&] { return db_->Put({}, "b", "2").status(); });
      waited = other.wait_for(std::chrono::seconds(5));
    }
  };
  reads_.counts = true;
  ASSERT_OK(transaction->Commit({}).status());
  EXPECT_TRUE(compacted);
  EXPECT_EQ(waited, std::future_status::ready) << "a write waited for the leader's look";
  if (other.valid()) {
    EXPECT_OK(other.get());
  }
}

}  // namespace
}  // namespace logwood::test
