#include "util/merge_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/environment.h"
#include "util/coding.h"
#include "util/escape.h"
#include "util/random.h"

namespace logwood {
namespace {

using OperandList = std::vector<std::string>;

std::string MergeEntry(const MergedOnto& base, const OperandList& operands, LogPos since = 0) {
  std::string entry;
  AppendMergeBase(&entry, base, since);
  for (const std::string& operand : operands) AppendMergeOperand(&entry, operand);
  return entry;
}
const MergedOnto kNothingBelow{.kind = MergeBase::kNothing, .value = {}};
MergedOnto PutBelow(std::string_view value) { return {.kind = MergeBase::kValue, .value = value}; }
MergedOnto ExpiringBelow(std::string_view value, uint64_t expires_us) {
  return {.kind = MergeBase::kExpiring, .value = value, .expires_us = expires_us};
}

OperandList OperandsOf(const MergeValue& value) {
  OperandList all;
  MergeOperands operands = value.operands;
  for (std::string_view operand; operands.Next(&operand);) all.emplace_back(operand);
  return all;
}

// Joins with commas; refuses what has a '!'. Counts the bytes it was given.
class Joining : public MergeOperator {
 public:
  std::string_view name() const override { return "test.joining"; }
  uint32_t version() const override { return 1; }
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    EXPECT_TRUE(result->empty());
    ++calls;
    bytes += older.size() + newer.size();
    for (const std::string_view part : {older, newer}) {
      if (part.size() < 100 && part.find('!') != part.npos) return false;
    }
    result->append(older).append(",").append(newer);
    return true;
  }
  bool Finish(std::string* merged) const override { return merged->find('!') == merged->npos; }
  mutable size_t calls = 0;
  mutable size_t bytes = 0;
};

// "ok VALUE", or the code.
std::string Resolved(const MergeOperator& op, const MergedOnto& base,
                     const OperandList& newest_first, uint64_t now_us = 0) {
  const std::vector<std::string_view> entries(newest_first.begin(), newest_first.end());
  std::string value = "left over";
  const Status status = ResolveMerges(op, base, entries, now_us, &value);
  if (status.ok()) return "ok " + value;
  EXPECT_TRUE(!status.Is(StatusCode::kInvalidArgument) || value.empty());
  return std::string(StatusCodeName(status.code()));
}

// "put VALUE", or the escaped entry.
std::string Folded(const MergeOperator* op, const MergedOnto& base, const OperandList& newest_first,
                   uint64_t expired_us = 0) {
  const std::vector<std::string_view> entries(newest_first.begin(), newest_first.end());
  FoldedMerge folded{.value = "left over"};
  const Status status = FoldMerges(op, base, entries, 0, expired_us, &folded);
  if (!status.ok()) return std::string(StatusCodeName(status.code()));
  return folded.kind == EntryKind::kPut ? "put " + folded.value : Escape(folded.value);
}

TEST(MergeValues, AreBaseThenOperands) {
  EXPECT_EQ(ToHex(MergeEntry({}, {"a", ""})),
            "00"
            "0161"
            "00");
  EXPECT_EQ(ToHex(MergeEntry(kNothingBelow, {"a"})),
            "01"
            "0161");
  EXPECT_EQ(ToHex(MergeEntry(PutBelow("xy"), {"a"})),
            "02"
            "027879"
            "0161");
  EXPECT_EQ(ToHex(MergeEntry(ExpiringBelow("xy", 258), {"a"})),
            "03"
            "0201000000000000"
            "027879"
            "0161");
}

TEST(MergeValues, AreReadAsWritten) {
  for (const MergedOnto& base :
       {MergedOnto{}, kNothingBelow, PutBelow(""), PutBelow("value"), ExpiringBelow("v", 1)}) {
    for (const OperandList& operands :
         {OperandList{"a"}, OperandList{""}, OperandList{"", "b", "longer"},
          OperandList{std::string(300, 'x'), std::string(70000, 'y')}}) {
      const std::string bytes = MergeEntry(base, operands);
      MergeValue value;
      ASSERT_TRUE(ReadMergeValue(bytes, &value).ok());
      EXPECT_EQ(value.base, base);
      EXPECT_EQ(value.operand_count, operands.size());
      EXPECT_EQ(OperandsOf(value), operands);
      EXPECT_EQ(MergeEndsLookup(bytes), base.kind != MergeBase::kBelow);
    }
  }
  EXPECT_TRUE(MergeEndsLookup(""));
  EXPECT_TRUE(MergeEndsLookup("\x20"));
}

TEST(MergeValues, SayWhichOlderEntriesAreInThem) {
  for (const LogPos since : {LogPos{1}, LogPos{300}, kPositionMax}) {
    const std::string bytes = MergeEntry({}, {"a"}, since);
    MergeValue value;
    ASSERT_TRUE(ReadMergeValue(bytes, &value).ok());
    EXPECT_EQ(value.base, MergedOnto{});
    EXPECT_EQ(value.since, since);
    EXPECT_EQ(OperandsOf(value), OperandList{"a"});
    EXPECT_FALSE(MergeEndsLookup(bytes));
  }
  EXPECT_EQ(MergeEntry(PutBelow("v"), {"a"}, 5), MergeEntry(PutBelow("v"), {"a"}));
  // What lies below is older than all that is in it, and than itself.
  const uint64_t below_20 = PackTrailer(20, EntryKind::kMerge) - 1;
  EXPECT_EQ(MergeBelow(MergeEntry({}, {"a"}), 20), below_20);
  EXPECT_EQ(MergeBelow(MergeEntry({}, {"a"}, 20), 30), below_20);
  EXPECT_EQ(MergeBelow(MergeEntry({}, {"a"}, 30), 20), below_20);
  EXPECT_EQ(MergeBelow("", 20), below_20);
  EXPECT_LT(MergeBelow(MergeEntry({}, {"a"}), 0), PackTrailer(0, EntryKind::kMerge));
  MergeValue value;
  EXPECT_EQ(ReadMergeValue(std::string("\x10\0\1a", 4), &value).code(), StatusCode::kCorruption);
}

// Cut anywhere it is damage, but where an operand ends: those that are left are all.
TEST(MergeValues, CutShortAreDamage) {
  for (const MergedOnto& base : {MergedOnto{}, PutBelow("value"), ExpiringBelow("v", 1)}) {
    const std::string first = MergeEntry(base, {"one"});
    const std::string bytes = MergeEntry(base, {"one", std::string(130, 'x'), "three"});
    const size_t ends[] = {first.size(), first.size() + 132, bytes.size()};
    for (size_t size = 0; size <= bytes.size(); ++size) {
      MergeValue value;
      const Status status = ReadMergeValue(bytes.substr(0, size), &value);
      const bool is_end = std::count(std::begin(ends), std::end(ends), size) > 0;
      EXPECT_EQ(status.code(), is_end ? StatusCode::kOk : StatusCode::kCorruption) << size;
      EXPECT_EQ(value.operand_count > 0, is_end);
    }
  }
}

TEST(MergeValues, OfAnUnknownHeadAreNotSupported) {
  for (int head = 0; head < 256; ++head) {
    std::string bytes = MergeEntry(PutBelow("value"), {"one"});
    bytes[0] = static_cast<char>(head);
    MergeValue value;
    const StatusCode code = ReadMergeValue(bytes, &value).code();
    if (head > 3 && head != 0x10) {
      EXPECT_EQ(code, StatusCode::kNotSupported) << head;
    } else {
      // As kExpiring, eight of the bytes are a time, as `since` one is a position: the rest is
      // none.
      EXPECT_EQ(code, head == 3 || head == 0x10 ? StatusCode::kCorruption : StatusCode::kOk)
          << head;
    }
  }
}

// There is one encoding: what is read of any bytes is written as those.
TEST(MergeValues, ThatAreReadOfAnyBytesAreWrittenAlike) {
  const uint64_t seed = test::EnvironmentNumber("LOGWOOD_SEED", 1);
  Random random(seed);
  size_t read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = MergeEntry(random.OneIn(2) ? PutBelow("value") : ExpiringBelow("v", 1),
                                   {"one", "", std::string(random.Uniform(150), 'x')});
    for (uint64_t flips = 1 + random.Uniform(3); flips > 0; --flips) {
      bytes[random.Uniform(bytes.size())] ^= static_cast<char>(1 << random.Uniform(8));
    }
    if (random.OneIn(4)) {
      bytes.resize(random.Uniform(12));
      for (char& byte : bytes) byte = static_cast<char>(random.Skewed(8));
    }
    MergeValue value;
    if (!ReadMergeValue(bytes, &value).ok()) continue;
    ++read;
    ASSERT_EQ(ToHex(MergeEntry(value.base, OperandsOf(value), value.since)), ToHex(bytes))
        << "seed " << seed << ", round " << round;
  }
  EXPECT_GT(read, 1000u);
}

