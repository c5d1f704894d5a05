// The operators that are built in.
#include <algorithm>
#include <limits>

#include "logwood/merge_operator.h"
#include "util/coding.h"
#include "util/escape.h"
#include "util/reserved_operator.h"

namespace logwood {

namespace {

using OperatorPointer = std::shared_ptr<const MergeOperator>;

constexpr int64_t kInt64Min = std::numeric_limits<int64_t>::min();
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();
__extension__ using Int128 = __int128;

// All but what they do.
class BuiltInOperator : public ReservedOperator {
 public:
  explicit BuiltInOperator(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  uint32_t version() const override { return 1; }

 private:
  const std::string name_;
};

// Whose operands are numbers of 8 bytes.
class NumberOperator : public BuiltInOperator {
 public:
  using BuiltInOperator::BuiltInOperator;
  Status Check(std::string_view operand) const override {
    if (DecodeInt64(operand)) return Status::Ok();
    return Status::InvalidArgument("an operand of " + std::string(name()) + " has 8 bytes, not " +
                                   std::to_string(operand.size()));
  }
};

// As are its values, and all between.
template <int64_t (*kChoose)(int64_t older, int64_t newer)>
class Int64Operator : public NumberOperator {
 public:
  using NumberOperator::NumberOperator;
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    const std::optional<int64_t> a = DecodeInt64(older), b = DecodeInt64(newer);
    if (!a || !b) return false;
    PutFixed64(result, static_cast<uint64_t>(kChoose(*a, *b)));
    return true;
  }
  bool Finish(std::string* merged) const override { return DecodeInt64(*merged).has_value(); }
};

int64_t WrappingSum(int64_t older, int64_t newer) {
  return static_cast<int64_t>(static_cast<uint64_t>(older) + static_cast<uint64_t>(newer));
}
int64_t Smaller(int64_t older, int64_t newer) { return std::min(older, newer); }
int64_t Larger(int64_t older, int64_t newer) { return std::max(older, newer); }

// What any number of saturating additions, one after the other, do to a number: nothing below
// `from` differs from it, then the result rises with the number from `low` until it is `high`. Such
// functions are closed under composition, and each has one triple, so that in whatever order
// neighbours are combined the same bytes come out. `from` in place of what is added because that
// may need 65 bits.
struct ClampedSum {
  int64_t from = 0;  // 0 where low == high
  int64_t low = 0;
  int64_t high = 0;
  friend bool operator==(const ClampedSum&, const ClampedSum&) = default;

  static ClampedSum Adding(int64_t number) {
    if (number >= 0) return {.from = kInt64Min, .low = kInt64Min + number, .high = kInt64Max};
    // What is below kInt64Min - number becomes kInt64Min.
    return {.from = kInt64Min - number, .low = kInt64Min, .high = kInt64Max + number};
  }

  int64_t Of(int64_t number) const {
    const Int128 above = static_cast<Int128>(number) - from;
    const Int128 rise = static_cast<Int128>(high) - low;
    return static_cast<int64_t>(low + std::clamp<Int128>(above, 0, rise));
  }

  // This one first.
  ClampedSum Then(const ClampedSum& next) const {
    ClampedSum both{.from = 0, .low = next.Of(low), .high = next.Of(high)};
    if (both.low == both.high) return both;
    // `next` swallows the beginning of the rise where that ends below its own.
    const Int128 swallowed = std::max<Int128>(static_cast<Int128>(next.from) - low, 0);
    both.from = static_cast<int64_t>(from + swallowed);
    return both;
  }

  // Nothing: neither a sum nor the 24 bytes that Then makes.
  static std::optional<ClampedSum> Decode(std::string_view bytes) {
    if (const std::optional<int64_t> number = DecodeInt64(bytes)) return Adding(*number);
    if (bytes.size() != 24) return std::nullopt;
    const ClampedSum sum{.from = LoadFixed<int64_t>(bytes.data()),
                         .low = LoadFixed<int64_t>(bytes.data() + 8),
                         .high = LoadFixed<int64_t>(bytes.data() + 16)};
    const Int128 rise = static_cast<Int128>(sum.high) - sum.low;
    if (rise < 0 || (rise == 0 && sum.from != 0) || sum.from + rise > kInt64Max) {
      return std::nullopt;
    }
    if (sum.IsAddition()) return std::nullopt;  // has a shorter encoding
    return sum;
  }

  void AppendTo(std::string* to) const {
    if (IsAddition()) {
      PutFixed64(to, static_cast<uint64_t>(Of(0)));
      return;
    }
    for (const int64_t part : {from, low, high}) PutFixed64(to, static_cast<uint64_t>(part));
  }

  // An addition is known by what it does to 0.
  bool IsAddition() const { return *this == Adding(Of(0)); }
};

class SaturatingSum : public NumberOperator {
 public:
  using NumberOperator::NumberOperator;
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    const std::optional<ClampedSum> a = ClampedSum::Decode(older), b = ClampedSum::Decode(newer);
    if (!a || !b) return false;
    a->Then(*b).AppendTo(result);
    return true;
  }
  bool Finish(std::string* merged) const override {
    const std::optional<ClampedSum> sum = ClampedSum::Decode(*merged);
    if (!sum) return false;
    *merged = EncodeInt64(sum->Of(0));
    return true;
  }
};

template <bool kLargest>
class BytesOperator : public BuiltInOperator {
 public:
  using BuiltInOperator::BuiltInOperator;
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    result->assign((newer < older) == kLargest ? older : newer);
    return true;
  }
};

class AppendOperator : public BuiltInOperator {
 public:
  AppendOperator(std::string name, std::string_view separator)
      : BuiltInOperator(std::move(name)), separator_(separator) {}
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    result->reserve(older.size() + separator_.size() + newer.size());
    result->append(older).append(separator_).append(newer);
    return true;
  }

 private:
  const std::string separator_;
};

