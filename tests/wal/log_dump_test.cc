// DumpSegment of what cannot be read whole, and where the file system fails.
#include "wal/log_dump.h"

#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

class LogDumpTest : public testing::Test {
 protected:
  LogDumpTest() {
    log_.Begin(1);
    log_.Append(4);
  }
  Result<DumpSummary> Dump(bool json = false) {
    lines_.clear();
    return DumpSegment(&files_, LogPath(1), {.json = json},
                       [this](std::string_view line) { lines_.emplace_back(line); });
  }
  // Its lines' first words.
  std::string Types() const {
    std::string types;
    for (const std::string& line : lines_) types += line.substr(0, line.find(' ')) + " ";
    return types;
  }
  void DamageRecord(LogPos position) {
    Poke(log_.fs(), LogPath(1), log_.records().at(position - 1).begin + 20, "damaged");
  }

  // Each in turn, in two ways.
  void ExpectFailedOperationsAreTheAnswer() {
    for (const StatusCode code : {StatusCode::kIoError, StatusCode::kBusy}) {
      uint64_t failures = 0;
      for (uint64_t n = 1;; ++n, ++failures) {
        ASSERT_LT(n, 100u);
        uint64_t operations = 0;
        files_.SetFault([&](FileOp, const std::string&) {
          return ++operations == n ? Status(code, "by order") : Status::Ok();
        });
        const auto summary = Dump();
        if (operations < n) break;
        EXPECT_EQ(summary.status().code(), code) << n << " " << Types();
      }
      EXPECT_GT(failures, 5u);
    }
  }

  TestLog log_;
  FaultyFileSystem files_{log_.fs()};
  std::vector<std::string> lines_;
};

TEST_F(LogDumpTest, ASegmentThatIsNotSealedEndsWithAnEnd) {
  EXPECT_FALSE(Dump()->sealed);
  EXPECT_EQ(Types(), "segment slot slot record record record record end ");
}

TEST_F(LogDumpTest, OfADamagedCatalogueAndRecordBothAreToldAndTheFirstCounts) {
  Poke(log_.fs(), LogPath(1), kCatalogueOffset, "damaged");
  DamageRecord(3);
  log_.Seal();
  const auto summary = Dump();
  ASSERT_TRUE(summary.ok()) << summary.status().ToString();
  EXPECT_EQ(Types(), "segment slot slot damage record record damage behind_damage ");
  EXPECT_NE(summary->damage.message().find("catalogue"), std::string_view::npos);
  EXPECT_EQ(summary->records, 2u);
  EXPECT_NE(lines_.back().find("records 1  first_position 4"), std::string::npos) << lines_.back();
  EXPECT_TRUE(lines_.back().ends_with("trailer yes")) << lines_.back();
}

TEST_F(LogDumpTest, WithoutAHeaderTheSlotsAreStillToldAlsoAsJson) {
  log_.MarkDurable();
  for (const uint64_t offset : {uint64_t{0}, kHeaderCopyOffset}) {
    Poke(log_.fs(), LogPath(1), offset, "damaged");
  }
  EXPECT_TRUE(Dump(/*json=*/true)->damage.Is(StatusCode::kCorruption));
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_TRUE(lines_[0].starts_with(R"({"type":"damage","code":"Corruption","message":")"));
  EXPECT_EQ(lines_[1], R"({"type":"slot","offset":4096,"segment":1,"durable":4})");
}

TEST_F(LogDumpTest, BehindTheLastRecordNothingIsFound) {
  DamageRecord(4);
  ASSERT_OK(Dump().status());
  EXPECT_EQ(Types(), "segment slot slot record record record damage behind_damage ");
  EXPECT_TRUE(lines_.back().starts_with("behind_damage")) << lines_.back();
  EXPECT_NE(lines_.back().find("records 0  durable"), std::string::npos) << lines_.back();
}

TEST_F(LogDumpTest, AFailedOperationIsNoDamage) {
  DamageRecord(3);
  for (const bool has_header : {true, false}) {
    SCOPED_TRACE(has_header);
    for (const uint64_t offset : {uint64_t{0}, kHeaderCopyOffset}) {
      if (!has_header) Poke(log_.fs(), LogPath(1), offset, "damaged");
    }
    ExpectFailedOperationsAreTheAnswer();
  }
}

}  // namespace
}  // namespace logwood