TEST(MergeReads, ApplyOperandsFromTheOldest) {
  const Joining op;
  const OperandList entries = {MergeEntry({}, {"d", "e"}), MergeEntry({}, {"c"}),
                               MergeEntry({}, {"a", "b"})};
  EXPECT_EQ(Resolved(op, {}, entries), "ok a,b,c,d,e");
  EXPECT_EQ(Resolved(op, kNothingBelow, entries), "ok a,b,c,d,e");
  EXPECT_EQ(Resolved(op, PutBelow("v"), entries), "ok v,a,b,c,d,e");
  EXPECT_EQ(Resolved(op, PutBelow(""), {MergeEntry({}, {"a"})}), "ok ,a");
}

TEST(MergeReads, EndAtTheNewestBase) {
  const Joining op;
  const std::string hidden = MergeEntry(PutBelow("old"), {"hidden"});
  EXPECT_EQ(Resolved(op, PutBelow("v"),
                     {MergeEntry({}, {"b"}), MergeEntry(PutBelow("w"), {"a"}), hidden}),
            "ok w,a,b");
  EXPECT_EQ(Resolved(op, PutBelow("v"), {MergeEntry(kNothingBelow, {"a"}), hidden}), "ok a");
  // What is below is not looked at.
  EXPECT_EQ(Resolved(op, PutBelow("v"), {MergeEntry(kNothingBelow, {"a"}), "\x20"}), "ok a");
}

