// Where salvage may write: not into its source, nor into another database, whatever leads there.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "db/salvage.h"
#include "logwood/db.h"
#include "tests/db/db_test_support.h"
#include "tests/support/option_sets.h"

namespace logwood {
namespace {

class SalvagePlaceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"db", "other"}) {
      ASSERT_OK_AND_ASSIGN(const auto db, DB::Open({}, place_.Join(name)));
      ASSERT_OK(db->Put({}, "key", "value"));
      ASSERT_OK(db->Close());
    }
    ASSERT_OK(place_.files()->CreateDirectory(place_.Join("elsewhere")));
    ASSERT_EQ(symlink("db", place_.Join("link").c_str()), 0);
    ASSERT_OK(place_.files()->CreateWritable(place_.Join("db/x")).status());
    ASSERT_EQ(symlink("../elsewhere", place_.Join("db/away").c_str()), 0);
  }
  Status Salvaged(const std::string& source, const std::string& target) {
    SalvageOptions options;
    options.fs = place_.files();
    options.source = place_.Join(source);
    options.target = place_.Join(target);
    options.memory_bytes = 8 << 20;
    options.report = [](const SalvageLoss&) {};
    return Salvage(options).status();
  }

  test::Place place_{true};
};

TEST_F(SalvagePlaceTest, NothingIsWrittenIntoTheSource) {
  for (const bool has_root : {true, false}) {
    if (!has_root) {
      ASSERT_OK(place_.files()->Remove(place_.Join("db/ROOT")));
    }
    for (const std::string target :
         {"db/out", "./db/out", "link/out", "new/../db/out", "db/..out"}) {
      for (const std::string source : {"db", "link", "./db/.", "other/../db/"}) {
        EXPECT_STATUS(kInvalidArgument, Salvaged(source, target)) << source << " into " << target;
      }
    }
  }
}

TEST_F(SalvagePlaceTest, NorIntoAnotherDatabaseButAnywhereElse) {
  EXPECT_STATUS(kInvalidArgument, Salvaged("db", "other/out"));
  EXPECT_OK(Salvaged("db", "db/../saved"));
  EXPECT_OK(Salvaged("db", "db/away/saved"));
  EXPECT_OK(Salvaged("db", "dbs"));
}

}  // namespace
}  // namespace logwood
