// A process that runs out of file descriptors: calls fail while it lasts, nothing stays broken.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "logwood/db.h"
#include "tests/db/crash_support.h"
#include "tests/support/database_fixture.h"
#include "tests/support/generators.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

// Takes all descriptors of the process but `left`, and gives them back.
class Descriptors {
 public:
  Descriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    struct rlimit few = before_;
    few.rlim_cur = 256;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~Descriptors() {
    GiveBack();
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  void TakeAllBut(size_t left) {
    for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY)) {
      taken_.push_back(fd);
    }
    for (; left > 0 && !taken_.empty(); --left) Close();
  }
  void GiveBack() {
    while (!taken_.empty()) Close();
  }

 private:
  void Close() {
    ::close(taken_.back());
    taken_.pop_back();
  }

  struct rlimit before_ = {};
  std::vector<int> taken_;
};

std::string KeyAt(uint32_t i) { return "key" + std::to_string(100'000 + i); }

class OutOfDescriptors : public DatabaseTest {
 protected:
  OutOfDescriptors() : DatabaseTest(/*posix=*/true) {}
  void SetUp() override {
#if LOGWOOD_TEST_UBSAN
    GTEST_SKIP() << "UBSan looks at objects through a pipe of its own, and there are none here";
#endif
  }
};

TEST_F(OutOfDescriptors, WritesGoOnOnceThereAreSomeAgain) {
  Descriptors descriptors;
  std::string expected;
  Open();
  for (size_t left = 0; left < 8; ++left) {
    SCOPED_TRACE("descriptors left: " + std::to_string(left));
    const std::string key = "k" + std::to_string(left);
    ASSERT_OK(db_->Put({.durability = Durability::kPower}, key, "v"));
    descriptors.TakeAllBut(left);
    // Whatever they answer, it must not last.
    static_cast<void>(db_->Flush());
    const auto during = db_->Put({.durability = Durability::kPower}, key + "/during", "v");
    static_cast<void>(db_->CompactAll({.force_last_level = true}));
    descriptors.GiveBack();
    ASSERT_OK(db_->Put({.durability = Durability::kPower}, key + "/later", "v"));
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->CompactAll({.force_last_level = true}));
    ASSERT_FALSE(db_->GetStats().writes_stopped);
    expected += (expected.empty() ? "" : " ") + key + "=v";
    if (during.ok()) expected += " " + key + "/during=v";
    expected += " " + key + "/later=v";
  }
  EXPECT_EQ(Entries(), expected);
  Reopen();
  EXPECT_EQ(Entries(), expected);
}

// With segments, memtables and tables so small that there is always something to be opened.
TEST_F(OutOfDescriptors, RotationsFlushesAndCompactionsGoOnOnceThereAreSomeAgain) {
  Descriptors descriptors;
  options_ = TinyOptions(nullptr);
  for (size_t left = 0; left < 6; ++left) {
    SCOPED_TRACE("descriptors left: " + std::to_string(left));
    Life life(place_.Join("db" + std::to_string(left)));
    ASSERT_OK(life.Open(options_));
    ASSERT_OK(life.Write(Durability::kPower, 3000));
    ASSERT_OK(life.db()->Flush());
    ASSERT_OK(life.Write(Durability::kPower, 3000));
    descriptors.TakeAllBut(left);
    uint64_t refused = 0;
    for (int i = 0; i < 20; ++i) {
      const auto durability = i % 4 == 0 ? Durability::kPower : Durability::kProcess;
      const Status status = life.Write(durability, 3000);
      if (status.ok()) continue;
      ++refused;
      EXPECT_STATUS(kIoError, status);
    }
    static_cast<void>(life.db()->Flush());
    static_cast<void>(life.db()->CompactAll({}));
    descriptors.GiveBack();
    if (left == 0) {
      EXPECT_GT(refused, 0u);
    }
    life.Check();
    // Full memtables refuse writes until a flush succeeds: tried now and then, or when asked for.
    ASSERT_OK(life.db()->Flush());
    for (int i = 0; i < 20; ++i) ASSERT_OK(life.Write(Durability::kPower, 3000));
    ASSERT_OK(life.db()->Flush());
    ASSERT_OK(life.db()->CompactAll({}));
    ASSERT_FALSE(life.db()->GetStats().writes_stopped);
    ASSERT_OK(life.Close());
    ASSERT_OK(life.Open(options_));
    ASSERT_OK(life.Close());
  }
}

TEST_F(OutOfDescriptors, AnOpenSaysSoAndTheNextOneSucceeds) {
  Descriptors descriptors;
  Open();
  ASSERT_OK(db_->Put({}, "k", "v"));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Put({}, "l", "w"));
  Close();
  bool opened = false;
  for (size_t left = 0; !opened; ++left) {
    ASSERT_LT(left, 64u);
    descriptors.TakeAllBut(left);
    auto attempt = DB::Open(options_, path_);
    opened = attempt.ok();
    if (!opened) {
      EXPECT_STATUS(kIoError, attempt.status());
    }
    attempt = Status::Closed("let go");
    descriptors.GiveBack();
    Open();
    EXPECT_EQ(Entries(), "k=v l=w");
    Close();
  }
}

TEST_F(OutOfDescriptors, MoreTablesThanDescriptorsAreRead) {
  Descriptors descriptors;
  options_.tuning.table_bytes = 1 << 10;
  options_.tuning.memtable_bytes = 64 << 10;
  Open();
  constexpr uint32_t kKeys = 4000;
  for (uint32_t i = 0; i < kKeys; ++i) ASSERT_OK(db_->Put({}, KeyAt(i), ValueOf(i, 100)));
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  uint64_t tables = 0;
  for (const LevelStats& level : db_->GetStats().levels) tables += level.tables;
  ASSERT_GT(tables, 256u);
  Reopen();
  for (uint32_t i = 0; i < kKeys; ++i) ASSERT_EQ(Value(KeyAt(i)), ValueOf(i, 100));
  uint32_t found = 0;
  const auto iterator = db_->NewIterator({});
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++found;
  EXPECT_OK(iterator->status());
  EXPECT_EQ(found, kKeys);
}

}  // namespace
}  // namespace logwood::test
