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

TEST_F(TableCheckTest, EachDamagedBlockIsReportedWithItsOwnKeys) {
  const size_t first_value = whole_.find("value");
  const size_t last_value = whole_.rfind("value");
  db_.Flip(name_, first_value);
  db_.Flip(name_, last_value);
  const Status status = Check();
  ASSERT_EQ(found_.size(), 2u);
  EXPECT_EQ(found_[0].first_keyspace, "default");
  EXPECT_EQ(found_[0].first_key, "k100");
  EXPECT_LT(found_[0].last_key, "k140");
  EXPECT_GT(found_[1].first_key, "k120");
  EXPECT_EQ(found_[1].last_key, "k159");
  EXPECT_LT(found_[0].offset, found_[1].offset);
  // Of positions only those of the whole table are known; the answer is the first damage.
  EXPECT_EQ(found_[1].first_position, 1u);
  EXPECT_EQ(found_[1].last_position, 60u);
  EXPECT_NE(status.message().find(name_ + ":" + std::to_string(found_[0].offset) + ":"),
            std::string_view::npos)
      << status.ToString();
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

TEST_F(TableCheckTest, WhatKeepsAFileFromBeingOpenedIsNoDamage) {
  files_.SetFault([](FileOp op, const std::string&) {
    return op == FileOp::kOpen ? Status::IoError("no descriptors") : Status();
  });
  EXPECT_STATUS(kIoError, Check());
  EXPECT_TRUE(found_.empty());
}

TEST_F(TableCheckTest, EachFailedReadIsTheAnswer) {
  files_.ResetCounts();
  ASSERT_OK(Check());
  const uint64_t operations = files_.total();
  ASSERT_GT(operations, 2u);
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    files_.FailOperation(n);
    EXPECT_STATUS(kIoError, Check());
  }
}

TEST_F(TableCheckTest, DamageWeighsMoreThanAReadThatFailedBefore) {
  files_.ResetCounts();
  ASSERT_OK(Check());
  const uint64_t operations = files_.total();
  db_.Flip(name_, whole_.rfind("value"));
  int met_both = 0;
  for (uint64_t n = 1; n <= operations; ++n) {
    files_.FailOperation(n);
    const Status status = Check();
    bool damage = false, failure = false;
    for (const Damage& found : found_) {
      (found.what.find("injected") != std::string::npos ? failure : damage) = true;
    }
    met_both += damage && failure;
    if (damage) {
      EXPECT_STATUS(kCorruption, status);
    }
  }
  EXPECT_GT(met_both, 0);
}

}  // namespace
}  // namespace logwood