TEST(MergeReads, TakeWhatHasExpiredForNothing) {
  const Joining op;
  const OperandList entries = {MergeEntry({}, {"a"})};
  EXPECT_EQ(Resolved(op, ExpiringBelow("v", 5), entries, 4), "ok v,a");
  EXPECT_EQ(Resolved(op, ExpiringBelow("v", 5), entries, 5), "ok a");
  EXPECT_EQ(Resolved(op, PutBelow("v"), {MergeEntry(ExpiringBelow("w", 5), {"a"})}, 6), "ok a");
}

TEST(MergeReads, SayWhatCannotBeMergedOrRead) {
  const Joining op;
  EXPECT_EQ(Resolved(op, PutBelow("v!"), {MergeEntry({}, {"a"})}), "InvalidArgument");
  EXPECT_EQ(Resolved(op, {}, {MergeEntry({}, {"a", "b!", "c"})}), "InvalidArgument");
  EXPECT_EQ(Resolved(op, {}, {MergeEntry({}, {"b!"})}), "InvalidArgument");  // Finish
  EXPECT_EQ(Resolved(op, {}, {MergeEntry({}, {"a"}), ""}), "Corruption");
  EXPECT_EQ(Resolved(op, {}, {MergeEntry({}, {"a"}), "\x20\1a"}), "NotSupported");
}

TEST(MergeFolds, WithoutAnOperatorAreOneList) {
  const OperandList entries = {MergeEntry({}, {"c"}), MergeEntry({}, {"a", "b"})};
  EXPECT_EQ(Folded(nullptr, {}, entries), Escape(MergeEntry({}, {"a", "b", "c"})));
  EXPECT_EQ(Folded(nullptr, PutBelow("v"), entries),
            Escape(MergeEntry(PutBelow("v"), {"a", "b", "c"})));
  EXPECT_EQ(Folded(nullptr, {}, {MergeEntry(kNothingBelow, {"c"}), entries[1]}),
            Escape(MergeEntry(kNothingBelow, {"c"})));
  EXPECT_EQ(Folded(nullptr, {}, {MergeEntry({}, {"c"}), ""}), "Corruption");
}

