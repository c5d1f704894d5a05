#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "logwood/merge_operator.h"
#include "tests/support/environment.h"
#include "util/escape.h"
#include "util/random.h"

namespace logwood {
namespace {

using Operator = std::shared_ptr<const MergeOperator>;
using Operands = std::vector<std::string>;

constexpr int64_t kInt64Lowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kInt64Highest = std::numeric_limits<int64_t>::max();
const int64_t kBounds[] = {kInt64Lowest,
                           kInt64Lowest + 1,
                           kInt64Lowest / 2,
                           kInt64Lowest / 2 - 1,
                           -3,
                           -1,
                           0,
                           kInt64Highest / 2,
                           kInt64Highest - 1,
                           kInt64Highest,
                           kInt64Highest / 2 + 1,
                           2,
                           kInt64Highest - 2,
                           1};

uint64_t MergeSeed() { return test::EnvironmentNumber("LOGWOOD_SEED", 1); }

int64_t RandomNumber(Random* random) {
  if (random->OneIn(2)) return kBounds[random->Uniform(std::size(kBounds))];
  const auto number = static_cast<int64_t>(random->Skewed(63));
  return random->OneIn(2) ? number : -number;
}
std::string RandomNumberBytes(Random* random) { return EncodeInt64(RandomNumber(random)); }

std::string FewBytes(Random* random, size_t size_max) {
  std::string bytes(random->Uniform(size_max + 1), '\0');
  // Few different ones, so that beginnings agree.
  for (char& byte : bytes) byte = "\0\x7f\x80\xff"[random->Uniform(4)];
  return bytes;
}
std::string RandomShort(Random* random) { return FewBytes(random, 4); }

std::string RandomSet(Random* random) {
  std::vector<std::string> elements(random->Uniform(5));
  for (std::string& element : elements) element = FewBytes(random, random->OneIn(20) ? 300 : 2);
  return EncodeSet(std::vector<std::string_view>(elements.begin(), elements.end()));
}

// What the operands become one after the other, said in another way.
template <typename Step>
std::string NumbersOneByOne(const Operands& operands, Step step) {
  int64_t value = *DecodeInt64(operands[0]);
  for (size_t i = 1; i < operands.size(); ++i) value = step(value, *DecodeInt64(operands[i]));
  return EncodeInt64(value);
}

int64_t AddWithin(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? kInt64Highest : kInt64Lowest;
}
int64_t AddAround(int64_t a, int64_t b) {
  int64_t sum;
  static_cast<void>(__builtin_add_overflow(a, b, &sum));
  return sum;
}

std::string Joined(const Operands& operands, std::string_view separator) {
  std::string joined = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) joined.append(separator).append(operands[i]);
  return joined;
}

std::string Union(const Operands& operands) {
  std::set<std::string> all;
  for (const std::string& operand : operands) {
    std::vector<std::string_view> elements;
    EXPECT_TRUE(DecodeSet(operand, &elements));
    all.insert(elements.begin(), elements.end());
  }
  return EncodeSet(std::vector<std::string_view>(all.begin(), all.end()));
}

std::string Bits(const Operands& operands) {
  std::string bits;
  for (const std::string& operand : operands) {
    bits.resize(std::max(bits.size(), operand.size()));
    for (size_t i = 0; i < operand.size(); ++i) {
      bits[i] = static_cast<char>(static_cast<uint8_t>(bits[i]) | static_cast<uint8_t>(operand[i]));
    }
  }
  return bits;
}

struct BuiltInKind {
  Operator op;
  std::string (*random_operand)(Random*);
  std::string (*one_by_one)(const Operands&);
};

std::vector<BuiltInKind> Kinds() {
  return {
      {MergeOperator::AddInt64(), RandomNumberBytes,
       [](const Operands& all) { return NumbersOneByOne(all, AddWithin); }},
      {MergeOperator::AddInt64(MergeOperator::Overflow::kWrap), RandomNumberBytes,
       [](const Operands& all) { return NumbersOneByOne(all, AddAround); }},
      {MergeOperator::MinInt64(), RandomNumberBytes,
       [](const Operands& all) {
         return NumbersOneByOne(all, [](int64_t a, int64_t b) { return std::min(a, b); });
       }},
      {MergeOperator::MaxInt64(), RandomNumberBytes,
       [](const Operands& all) {
         return NumbersOneByOne(all, [](int64_t a, int64_t b) { return std::max(a, b); });
       }},
      {MergeOperator::MinBytes(), RandomShort,
       [](const Operands& all) { return *std::min_element(all.begin(), all.end()); }},
      {MergeOperator::MaxBytes(), RandomShort,
       [](const Operands& all) { return *std::max_element(all.begin(), all.end()); }},
      {MergeOperator::Append(), RandomShort, [](const Operands& all) { return Joined(all, ""); }},
      {MergeOperator::Append(std::string_view(",\0", 2)), RandomShort,
       [](const Operands& all) { return Joined(all, std::string_view(",\0", 2)); }},
      {MergeOperator::SetUnion(), RandomSet, Union},
      {MergeOperator::BitOr(), RandomShort, Bits},
  };
}

std::string Merged(const MergeOperator& op, std::string_view older, std::string_view newer) {
  std::string result;
  EXPECT_TRUE(op.Merge(older, newer, &result)) << ToHex(older) << " " << ToHex(newer);
  return result;
}
std::string Finished(const MergeOperator& op, std::string merged) {
  EXPECT_TRUE(op.Finish(&merged));
  return merged;
}

// Neighbours in a random order, until one is left.
std::string InATree(const MergeOperator& op, Operands operands, Random* random) {
  while (operands.size() > 1) {
    const size_t at = random->Uniform(operands.size() - 1);
    operands[at] = Merged(op, operands[at], operands[at + 1]);
    operands.erase(operands.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
  return operands[0];
}

TEST(MergeOperators, BecomeTheSameInEveryTreeShape) {
  const uint64_t seed = MergeSeed();
  const uint64_t rounds = test::EnvironmentNumber("LOGWOOD_MERGE_ROUNDS", 500);
  Random random(seed);
  for (const BuiltInKind& kind : Kinds()) {
    for (uint64_t round = 0; round < rounds; ++round) {
      SCOPED_TRACE(testing::Message()
                   << kind.op->name() << ", round " << round << ", seed " << seed);
      Operands operands(1 + random.Uniform(12));
      for (std::string& operand : operands) {
        operand = kind.random_operand(&random);
        ASSERT_TRUE(kind.op->Check(operand).ok());
      }
      std::string left = operands[0];
      for (size_t i = 1; i < operands.size(); ++i) left = Merged(*kind.op, left, operands[i]);
      ASSERT_EQ(ToHex(InATree(*kind.op, operands, &random)), ToHex(left));
      const std::string value = Finished(*kind.op, left);
      ASSERT_EQ(ToHex(value), ToHex(kind.one_by_one(operands)));
      ASSERT_EQ(Finished(*kind.op, value), value);

      // What was a value in between, the rest goes on from.
      const size_t split = 1 + random.Uniform(operands.size());
      const auto middle = operands.begin() + static_cast<ptrdiff_t>(split);
      Operands rest(middle, operands.end());
      rest.insert(rest.begin(),
                  Finished(*kind.op, InATree(*kind.op, {operands.begin(), middle}, &random)));
      ASSERT_EQ(Finished(*kind.op, InATree(*kind.op, rest, &random)), value);
    }
  }
}

// Every triple of the bounds, and of what two of them are combined.
TEST(MergeOperators, SumsAreAssociativeAtTheBounds) {
  for (const auto overflow : {MergeOperator::Overflow::kSaturate, MergeOperator::Overflow::kWrap}) {
    const Operator op = MergeOperator::AddInt64(overflow);
    const int64_t bounds[] = {kInt64Lowest,      kInt64Lowest + 1, -1, 1,
                              kInt64Highest - 1, kInt64Highest};
    std::set<std::string> all;
    for (const int64_t a : bounds) {
      all.insert(EncodeInt64(a));
      for (const int64_t b : bounds) all.insert(Merged(*op, EncodeInt64(a), EncodeInt64(b)));
    }
    for (const std::string& a : all) {
      for (const std::string& b : all) {
        const std::string a_b = Merged(*op, a, b);
        for (const std::string& c : all) {
          if (Merged(*op, a_b, c) == Merged(*op, a, Merged(*op, b, c))) continue;
          FAIL() << op->name() << ": " << ToHex(a) << " " << ToHex(b) << " " << ToHex(c);
        }
      }
    }
  }
}

TEST(MergeOperators, SumSaturatesAtEachStep) {
  const Operator op = MergeOperator::AddInt64();
  const std::string up_and_down = Merged(*op, EncodeInt64(1), EncodeInt64(-1));
  EXPECT_EQ(up_and_down.size(), 24u);
  EXPECT_EQ(Finished(*op, up_and_down), EncodeInt64(0));
  EXPECT_EQ(Finished(*op, Merged(*op, EncodeInt64(kInt64Highest), up_and_down)),
            EncodeInt64(kInt64Highest - 1));
  EXPECT_EQ(Finished(*op, Merged(*op, EncodeInt64(kInt64Highest - 1), up_and_down)),
            EncodeInt64(kInt64Highest - 1));
  // In one direction a sum is all there is to say.
  EXPECT_EQ(Merged(*op, EncodeInt64(3), EncodeInt64(4)), EncodeInt64(7));
  EXPECT_EQ(Merged(*op, EncodeInt64(-3), EncodeInt64(-4)), EncodeInt64(-7));
  EXPECT_EQ(op->Check(up_and_down).code(), StatusCode::kInvalidArgument);
}

// What it reads of any 24 bytes has no second encoding, and nothing is undefined on the way.
TEST(MergeOperators, SumTakesOnlyWhatItMakes) {
  const Operator op = MergeOperator::AddInt64();
  Random random(MergeSeed());
  size_t taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    for (int i = 0; i < 3; ++i) bytes += RandomNumberBytes(&random);
    std::string result, value = bytes;
    const bool reads = op->Merge(bytes, EncodeInt64(0), &result);
    ASSERT_EQ(op->Finish(&value), reads);
    if (!reads) continue;
    ++taken;
    ASSERT_EQ(ToHex(result), ToHex(bytes)) << "seed " << MergeSeed() << ", round " << round;
    ASSERT_EQ(value.size(), 8u);
  }
  EXPECT_GT(taken, 100u);
  EXPECT_LT(taken, 15000u);
}

TEST(MergeOperators, RefuseOtherBytesOnEitherSide) {
  const std::string hex[] = {"", "00", "00000000000000", "000000000000000000"};
  for (const BuiltInKind& kind : Kinds()) {
    if (kind.random_operand != RandomNumberBytes) continue;
    for (const std::string& digits : hex) {
      const std::string other = *FromHex(digits);
      std::string result, alone = other;
      EXPECT_EQ(kind.op->Check(other).code(), StatusCode::kInvalidArgument);
      EXPECT_FALSE(kind.op->Merge(other, EncodeInt64(1), &result));
      EXPECT_FALSE(kind.op->Merge(EncodeInt64(1), other, &result));
      EXPECT_FALSE(kind.op->Finish(&alone));
    }
  }
  const Operator set = MergeOperator::SetUnion();
  for (const char* other : {"\1", "\1b\1a", "\1a\1a", "\2a", "\x81", "\x81\x80"}) {
    std::string result, alone = other;
    std::vector<std::string_view> elements = {"left over"};
    EXPECT_FALSE(DecodeSet(other, &elements)) << Escape(other);
    EXPECT_TRUE(elements.empty());
    EXPECT_EQ(set->Check(other).code(), StatusCode::kInvalidArgument);
    EXPECT_FALSE(set->Merge(other, "", &result));
    EXPECT_FALSE(set->Merge("\1a", other, &result));
    EXPECT_FALSE(set->Finish(&alone));
  }
  // A length with a byte too many is another encoding of the same set.
  EXPECT_FALSE(set->Check(std::string("\x81\0a", 3)).ok());
}

TEST(MergeOperators, SetsAreSortedAndEachElementIsThereOnce) {
  const std::string_view elements[] = {"b", "", "ab", "b", "a"};
  const std::string bytes = EncodeSet(elements);
  EXPECT_EQ(bytes, std::string("\0\1a\2ab\1b", 8));
  std::vector<std::string_view> decoded;
  ASSERT_TRUE(DecodeSet(bytes, &decoded));
  EXPECT_EQ(decoded, (std::vector<std::string_view>{"", "a", "ab", "b"}));
  EXPECT_EQ(EncodeSet({}), "");
  ASSERT_TRUE(DecodeSet("", &decoded));
  EXPECT_TRUE(decoded.empty());
}

TEST(MergeOperators, NumbersAreEightBytesTheLowestFirst) {
  EXPECT_EQ(ToHex(EncodeInt64(258)), "0201000000000000");
  EXPECT_EQ(ToHex(EncodeInt64(-1)), "ffffffffffffffff");
  for (const int64_t number : kBounds) EXPECT_EQ(DecodeInt64(EncodeInt64(number)), number);
  EXPECT_EQ(DecodeInt64("1234567"), std::nullopt);
  EXPECT_EQ(DecodeInt64("123456789"), std::nullopt);
}

TEST(MergeOperators, AreFoundByTheirNames) {
  std::set<std::string_view> names;
  const std::vector<BuiltInKind> kinds = Kinds();
  for (const BuiltInKind& kind : kinds) {
    const std::string_view name = kind.op->name();
    EXPECT_TRUE(MergeOperator::IsName(name)) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
    const Operator found = MergeOperator::BuiltIn(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->name(), name);
    EXPECT_EQ(found->version(), kind.op->version());
  }
  EXPECT_EQ(MergeOperator::Append("a,")->name(), "append.612c");
  EXPECT_EQ(Merged(*MergeOperator::BuiltIn("append.2c"), "x", "y"), "x,y");
  const std::string longest(kAppendSeparatorBytesMax, '-');
  EXPECT_TRUE(MergeOperator::IsName(MergeOperator::Append(longest)->name()));
  EXPECT_EQ(MergeOperator::Append(longest + "-"), nullptr);
  // One operator has one name.
  for (const std::string name :
       {"", "append.", "append.2C", "append.2", "append2c", "appendx2c", "append.zz", "add_int64 ",
        "ADD_INT64", "add_int6", "acme.longest"}) {
    EXPECT_EQ(MergeOperator::BuiltIn(name), nullptr) << name;
  }
  EXPECT_EQ(MergeOperator::BuiltIn("append." + std::string(400, '0')), nullptr);
}

TEST(MergeOperators, NamesAreShortAndPlain) {
  EXPECT_TRUE(MergeOperator::IsName(std::string(kMergeOperatorNameBytesMax, 'a')));
  EXPECT_TRUE(MergeOperator::IsName("acme.top-10_v2"));
  EXPECT_FALSE(MergeOperator::IsName(std::string(kMergeOperatorNameBytesMax + 1, 'a')));
  for (const std::string_view name : {"", "A", "a b", "a/b", "\xc3\xa9", "a\n"}) {
    EXPECT_FALSE(MergeOperator::IsName(name)) << name;
  }
}

}  // namespace
}  // namespace logwood
