// CheckTable: every byte of a table is looked at, and what is said of damage is enough to know what
// it may cost.
#include "db/table_check.h"

#include <gtest/gtest.h>

#include "tests/db/handmade_database.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;

class TableCheckTest : public testing::Test {
 protected:
  TableCheckTest() {
    for (int i = 0; i < 60; ++i) {
      rows_.push_back({"k" + std::to_string(100 + i), static_cast<LogPos>(1 + i), "value"});
    }
    meta_ = db_.AddTable(10, rows_);
    name_ = TableFileName(10);
    whole_ = db_.Bytes(name_);
  }

  Status Check(const Catalogue* names) {
    found_.clear();
    advanced_ = 0;
    TableCheck check;
    check.fs = &files_;
    check.directory = HandmadeDatabase::kPath;
    check.names = names;
    check.report = [this](const Damage& damage) { found_.push_back(damage); };
    check.advance = [this](uint64_t bytes) {
      EXPECT_GT(bytes, 0u);
      advanced_ += bytes;
    };
    const Status status = CheckTable(check, meta_);
    EXPECT_EQ(advanced_, meta_.size) << "all of it is passed, whatever was met";
    return status;
  }
  Status Check() { return Check(&names_); }

  HandmadeDatabase db_;
  FaultyFileSystem files_{db_.fs()};
  const Catalogue names_;
  std::vector<HandmadeDatabase::Row> rows_;
  TableMeta meta_;
  std::string name_, whole_;
  std::vector<Damage> found_;
  uint64_t advanced_ = 0;
};

TEST_F(TableCheckTest, OfAWholeTableNothingIsReported) {
  EXPECT_OK(Check());
  EXPECT_TRUE(found_.empty());
}

TEST_F(TableCheckTest, EachFlippedByteIsReportedWithinTheTablesKeys) {
  for (uint64_t at = 0; at < whole_.size() && !HasFailure(); ++at) {
    SCOPED_TRACE(at);
    db_.Flip(name_, at);
    EXPECT_STATUS(kCorruption, Check());
    ASSERT_FALSE(found_.empty());
    for (const Damage& damage : found_) {
      EXPECT_EQ(damage.file, name_);
      EXPECT_FALSE(damage.what.empty());
      EXPECT_GE(damage.first_key, "k100");
      EXPECT_LE(damage.last_key, "k159");
      EXPECT_LE(damage.first_key, damage.last_key);
    }
    db_.Replace(name_, whole_);
  }
}

TEST_F(TableCheckTest, WithoutNamesKeyspacesHaveTheirNumbers) {
  db_.Flip(name_, 70);
  EXPECT_STATUS(kCorruption, Check(nullptr));
  ASSERT_FALSE(found_.empty());
  EXPECT_EQ(found_[0].first_keyspace, "#1");
}

TEST_F(TableCheckTest, AMissingFileIsDamageOfAllItsKeys) {
  db_.Remove(name_);
  EXPECT_STATUS(kCorruption, Check());
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].ToString(), name_ +
                                      ":0: the table is missing; keys default/k100 to default/k159"
                                      "; positions 1 to 60");
}

TEST_F(TableCheckTest, AnotherTableUnderItsNameIsDamage) {
  db_.AddTable(11, rows_);
  db_.Replace(name_, db_.Bytes(TableFileName(11)));
  EXPECT_STATUS(kCorruption, Check());
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].first_key, "k100");
  EXPECT_EQ(found_[0].last_key, "k159");
}

}  // namespace
}  // namespace logwood