TEST(MergeFolds, BecomePutsOnceTheBaseIsKnown) {
  const Joining op;
  const OperandList entries = {MergeEntry({}, {"c"}), MergeEntry({}, {"a", "b"})};
  EXPECT_EQ(Folded(&op, {}, entries), Escape(MergeEntry({}, {"a,b,c"})));
  EXPECT_EQ(Folded(&op, kNothingBelow, entries), "put a,b,c");
  EXPECT_EQ(Folded(&op, PutBelow("v"), entries), "put v,a,b,c");
  EXPECT_EQ(Folded(&op, {}, {entries[0], MergeEntry(PutBelow("v"), {"a"})}), "put v,a,c");
  EXPECT_EQ(
      Folded(MergeOperator::AddInt64().get(), {},
             {MergeEntry({}, {EncodeInt64(-1)}), MergeEntry(kNothingBelow, {EncodeInt64(2)})}),
      "put " + EncodeInt64(1));  // finished: 8 bytes
}

TEST(MergeFolds, KeepABaseThatMayExpire) {
  const Joining op;
  const OperandList entries = {MergeEntry({}, {"b"}), MergeEntry({}, {"a"})};
  const MergedOnto base = ExpiringBelow("v", 5);
  EXPECT_EQ(Folded(&op, base, entries), Escape(MergeEntry(base, {"a,b"})));
  EXPECT_EQ(Folded(&op, base, entries, 4), Escape(MergeEntry(base, {"a,b"})));
  EXPECT_EQ(Folded(&op, base, entries, 5), "put a,b");
  EXPECT_EQ(Folded(nullptr, base, entries, 5), Escape(MergeEntry(kNothingBelow, {"a", "b"})));
}

TEST(MergeFolds, KeepWhatIsRefusedInItsPlace) {
  const Joining op;
  EXPECT_EQ(Folded(&op, PutBelow("v!"), {MergeEntry({}, {"a", "b"})}),
            Escape(MergeEntry(PutBelow("v!"), {"a,b"})));
  EXPECT_EQ(Folded(&op, PutBelow("v"),
                   {MergeEntry({}, {"c", "d", "e"}), MergeEntry({}, {"a", "b", "!"})}),
            Escape(MergeEntry(PutBelow("v"), {"a,b", "!", "c,d,e"})));
  EXPECT_EQ(Folded(&op, kNothingBelow, {MergeEntry({}, {"!"})}),
            Escape(MergeEntry(kNothingBelow, {"!"})));
}

// What lies in a database of one key: entries, and below them a base.
struct Stored {
  MergedOnto base;
  OperandList newest_first;
  std::string put;  // what `base` views where a fold became a put
};

// Two neighbours, or the oldest with what is below.
void FoldSome(const MergeOperator* op, uint64_t expired_us, Random* random, Stored* stored) {
  const size_t at = random->Uniform(stored->newest_first.size());
  const bool is_oldest = at + 1 == stored->newest_first.size();
  std::vector<std::string_view> entries = {stored->newest_first[at]};
  if (!is_oldest) entries.push_back(stored->newest_first[at + 1]);
  FoldedMerge folded;
  const MergedOnto base = is_oldest ? stored->base : MergedOnto{};
  ASSERT_TRUE(FoldMerges(op, base, entries, 0, expired_us, &folded).ok());
  if (folded.kind == EntryKind::kPut) {
    stored->newest_first.resize(at);
    stored->put = folded.value;
    stored->base = PutBelow(stored->put);
  } else {
    const auto place = stored->newest_first.begin() + static_cast<ptrdiff_t>(at);
    if (!is_oldest) stored->newest_first.erase(place + 1);
    stored->newest_first[at] = folded.value;
  }
}

