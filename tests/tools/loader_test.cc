#include "tools/loader.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "tests/support/directory.h"
#include "tests/support/status_assert.h"

namespace logwood::tools {
namespace {

// As a batch does that finds no memory: it takes no record and says so only when asked.
TEST(Loader, ABatchThatRefusesItsRecordsIsAFailureAndNotAnEmptyLoad) {
  const test::TempDirectory place;
  std::ofstream(place.Join("in")) << "k\tv\n";
  const std::unique_ptr<FileSystem> fs = FileSystem::InMemory();
  Options options;
  options.file_system = fs.get();
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, "/db"));
  ASSERT_OK_AND_ASSIGN(const auto input, Input::Open(place.Join("in")));
  LoadOptions load;
  load.batch_bytes = load.memory.record_bytes_max = kBatchBytesMax + 1;  // refused when reserved
  Loader loader(*db, Keyspace(), *input, load);
  const LoadReport& report = loader.Run(nullptr);
  EXPECT_EQ(report.end, LoadEnd::kFailed);
  EXPECT_EQ(loader.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(report.records, 0U);
  EXPECT_EQ(report.last_line, 0U);
  EXPECT_EQ(db->LastPosition(), 0U);
}

}  // namespace
}  // namespace logwood::tools
