// A table that somebody truncates while it is open: an error that names it, never a signal.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/generators.h"

namespace logwood::test {
namespace {

class ShrunkTable : public DatabaseTest {
 protected:
  ShrunkTable() : DatabaseTest(/*posix=*/true) {}

  static bool NamesATable(const Status& status) {
    const bool is_error = status.Is(StatusCode::kCorruption) || status.Is(StatusCode::kIoError);
    return is_error && status.message().find(".table") != std::string_view::npos;
  }
};

TEST_F(ShrunkTable, IsAnErrorToWhoReadsItAndLaterToo) {
  constexpr uint32_t kKeys = 2000;
  options_.tuning.table_bytes = 1 << 20;
  options_.tuning.cache_bytes = 0;
  options_.compression = Compression::kNone;
  Open();
  for (uint32_t i = 0; i < kKeys; ++i) ASSERT_OK(db_->Put({}, KeyOf(i), std::string(500, 'v')));
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());  // replaced tables may be there a moment longer
  const auto iterator = db_->NewIterator({});
  iterator->SeekToFirst();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(iterator->Valid());
    iterator->Next();
  }
  int shrunk = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (entry.path().extension() != ".table") continue;
    std::filesystem::resize_file(entry.path(), entry.file_size() / 3);
    ++shrunk;
  }
  ASSERT_GT(shrunk, 0);
  uint32_t read = 10;
  for (; iterator->Valid(); iterator->Next()) ++read;
  EXPECT_TRUE(NamesATable(iterator->status())) << iterator->status().ToString();
  EXPECT_LT(read, kKeys);
  std::string value;
  uint32_t errors = 0;
  for (uint32_t i = 0; i < kKeys; i += 50) {
    const Status got = db_->Get({}, KeyOf(i), &value);
    if (got.ok()) continue;
    EXPECT_TRUE(NamesATable(got)) << got.ToString();
    ++errors;
  }
  EXPECT_GT(errors, 0u);
  std::vector<std::string> keys;
  for (uint32_t i = 0; i < kKeys; i += 50) keys.push_back(KeyOf(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<PinnedValue> values(keys.size());
  const std::vector<Status> statuses = db_->MultiGet({}, Keyspace(), views, values);
  EXPECT_EQ(std::count_if(statuses.begin(), statuses.end(), NamesATable), errors);
  EXPECT_EQ(std::count_if(statuses.begin(), statuses.end(), [](const Status& s) { return s.ok(); }),
            statuses.size() - errors);
  const auto backward = db_->NewIterator({});
  backward->SeekToLast();
  EXPECT_FALSE(backward->Valid());
  EXPECT_TRUE(NamesATable(backward->status())) << backward->status().ToString();
  EXPECT_TRUE(NamesATable(db_->Verify({})));
  ASSERT_OK(db_->Put({}, KeyOf(kKeys / 2), "over what is there"));
  const Status compacted = db_->CompactAll({});
  EXPECT_TRUE(NamesATable(compacted)) << compacted.ToString();
  EXPECT_OK(db_->Get({}, KeyOf(0), &value)) << "a failed compaction has taken what could be read";
  EXPECT_OK(db_->Put({}, "new", "1"));
}

}  // namespace
}  // namespace logwood::test
