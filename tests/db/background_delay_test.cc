// How background work turns the shape of the tree into the price of a write: the limits are those
// of docs/architecture/11-background-work-and-back-pressure.md.
#include <gtest/gtest.h>

#include <string>

#include "tests/db/background_fixture.h"
#include "tests/db/db_test_support.h"

namespace logwood {
namespace {

constexpr uint64_t kMemtableBytes = 64 << 10;
constexpr uint32_t kLevel0Tables = 4;
constexpr uint64_t kBaseLevelBytes = kLevel0Tables * kMemtableBytes;
// At a hard limit writers get a quarter of the rate.
constexpr double kDelayAtHardLimit = 4e9 / kBytesPerSecondMin;

class WriteDelayTest : public test::BackgroundFixture {
 protected:
  WriteDelayTest() : BackgroundFixture(SmallTree()) {}

  static Options SmallTree() {
    Options options;
    options.tuning.memtable_bytes = kMemtableBytes;
    options.tuning.table_bytes = 8 << 10;
    options.tuning.level0_tables = kLevel0Tables;
    return options;
  }
  // Puts so many tables of this size into level 0, all of one range, and looks at the tree.
  void AddLevel0(uint32_t tables, uint64_t bytes_each) {
    Edit edit;
    for (uint32_t i = 0; i < tables; ++i) {
      edit.added.emplace_back(0, test::MetaOf(++tables_made_, "\x01k", "\x01l"));
      edit.added.back().second.size = bytes_each;
    }
    ASSERT_OK(tree_->Commit(std::move(edit), 0));
    Start();
  }
  double delay() const { return background_->delay_ns_per_byte(); }
  std::string reason() const { return background_->delay_reason(); }

 private:
  uint64_t tables_made_ = 0;
};

TEST_F(WriteDelayTest, Level0TablesPressFromTwiceTheNumberThatIsCompacted) {
  AddLevel0(2 * kLevel0Tables, 100);
  EXPECT_EQ(delay(), 0);
  EXPECT_EQ(reason(), "");
  AddLevel0(1, 100);
  EXPECT_GT(delay(), 0);
  EXPECT_LT(delay(), kDelayAtHardLimit / 4);
  EXPECT_EQ(reason(), "level-0 tables 9, soft limit 8");
}

TEST_F(WriteDelayTest, Level0TablesPressFullyAtSixTimesThatNumber) {
  AddLevel0(6 * kLevel0Tables, 100);
  EXPECT_DOUBLE_EQ(delay(), kDelayAtHardLimit);
  EXPECT_EQ(reason(), "level-0 tables 24, soft limit 8");
}

// Of four tables above an empty level one is debt, of six half.
TEST_F(WriteDelayTest, DebtPressesFromThreeBaseLevels) {
  AddLevel0(kLevel0Tables, 3 * kBaseLevelBytes);
  EXPECT_EQ(background_->compaction_debt(), 3 * kBaseLevelBytes);
  EXPECT_EQ(delay(), 0);
  EXPECT_EQ(reason(), "");
  AddLevel0(2, 0);
  EXPECT_EQ(background_->compaction_debt(), 6 * kBaseLevelBytes);
  EXPECT_GT(delay(), 0);
  EXPECT_LT(delay(), kDelayAtHardLimit / 4);
  EXPECT_EQ(reason(), "compaction debt 1.5 MiB, soft limit 768.0 KiB");
}

TEST_F(WriteDelayTest, DebtPressesFullyAtTwentyFourBaseLevels) {
  AddLevel0(kLevel0Tables + 2, 8 * kBaseLevelBytes);
  EXPECT_EQ(background_->compaction_debt(), 24 * kBaseLevelBytes);
  EXPECT_DOUBLE_EQ(delay(), kDelayAtHardLimit);
  EXPECT_EQ(reason(), "compaction debt 6.0 MiB, soft limit 768.0 KiB");
}

TEST_F(WriteDelayTest, TheDelayEndsWithTheBacklog) {
  AddLevel0(6 * kLevel0Tables, 100);
  ASSERT_GT(delay(), 0);
  Edit edit;
  for (uint64_t number = 1; number <= 6 * kLevel0Tables; ++number) {
    edit.removed.emplace_back(0, number);
  }
  ASSERT_OK(tree_->Commit(std::move(edit), 0));
  Start();
  EXPECT_EQ(background_->compaction_debt(), 0u);
  EXPECT_EQ(delay(), 0);
  EXPECT_EQ(reason(), "");
}

}  // namespace
}  // namespace logwood
