#include "tests/support/list_operators.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/generators.h"
#include "util/check.h"
#include "util/coding.h"
#include "util/hash.h"

namespace logwood::test {

namespace {

// The slots of operation.h.
enum ListSlot : int { kLists = 0, kFunctions = 1, kNumbers = 2, kSets = 3, kGreatest = 4 };

constexpr std::string_view kSeparator = ",";
constexpr std::string_view kUnfinished = "affine..", kFinished = "affine!!";

struct Function {
  uint64_t a = 0, b = 0;
};

Function FunctionOf(std::string_view bytes) {
  if (bytes.size() == 24 && (bytes.starts_with(kUnfinished) || bytes.starts_with(kFinished)))
    return {LoadFixed<uint64_t>(bytes.data() + 8), LoadFixed<uint64_t>(bytes.data() + 16)};
  // Odd: no operand is forgotten by those that follow.
  return {Hash64(bytes, 1) | 1, Hash64(bytes, 2)};
}

std::string BytesOf(const Function& function, std::string_view head) {
  std::string bytes(head);
  PutFixed64(&bytes, function.a);
  PutFixed64(&bytes, function.b);
  return bytes;
}

// `older` first.
Function Chained(const Function& older, const Function& newer) {
  return {newer.a * older.a, newer.a * older.b + newer.b};
}

// Some so large that sums stay at their bound.
int64_t NumberOf(const ValueRef& value) {
  const int64_t small = static_cast<int64_t>(value.id % 2000) - 1000;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (value.id % 5 != 0) return small;
  return small < 0 ? -kMost - small : kMost - small;
}

std::string SetOf(const ValueRef& value) {
  std::vector<std::string> elements;
  for (uint32_t n = 0; n < value.size % 4; ++n)
    elements.push_back(std::string(1, 'e') + std::to_string((value.id >> (4 * n)) % 12));
  const std::vector<std::string_view> views(elements.begin(), elements.end());
  return EncodeSet(views);
}

int64_t SumWithin(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

std::string UnionOf(std::string_view a, std::string_view b) {
  std::vector<std::string_view> elements, more;
  CHECK(DecodeSet(a, &elements) && DecodeSet(b, &more));
  elements.insert(elements.end(), more.begin(), more.end());
  return EncodeSet(elements);
}

}  // namespace

bool Affine::Merge(std::string_view older, std::string_view newer, std::string* result) const {
  *result = BytesOf(Chained(FunctionOf(older), FunctionOf(newer)), kUnfinished);
  return true;
}

bool Affine::Finish(std::string* merged) const {
  if (merged->size() == 24 && merged->starts_with(kUnfinished))
    merged->replace(0, kUnfinished.size(), kFinished);
  return true;
}

std::shared_ptr<const MergeOperator> ListOperatorOf(int slot) {
  switch (slot) {
    case kLists:
      return MergeOperator::Append(kSeparator);
    case kFunctions:
      return std::make_shared<Affine>();
    case kNumbers:
      return MergeOperator::AddInt64();
    case kSets:
      return MergeOperator::SetUnion();
    case kGreatest:
      return MergeOperator::MaxBytes();
    default:
      return nullptr;
  }
}

int64_t DefaultTtlOf(int slot) {
  constexpr int64_t kHour = 3'600'000'000;
  return slot == kNumbers || slot == kGreatest ? kHour : 0;
}

std::map<std::string, KeyspaceOptions> KeyspacesOfLists(bool all) {
  std::map<std::string, KeyspaceOptions> keyspaces;
  for (int slot = 0; slot < kKeyspaceSlots; ++slot) {
    if (!all && slot != kFunctions) continue;
    auto merge_operator = ListOperatorOf(slot);
    if (merge_operator != nullptr)
      keyspaces[KeyspaceNameOf(slot)].merge_operator = std::move(merge_operator);
    if (all && DefaultTtlOf(slot) != 0)
      keyspaces[KeyspaceNameOf(slot)].ttl = TtlOf(DefaultTtlOf(slot));
  }
  return keyspaces;
}

std::string WrittenBytes(const BatchItem& item) {
  if (item.keyspace == kNumbers && !IsRefusedMerge(item)) return EncodeInt64(NumberOf(item.value));
  if (item.keyspace == kSets) return SetOf(item.value);
  return item.value.bytes();
}

bool IsRefusedMerge(const BatchItem& item) {
  if (item.kind != BatchItem::Kind::kMerge) return false;
  return item.keyspace > kGreatest || (item.keyspace == kNumbers && item.value.size == 0);
}

std::string MergedInModel(int slot, const std::string* value, std::string_view operand) {
  if (value == nullptr) return std::string(operand);
  switch (slot) {
    case kLists:
      return std::string(*value).append(kSeparator).append(operand);
    case kFunctions:
      return BytesOf(Chained(FunctionOf(*value), FunctionOf(operand)), kFinished);
    case kNumbers:
      return EncodeInt64(SumWithin(DecodeInt64(*value).value(), DecodeInt64(operand).value()));
    case kSets:
      return UnionOf(*value, operand);
    default:
      CHECK(slot == kGreatest);
      return std::max(*value, std::string(operand));
  }
}

}  // namespace logwood::test
