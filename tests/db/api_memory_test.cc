// Memory that the system does not have: what is answered, and that what was answered is whole
// (docs/invariants.md, 28). A thread may be refused allocations beyond a size.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

#include "logwood/db.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"
#include "util/pages.h"

// ThreadSanitizer's runtime defines new and mmap itself: nothing of this file is built with it.
#if !LOGWOOD_TEST_TSAN

namespace {
thread_local size_t allocation_bytes_max = std::numeric_limits<size_t>::max();

void* Allocate(size_t bytes) {
  return bytes <= allocation_bytes_max ? std::malloc(bytes == 0 ? 1 : bytes) : nullptr;
}
void* AllocateAligned(size_t bytes, std::align_val_t alignment) {
  void* room = nullptr;
  const auto to = static_cast<size_t>(alignment);
  const bool refused = bytes > allocation_bytes_max;
  return refused || ::posix_memalign(&room, to, bytes == 0 ? 1 : bytes) != 0 ? nullptr : room;
}
}  // namespace

#ifndef LOGWOOD_PAGES_FROM_NEW
// Where pages come from otherwise.
extern "C" void* mmap(void* address, size_t bytes, int protection, int flags, int fd,
                      off_t offset) noexcept {
  if (bytes > allocation_bytes_max) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what the call is
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, fd, offset));
}
#endif

// Inlined, the pairs would look mismatched to the compiler.
#define NOT_INLINE [[gnu::noinline]]
// For the whole program; without a limit they do what the library's do.
NOT_INLINE void* operator new(size_t bytes) {
  if (void* const room = Allocate(bytes)) return room;
  throw std::bad_alloc();
}
NOT_INLINE void* operator new[](size_t bytes) { return operator new(bytes); }
NOT_INLINE void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return Allocate(bytes);
}
NOT_INLINE void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return Allocate(bytes);
}
NOT_INLINE void* operator new(size_t bytes, std::align_val_t alignment) {
  if (void* const room = AllocateAligned(bytes, alignment)) return room;
  throw std::bad_alloc();
}
NOT_INLINE void* operator new[](size_t bytes, std::align_val_t alignment) {
  return operator new(bytes, alignment);
}
NOT_INLINE void* operator new(size_t bytes, std::align_val_t alignment,
                              const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, alignment);
}
NOT_INLINE void* operator new[](size_t bytes, std::align_val_t alignment,
                                const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, alignment);
}
NOT_INLINE void operator delete(void* room) noexcept { std::free(room); }
NOT_INLINE void operator delete[](void* room) noexcept { std::free(room); }
NOT_INLINE void operator delete(void* room, size_t) noexcept { std::free(room); }
NOT_INLINE void operator delete[](void* room, size_t) noexcept { std::free(room); }
NOT_INLINE void operator delete(void* room, std::align_val_t) noexcept { std::free(room); }
NOT_INLINE void operator delete[](void* room, std::align_val_t) noexcept { std::free(room); }
NOT_INLINE void operator delete(void* room, size_t, std::align_val_t) noexcept { std::free(room); }
NOT_INLINE void operator delete[](void* room, size_t, std::align_val_t) noexcept {
  std::free(room);
}

