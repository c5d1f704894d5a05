// Every byte of a small log flipped, every length cut, under several durable points. What must come
// out is computed here from where the bytes were written and the rule of replay.h alone.
#include <string>
#include <vector>

#include "tests/support/sanitizers.h"
#include "tests/wal/log_test_support.h"

namespace logwood {
namespace {

// Which commits are known to be durable when what is written.
enum class Plan : uint8_t { kNever, kMiddle, kRecordsOnly, kSlotsOnly, kAll };

const char* PlanName(Plan plan) {
  switch (plan) {
    case Plan::kNever:
      return "Never";
    case Plan::kMiddle:
      return "Middle";
    case Plan::kRecordsOnly:
      return "RecordsOnly";
    case Plan::kSlotsOnly:
      return "SlotsOnly";
    case Plan::kAll:
      return "All";
  }
  return "";
}

// Three segments: two sealed ones and the one that is written to.
void Build(TestLog* log, Plan plan) {
  for (uint64_t number = 1; number <= 3; ++number) {
    log->Begin(number);
    for (int i = 0; i < 4; ++i) {
      if (plan == Plan::kRecordsOnly) log->set_durable(log->last_position());
      log->Append(1, 5 + static_cast<size_t>(i) * 7);
      if (plan == Plan::kAll) log->MarkDurable();
      if (plan == Plan::kMiddle && number == 2 && i == 1) log->MarkDurable();
    }
    if (plan == Plan::kSlotsOnly && number == 3) log->MarkDurable(log->last_position() - 1);
    if (number < 3) log->Seal();
  }
}

// What a fault leaves of one segment.
struct Left {
  bool header = true;
  bool blank = false;
  bool slot_a = true, slot_b = true;
  std::vector<bool> records;
  bool trailer = true;
  bool ragged = false;  // bytes that are no record lie behind the last good one
};

struct Verdict {
  bool damage = false;
  LogPos last_position = 0;
  bool tail = false;
};

std::string Text(const Verdict& v) {
  return std::string(v.damage ? "damage"
                     : v.tail ? "tail"
                              : "good") +
         " after position " + std::to_string(v.last_position);
}

std::vector<Placed> RecordsOf(const TestLog& log, uint64_t segment) {
  std::vector<Placed> records;
  for (const Placed& record : log.records()) {
    if (record.segment == segment) records.push_back(record);
  }
  return records;
}

// The rule.
Verdict Expected(TestLog& log, const std::vector<Left>& left) {
  LogPos durable = 0;
  LogPos bad = 0;  // the first position that cannot be read; 0: none
  bool stopped_at_blank = false;
  bool more_behind = false;
  for (size_t s = 0; s < left.size(); ++s) {
    const PlacedSegment& segment = log.segments()[s];
    std::vector<Placed> records = RecordsOf(log, segment.header.number);
    if (left[s].header) durable = std::max(durable, segment.header.durable);
    if (left[s].slot_a) durable = std::max(durable, segment.slot_a);
    if (left[s].slot_b) durable = std::max(durable, segment.slot_b);
    if (bad != 0) more_behind = true;
    if (!left[s].header && bad == 0) {
      bad = segment.header.first_position;
      stopped_at_blank = left[s].blank;
      continue;
    }
    for (size_t r = 0; r < records.size(); ++r) {
      if (left[s].header && left[s].records[r]) {
        durable = std::max(durable, records[r].durable);
      } else if (bad == 0) {
        // Cut at a record's border and nothing behind: that is how an end looks.
        bool is_end = s + 1 == left.size() && !left[s].ragged;
        if (is_end) {
          LogPos last = records[r].position - 1;
          return {last < durable, last, false};
        }
        bad = records[r].position;
      }
    }
    if (left[s].trailer && left[s].header && segment.trailer_begin != 0)
      durable = std::max(durable, segment.trailer_durable);
    if (s + 1 == left.size() && bad == 0 && left[s].ragged) bad = segment.last_position + 1;
  }
  if (bad == 0) return {log.last_position() < durable, log.last_position(), false};
  if (bad <= durable) return {true, bad - 1, false};
  return {false, bad - 1, !stopped_at_blank || more_behind};
}

std::vector<Left> Whole(TestLog& log) {
  std::vector<Left> left(log.segments().size());
  for (size_t s = 0; s < left.size(); ++s) {
    left[s].records.assign(RecordsOf(log, log.segments()[s].header.number).size(), true);
  }
  return left;
}

// A byte of segment s is not what was written.
std::vector<Left> Flipped(TestLog& log, size_t s, uint64_t offset) {
  std::vector<Left> left = Whole(log);
  const PlacedSegment& segment = log.segments()[s];
  // Either header alone will do; the catalogue is not needed for replay.
  if (offset >= kSlotAOffset && offset < kSlotAOffset + kSlotBytes) left[s].slot_a = false;
  if (offset >= kSlotBOffset && offset < kSlotBOffset + kSlotBytes) left[s].slot_b = false;
  std::vector<Placed> records = RecordsOf(log, segment.header.number);
  for (size_t r = 0; r < records.size(); ++r) {
    if (offset >= records[r].begin && offset < records[r].end) {
      left[s].records[r] = false;
      left[s].ragged = true;
    }
  }
  if (segment.trailer_begin != 0 && offset >= segment.trailer_begin) left[s].trailer = false;
  return left;
}

std::vector<Left> CutShort(TestLog& log, size_t s, uint64_t size) {
  std::vector<Left> left = Whole(log);
  const PlacedSegment& segment = log.segments()[s];
  left[s].header = size >= kSegmentHeaderBytes;
  left[s].blank = size == 0;
  left[s].slot_a = size >= kSlotAOffset + kSlotBytes;
  left[s].slot_b = size >= kSlotBOffset + kSlotBytes;
  left[s].trailer = size >= segment.length;
  std::vector<Placed> records = RecordsOf(log, segment.header.number);
  bool at_border = size == segment.records_offset;
  for (size_t r = 0; r < records.size(); ++r) {
    left[s].records[r] = size >= records[r].end;
    at_border = at_border || size == records[r].end;
  }
  left[s].ragged = !at_border && size < segment.length;
  return left;
}

Verdict Actual(TestLog& log, std::string* message) {
  std::vector<LogPos> positions;
  Result<ReplayResult> result = ReplayLog(log.fs(), log.Options(), [&](const CommitRecord& record) {
    positions.push_back(record.position);
    return Status::Ok();
  });
  if (!result.ok()) {
    *message = "ReplayLog failed: " + result.status().ToString();
    return {true, ~LogPos{0}, true};
  }
  for (size_t i = 0; i < positions.size(); ++i) EXPECT_EQ(positions[i], i + 1);
  EXPECT_EQ(positions.size(), result->last_position);
  if (result->tail.has_value()) *message = result->tail->reason;
  if (!result->damage.ok()) *message = result->damage.ToString();
  if (!result->damage.ok()) {
    EXPECT_TRUE(result->damage.Is(StatusCode::kCorruption));
    EXPECT_TRUE(result->discarded.empty());
  }
  return {!result->damage.ok(), result->last_position, result->tail.has_value()};
}

class ReplayExhaustiveTest : public testing::TestWithParam<Plan> {
 protected:
  // Bytes that no field uses are sampled except under one plan.
  static bool Skip(const TestLog&, const PlacedSegment& segment, uint64_t offset, Plan plan) {
    if (plan == Plan::kAll || offset >= segment.records_offset) return false;
    for (uint64_t begin : {uint64_t{0}, kHeaderCopyOffset, kSlotAOffset, kSlotBOffset}) {
      if (offset >= begin && offset < begin + kSegmentHeaderBytes) return false;
    }
    return offset % 61 != 0;
  }
};

TEST_P(ReplayExhaustiveTest, EveryFlippedByteGivesTheVerdictOfTheRule) {
  TestLog log;
  Build(&log, GetParam());
  for (size_t s = 0; s < log.segments().size(); ++s) {
    const PlacedSegment segment = log.segments()[s];
    std::string path = LogPath(segment.header.number);
    const std::string whole = ReadWhole(log.fs(), path);
    for (uint64_t offset = 0; offset < whole.size(); ++offset) {
      if (Skip(log, segment, offset, GetParam())) continue;
      Verdict expected = Expected(log, Flipped(log, s, offset));
      for (char pattern : {'\x01', '\x80', '\xff'}) {
        if (test::kSanitized && pattern != '\x01') continue;
        Poke(log.fs(), path, offset, std::string(1, static_cast<char>(whole[offset] ^ pattern)));
        std::string message;
        Verdict actual = Actual(log, &message);
        ASSERT_EQ(Text(actual), Text(expected))
            << path << " offset " << offset << " pattern " << int{pattern} << "\n"
            << message;
      }
      Poke(log.fs(), path, offset, whole.substr(offset, 1));
    }
  }
}

TEST_P(ReplayExhaustiveTest, EveryLengthGivesTheVerdictOfTheRule) {
  TestLog log;
  Build(&log, GetParam());
  for (size_t s = 0; s < log.segments().size(); ++s) {
    const PlacedSegment segment = log.segments()[s];
    std::string path = LogPath(segment.header.number);
    const std::string whole = ReadWhole(log.fs(), path);
    for (uint64_t size = whole.size() - 1; size + 1 > 0; --size) {
      Cut(log.fs(), path, size);
      if (size != 0 && Skip(log, segment, size, GetParam())) continue;
      std::string message;
      Verdict actual = Actual(log, &message);
      ASSERT_EQ(Text(actual), Text(Expected(log, CutShort(log, s, size))))
          << path << " cut to " << size << "\n"
          << message;
    }
    WriteWhole(log.fs(), path, whole);
  }
}

// Zeros from an offset on, as when pages never reached the disk and the file's length did.
TEST_P(ReplayExhaustiveTest, EveryZeroedRecordGivesTheVerdictOfTheRule) {
  TestLog log;
  Build(&log, GetParam());
  for (const Placed& record : log.records()) {
    std::string path = LogPath(record.segment);
    const std::string whole = ReadWhole(log.fs(), path);
    Poke(log.fs(), path, record.begin, std::string(record.end - record.begin, '\0'));
    std::vector<Left> left = Flipped(log, record.segment - 1, record.begin);
    // Zeros at the very end are how an end looks.
    left[record.segment - 1].ragged = record.end != whole.size();
    std::string message;
    Verdict actual = Actual(log, &message);
    ASSERT_EQ(Text(actual), Text(Expected(log, left))) << path << " " << record.begin << message;
    WriteWhole(log.fs(), path, whole);
  }
}

INSTANTIATE_TEST_SUITE_P(Plans, ReplayExhaustiveTest,
                         testing::Values(Plan::kNever, Plan::kMiddle, Plan::kRecordsOnly,
                                         Plan::kSlotsOnly, Plan::kAll),
                         [](const auto& plan) { return PlanName(plan.param); });

}  // namespace
}  // namespace logwood