// Folding any of them before, with the operator or without, changes nothing for a reader.
TEST(MergeFolds, ChangeNothingForReads) {
  const uint64_t seed = test::EnvironmentNumber("LOGWOOD_SEED", 1);
  Random random(seed);
  const Joining op;
  const MergedOnto bases[] = {{}, kNothingBelow, PutBelow("v"), ExpiringBelow("w", 5)};
  for (int round = 0; round < 3000; ++round) {
    Stored stored{.base = random.OneIn(20) ? PutBelow("v!") : bases[random.Uniform(4)],
                  .newest_first = OperandList(1 + random.Uniform(6)),
                  .put = ""};
    size_t number = 0;
    for (std::string& entry : stored.newest_first) {
      OperandList operands(1 + random.Uniform(3));
      for (std::string& operand : operands) {
        operand = std::to_string(number++) + (random.OneIn(60) ? "!" : "");
      }
      entry = MergeEntry(random.OneIn(5) ? bases[random.Uniform(4)] : MergedOnto{}, operands);
    }
    const uint64_t now_us = random.OneIn(2) ? 4 : 5;
    const std::string expected = Resolved(op, stored.base, stored.newest_first, now_us);
    for (uint64_t folds = 1 + random.Uniform(8); folds > 0 && !stored.newest_first.empty();
         --folds) {
      FoldSome(random.OneIn(3) ? nullptr : &op, random.OneIn(2) ? now_us : 0, &random, &stored);
    }
    const std::string found = stored.newest_first.empty()
                                  ? "ok " + stored.put
                                  : Resolved(op, stored.base, stored.newest_first, now_us);
    ASSERT_EQ(found, expected) << "seed " << seed << ", round " << round;
  }
}

// 100,000 operands, each in an entry of its own: a logarithm of times their bytes.
TEST(MergeReads, OfLongChainsCostLittleMoreThanTheirBytes) {
  OperandList entries(100'000);
  std::string expected;
  for (size_t i = entries.size(); i-- > 0;) {
    const std::string operand(1 + i % 13, 'x');
    entries[i] = MergeEntry({}, {operand});
    expected += (expected.empty() ? "" : ",") + operand;
  }
  const Joining op;
  EXPECT_EQ(Resolved(op, {}, entries), "ok " + expected);
  EXPECT_EQ(op.calls, entries.size() - 1);
  EXPECT_LT(op.bytes, 25 * expected.size());
  op.calls = op.bytes = 0;
  EXPECT_EQ(Folded(&op, {}, entries), Escape(MergeEntry({}, {expected})));
  EXPECT_LT(op.bytes, 25 * expected.size());

  // With falling sizes none merges before the next came, and yet few wait.
  entries.clear();
  size_t bytes = 0;
  for (size_t size = 1; size < 1000; ++size) {
    entries.push_back(MergeEntry({}, {std::string(size, 'x')}));
    bytes += size;
  }
  op.calls = op.bytes = 0;
  EXPECT_EQ(Resolved(op, {}, entries).size(), 3 + bytes + entries.size() - 1);
  EXPECT_LT(op.bytes, 25 * bytes);
}

TEST(MergeReads, MergeALongBaseOnce) {
  const Joining op;
  const std::string base(1'000'000, 'x');
  EXPECT_EQ(Resolved(op, PutBelow(base), OperandList(1000, MergeEntry({}, {"a"}))).size(),
            3 + base.size() + 2000);
  EXPECT_LT(op.bytes, 1'100'000u);
  // Also one that was an operand.
  OperandList entries(1000, MergeEntry({}, {"a"}));
  entries.push_back(MergeEntry({}, {base}));
  op.bytes = 0;
  EXPECT_EQ(Resolved(op, {}, entries).size(), 3 + base.size() + 2000);
  EXPECT_LT(op.bytes, 1'100'000u);
}

// Each entry that is refused stays, and costs no more than its neighbours.
TEST(MergeFolds, OfManyRefusedOperandsCostLittle) {
  const Joining op;
  OperandList operands;
  for (int i = 0; i < 50'000; ++i) operands.push_back(i % 5 == 3 ? "!" : "abcdefgh");
  EXPECT_EQ(Folded(&op, {}, {MergeEntry({}, operands)}).substr(0, 4), "\\x00");
  EXPECT_LT(op.calls, 300'000u);
}

}  // namespace
}  // namespace logwood