namespace logwood {
namespace {

// No allocation of this thread beyond so many bytes while it lives.
class AllocationLimit {
 public:
  explicit AllocationLimit(size_t bytes) { allocation_bytes_max = bytes; }
  ~AllocationLimit() { allocation_bytes_max = std::numeric_limits<size_t>::max(); }
};

constexpr size_t kLimit = 1 << 20;

class ApiMemory : public testing::Test {
 protected:
  ApiMemory() {
    Options options;
    options.file_system = fs_.get();
    options.compression = Compression::kNone;
    options.tuning.cache_bytes = 0;
    auto opened = DB::Open(options, "db");
    EXPECT_OK(opened);
    db_ = std::move(*opened);
  }

  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  const std::string large_ = std::string(4 << 20, 'x');
  std::unique_ptr<DB> db_;
};

TEST_F(ApiMemory, ABatchThatFindsNoMemoryWritesNothingOfIt) {
  WriteBatch batch;
  batch.Put("a", "1");
  {
    const AllocationLimit limit(kLimit);
    batch.Put("b", large_);
  }
  EXPECT_STATUS(kBusy, batch.status());
  EXPECT_EQ(batch.count(), 1u);
  EXPECT_STATUS(kBusy, db_->Write({}, batch));
  batch.Clear();
  batch.Put("a", "1");
  EXPECT_OK(db_->Write({}, batch));
}

TEST_F(ApiMemory, RoomAndNotesOfABatchAreAnswered) {
  WriteBatch batch;
  {
    const AllocationLimit limit(kLimit);
    batch.Reserve(4 << 20);
  }
  EXPECT_STATUS(kBusy, batch.status());
  batch.Clear();
  {
    const AllocationLimit limit(100);
    batch.Note(std::string_view(large_).substr(0, 1000));
  }
  EXPECT_STATUS(kBusy, batch.status());
  batch.Clear();
  batch.Reserve(size_t{1} << 40);
  EXPECT_STATUS(kInvalidArgument, batch.status());
}

TEST_F(ApiMemory, PutIsAnsweredAndTheNextOneWorks) {
  {
    const AllocationLimit limit(kLimit);
    EXPECT_STATUS(kBusy, db_->Put({}, "large", large_));
    EXPECT_OK(db_->Put({}, "small", "1"));
  }
  EXPECT_OK(db_->Put({}, "large", large_));
  EXPECT_EQ(db_->LastPosition(), 2u);
}

TEST_F(ApiMemory, ReadsOfATableAreAnswered) {
  ASSERT_OK(db_->Put({}, "large", large_));
  ASSERT_OK(db_->Put({}, "zsmall", "1"));
  ASSERT_OK(db_->Flush());
  std::string value;
  PinnedValue pinned;
  ASSERT_OK(db_->Get({}, "zsmall", &value));  // small blocks are cut from what there is already
  {
    const AllocationLimit limit(kLimit);
    EXPECT_STATUS(kBusy, db_->Get({}, "large", &value));
    EXPECT_STATUS(kBusy, db_->Get({}, Keyspace(), "large", &pinned));
    EXPECT_OK(db_->Get({}, "zsmall", &value));
    const std::unique_ptr<Iterator> iterator = db_->NewIterator({});
    iterator->SeekToFirst();
    EXPECT_FALSE(iterator->Valid());
    EXPECT_STATUS(kBusy, iterator->status());
  }
  ASSERT_OK(db_->Get({}, "large", &value));
  EXPECT_TRUE(value == large_);
}

TEST_F(ApiMemory, AFilterIsAnsweredWhenATableIsOpened) {
  constexpr uint32_t kKeys = 60'000;
  constexpr size_t kLessThanTheFilter = 40 << 10;
  for (uint32_t i = 0; i < kKeys; i += 1000) {
    WriteBatch batch;
    for (uint32_t j = i; j < i + 1000; ++j) batch.Put(std::to_string(100'000 + j), "v");
    ASSERT_OK(db_->Write({}, batch));
  }
  ASSERT_OK(db_->Flush());
  db_.reset();
  Options options;
  options.file_system = fs_.get();
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  std::string value;
  {
    const AllocationLimit limit(kLessThanTheFilter);
    const Status got = db_->Get({}, "123456", &value);
    EXPECT_STATUS(kBusy, got);
    EXPECT_NE(got.message().find(".table:"), std::string_view::npos) << got.ToString();
  }
  ASSERT_OK(db_->Get({}, "123456", &value));
  EXPECT_EQ(value, "v");
}

TEST_F(ApiMemory, OpeningIsAnsweredAndWorksLater) {
  ASSERT_OK(db_->Put({}, "large", large_));
  db_.reset();
  Options options;
  options.file_system = fs_.get();
  {
    const AllocationLimit limit(kLimit);
    const Status opened = DB::Open(options, "db").status();
    EXPECT_STATUS(kBusy, opened);
    EXPECT_NE(opened.message().find("no memory"), std::string_view::npos) << opened.ToString();
  }
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  std::string value;
  ASSERT_OK(db_->Get({}, "large", &value));
  EXPECT_TRUE(value == large_);
}

TEST_F(ApiMemory, CopyingAValueOutIsAnswered) {
  ASSERT_OK(db_->Put({}, "large", large_));  // in the memtable: only the copy needs memory
  std::string value;
  {
    const AllocationLimit limit(kLimit);
    EXPECT_STATUS(kBusy, db_->Get({}, "large", &value));
  }
  ASSERT_OK(db_->Get({}, "large", &value));
  EXPECT_TRUE(value == large_);
}

}  // namespace
}  // namespace logwood
#endif
