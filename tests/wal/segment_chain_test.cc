// BuildChain: which files make up the log, from what their first pages say.
#include "wal/segment_chain.h"

#include "tests/wal/log_test_support.h"
#include "util/random.h"

namespace logwood {
namespace {

// A segment that follows `predecessor` (0: none), of which `length` bytes up to `last` count.
SegmentFile ReadableFile(uint64_t number, uint64_t predecessor, uint64_t length = 20'000,
                         LogPos last = 0) {
  SegmentFile file;
  file.number = number;
  file.probe.kind = SegmentProbe::Kind::kReadable;
  SegmentHeader& header = file.probe.decoded.header;
  header.number = number;
  header.file_id = {number, 1};
  header.history_id = kTestHistory;
  header.instance_id = kTestInstance;
  header.first_position = last + 1;
  header.predecessor = predecessor;
  header.predecessor_length = length;
  header.predecessor_last_position = last;
  return file;
}

SegmentFile UnreadableFile(uint64_t number,
                           SegmentProbe::Kind kind = SegmentProbe::Kind::kDamaged) {
  SegmentFile file;
  file.number = number;
  file.probe.kind = kind;
  file.probe.status = Status::Corruption(LogFileName(number) + ":0: rotten by order");
  return file;
}

std::vector<ChainLink> ChainOf(const std::vector<SegmentFile>& files) {
  return BuildChain(files, kTestHistory, kTestInstance);
}

// "3 5? 7! 8[20000,12]": missing ?, unreadable !, what the successor says in brackets.
std::string ShowChain(const std::vector<SegmentFile>& files) {
  std::string text;
  for (const ChainLink& link : ChainOf(files)) {
    text += (text.empty() ? "" : " ") + std::to_string(link.number);
    if (link.kind == ChainLink::Kind::kMissing) {
      text += "?";
    } else {
      EXPECT_EQ(files[link.file].number, link.number);
    }
    if (link.kind == ChainLink::Kind::kUnreadable) text += "!";
    if (link.bounded) {
      text += "[" + std::to_string(link.length_max) + "," + std::to_string(link.last_position_max) +
              "]";
    } else {
      EXPECT_EQ(link.length_max, ~uint64_t{0});
      EXPECT_EQ(link.last_position_max, ~LogPos{0});
    }
    EXPECT_EQ(link.reason.ok(), link.kind == ChainLink::Kind::kReadable);
  }
  return text;
}

TEST(SegmentChainTest, EachHeaderSaysHowMuchOfTheOneBeforeCounts) {
  EXPECT_EQ(ShowChain({ReadableFile(3, 0), ReadableFile(5, 3, 20'000, 7),
                       ReadableFile(8, 5, 30'000, 12)}),
            "3[20000,7] 5[30000,12] 8");
  EXPECT_EQ(ShowChain({ReadableFile(3, 0)}), "3");
  EXPECT_EQ(ShowChain({}), "");
}

TEST(SegmentChainTest, WhatAnEarlierRecoveryDiscardedIsNotInIt) {
  EXPECT_EQ(ShowChain({ReadableFile(3, 0), ReadableFile(4, 3, 50'000, 9), UnreadableFile(5),
                       ReadableFile(6, 3, 20'000, 4)}),
            "3[20000,4] 6");
  EXPECT_EQ(ShowChain({ReadableFile(1, 0), ReadableFile(2, 1), ReadableFile(3, 0)}), "3")
      << "one without a predecessor begins the log";
}

TEST(SegmentChainTest, AMissingPredecessorIsALinkAndTheNextOlderFileFollows) {
  EXPECT_EQ(
      ShowChain({ReadableFile(2, 0), ReadableFile(4, 2, 20'000, 3), ReadableFile(7, 6, 30'000, 9)}),
      "2[20000,3] 4 6?[30000,9] 7");
}

TEST(SegmentChainTest, AMissingLinkNeverStandsFirst) {
  EXPECT_EQ(ShowChain({ReadableFile(7, 6, 30'000, 9)}), "7");
  EXPECT_EQ(ShowChain({UnreadableFile(5), ReadableFile(7, 6, 30'000, 9)}), "5! 6?[30000,9] 7");
}

TEST(SegmentChainTest, BehindADamagedHeaderTheNextOlderFileIsTaken) {
  EXPECT_EQ(ShowChain({ReadableFile(2, 0), ReadableFile(4, 2, 20'000, 3), UnreadableFile(6),
                       ReadableFile(8, 6, 30'000, 9)}),
            "2[20000,3] 4 6![30000,9] 8");
  EXPECT_EQ(ShowChain({ReadableFile(2, 0), ReadableFile(4, 2, 20'000, 3), UnreadableFile(6),
                       UnreadableFile(8, SegmentProbe::Kind::kBlank)}),
            "2[20000,3] 4 6! 8!");
}

TEST(SegmentChainTest, WhereNoHeaderIsReadableAllFilesStandInOrder) {
  EXPECT_EQ(ShowChain({UnreadableFile(2), UnreadableFile(4, SegmentProbe::Kind::kBlank),
                       UnreadableFile(5, SegmentProbe::Kind::kUnsupported)}),
            "2! 4! 5!");
}

TEST(SegmentChainTest, ASegmentOfAnotherDatabaseOrNumberDecidesNothing) {
  std::vector<SegmentFile> strangers(3, ReadableFile(9, 1, 99'999, 99));
  strangers[0].probe.decoded.header.history_id.low ^= 1;
  strangers[1].probe.decoded.header.instance_id.high ^= 1;
  strangers[2].probe.decoded.header.number = 8;
  for (const SegmentFile& stranger : strangers) {
    const Status own = CheckOwnSegment(stranger, kTestHistory, kTestInstance);
    EXPECT_TRUE(own.Is(StatusCode::kCorruption)) << own.ToString();
    EXPECT_TRUE(own.message().starts_with(LogFileName(9) + ":0: ")) << own.ToString();
    EXPECT_EQ(ShowChain({ReadableFile(1, 0), ReadableFile(3, 1, 20'000, 4), stranger}),
              "1[20000,4] 3 9!");
  }
  EXPECT_OK(CheckOwnSegment(ReadableFile(9, 1), kTestHistory, kTestInstance));
  const std::vector<SegmentFile> unreadable = {UnreadableFile(4)};
  EXPECT_EQ(ChainOf(unreadable)[0].reason.message(), unreadable[0].probe.status.message());
}

// Whatever the headers say, the chain ascends, begins with a file and ends with the newest one.
TEST(SegmentChainTest, RandomHeadersMakeAnAscendingChainThatEndsWithTheNewestFile) {
  for (uint64_t seed = 1; seed <= 2'000; ++seed) {
    Random random(seed);
    std::vector<SegmentFile> files;
    for (uint64_t number = 1; number <= 12; ++number) {
      if (random.OneIn(4)) continue;
      files.push_back(random.OneIn(4) ? UnreadableFile(number)
                                      : ReadableFile(number, random.Uniform(number)));
      if (random.OneIn(8)) files.back().probe.decoded.header.instance_id.low = 0;
    }
    const std::vector<ChainLink> chain = ChainOf(files);
    ASSERT_EQ(chain.empty(), files.empty());
    if (chain.empty()) continue;
    ASSERT_EQ(chain.back().number, files.back().number) << seed;
    ASSERT_NE(chain.front().kind, ChainLink::Kind::kMissing) << seed;
    for (size_t i = 0; i < chain.size(); ++i) {
      const bool has_successor = i + 1 < chain.size();
      if (has_successor) {
        ASSERT_LT(chain[i].number, chain[i + 1].number) << seed;
      }
      ASSERT_EQ(chain[i].bounded, has_successor && chain[i + 1].kind == ChainLink::Kind::kReadable)
          << seed;
    }
  }
}

DurableSlot SlotOf(uint64_t number, LogPos durable) {
  return {{number, 1}, kTestInstance, number, 1, durable};
}

TEST(DurableEvidenceTest, OfAReadableSegmentHeaderAndItsOwnSlotsCount) {
  SegmentFile file = ReadableFile(5, 4, 20'000, 9);
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 0u);
  file.probe.decoded.header.durable = 6;
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 6u);
  file.probe.slots = {SlotOf(5, 12), SlotOf(5, 11)};
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 12u);
  EXPECT_EQ(DurableEvidence(file, {7, 7}), 0u);
  file.number = 6;  // the file was renamed: what was durable was so all the same
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 12u);
}

TEST(DurableEvidenceTest, WithoutAHeaderOnlySlotsOfThisFileAndInstanceCount) {
  SegmentFile file = UnreadableFile(5);
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 0u);
  file.probe.slots = {SlotOf(5, 11), SlotOf(5, 12)};
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 12u);
  file.probe.slots = {SlotOf(5, 11), std::nullopt};
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 11u);
  file.probe.slots = {SlotOf(4, 99), SlotOf(5, 11)};
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 11u);
  file.probe.slots[1]->instance_id = {7, 7};
  EXPECT_EQ(DurableEvidence(file, kTestInstance), 0u);
}

}  // namespace
}  // namespace logwood