class BitOrOperator : public BuiltInOperator {
 public:
  using BuiltInOperator::BuiltInOperator;
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    if (older.size() < newer.size()) std::swap(older, newer);
    result->assign(older);
    for (size_t i = 0; i < newer.size(); ++i) {
      (*result)[i] = static_cast<char>((*result)[i] | newer[i]);
    }
    return true;
  }
};

// Walks over an encoded set.
class SetReader {
 public:
  explicit SetReader(std::string_view bytes) : in_(bytes) {}
  // False at the end, and at bytes that are not one.
  bool Next() {
    if (in_.empty()) return false;
    const std::string_view element = in_.LengthPrefixed();
    ok_ = in_.ok() && (!began_ || element > element_);
    if (!ok_) return false;
    began_ = true;
    element_ = element;
    return true;
  }
  bool ok() const { return ok_; }
  std::string_view element() const { return element_; }

 private:
  Decoder in_;
  bool ok_ = true;
  bool began_ = false;
  std::string_view element_;
};

bool IsSet(std::string_view bytes) {
  SetReader in(bytes);
  while (in.Next()) continue;
  return in.ok();
}

class SetUnionOperator : public BuiltInOperator {
 public:
  using BuiltInOperator::BuiltInOperator;
  Status Check(std::string_view operand) const override {
    if (IsSet(operand)) return Status::Ok();
    return Status::InvalidArgument("an operand of set_union is what EncodeSet makes");
  }
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    SetReader a(older), b(newer);
    result->reserve(older.size() + newer.size());
    bool more_a = a.Next(), more_b = b.Next();
    while (more_a || more_b) {
      const bool take_a = more_a && (!more_b || a.element() <= b.element());
      const bool take_b = more_b && (!more_a || b.element() <= a.element());
      PutLengthPrefixed(result, take_a ? a.element() : b.element());
      if (take_a) more_a = a.Next();
      if (take_b) more_b = b.Next();
    }
    return a.ok() && b.ok();
  }
  bool Finish(std::string* merged) const override { return IsSet(*merged); }
};

constexpr std::string_view kAppend = "append";

}  // namespace

MergeOperator::~MergeOperator() = default;

Status MergeOperator::Check(std::string_view) const { return Status::Ok(); }

bool MergeOperator::Finish(std::string*) const { return true; }

OperatorPointer MergeOperator::AddInt64(Overflow overflow) {
  if (overflow == Overflow::kSaturate) return std::make_shared<SaturatingSum>("add_int64");
  return std::make_shared<Int64Operator<WrappingSum>>("add_int64_wrapping");
}

OperatorPointer MergeOperator::MinInt64() {
  return std::make_shared<Int64Operator<Smaller>>("min_int64");
}

OperatorPointer MergeOperator::MaxInt64() {
  return std::make_shared<Int64Operator<Larger>>("max_int64");
}

OperatorPointer MergeOperator::MinBytes() {
  return std::make_shared<BytesOperator<false>>("min_bytes");
}

OperatorPointer MergeOperator::MaxBytes() {
  return std::make_shared<BytesOperator<true>>("max_bytes");
}

OperatorPointer MergeOperator::Append(std::string_view separator) {
  static_assert(kAppend.size() + 1 + 2 * kAppendSeparatorBytesMax <= kMergeOperatorNameBytesMax);
  if (separator.size() > kAppendSeparatorBytesMax) return nullptr;
  std::string name(kAppend);
  if (!separator.empty()) name.append(".").append(ToHex(separator));
  return std::make_shared<AppendOperator>(std::move(name), separator);
}

OperatorPointer MergeOperator::SetUnion() {
  return std::make_shared<SetUnionOperator>("set_union");
}

OperatorPointer MergeOperator::BitOr() { return std::make_shared<BitOrOperator>("bit_or"); }

OperatorPointer MergeOperator::BuiltIn(std::string_view name) {
  std::vector<OperatorPointer> candidates = {AddInt64(), AddInt64(Overflow::kWrap),
                                             MinInt64(), MaxInt64(),
                                             MinBytes(), MaxBytes(),
                                             Append(),   SetUnion(),
                                             BitOr()};
  if (name.starts_with(kAppend) && name.size() > kAppend.size()) {
    // Its own name is made anew, so that one operator has one name.
    if (const auto separator = FromHex(name.substr(kAppend.size() + 1))) {
      candidates.push_back(Append(*separator));
    }
  }
  for (OperatorPointer& candidate : candidates) {
    if (candidate != nullptr && candidate->name() == name) return std::move(candidate);
  }
  return nullptr;
}

bool MergeOperator::IsName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kMergeOperatorNameBytesMax &&
         std::all_of(name.begin(), name.end(), fits);
}

std::string EncodeInt64(int64_t number) {
  std::string bytes;
  PutFixed64(&bytes, static_cast<uint64_t>(number));
  return bytes;
}

std::optional<int64_t> DecodeInt64(std::string_view bytes) {
  if (bytes.size() != sizeof(int64_t)) return std::nullopt;
  return LoadFixed<int64_t>(bytes.data());
}

std::string EncodeSet(std::span<const std::string_view> elements) {
  std::vector<std::string_view> sorted(elements.begin(), elements.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::string bytes;
  for (const std::string_view element : sorted) PutLengthPrefixed(&bytes, element);
  return bytes;
}

bool DecodeSet(std::string_view bytes, std::vector<std::string_view>* elements) {
  elements->clear();
  SetReader in(bytes);
  while (in.Next()) elements->push_back(in.element());
  if (!in.ok()) elements->clear();
  return in.ok();
}

}  // namespace logwood
