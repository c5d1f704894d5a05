// Any bytes as what is stored of a key's merges: the first byte chooses the operator, the second
// how many entries are folded before the others; then a base and entries, the newest first, each as
// its length and its bytes.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/merge_operator.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/coding.h"
#include "util/merge_value.h"

using namespace logwood;

namespace {

constexpr const char* kMergeNames[] = {
    "add_int64", "add_int64_wrapping", "min_int64", "max_int64", "min_bytes",
    "max_bytes", "append.2c",          "set_union", "bit_or",    "append"};
constexpr uint64_t kMergeNow = 1000;

// What was read is what was written: there is one encoding.
bool LookAtEntry(std::string_view bytes) {
  MergeValue value;
  if (!test::Note(ReadMergeValue(bytes, &value))) return false;
  std::string again;
  AppendMergeBase(&again, value.base, value.since);
  uint64_t count = 0;
  for (std::string_view operand; value.operands.Next(&operand); ++count) {
    AppendMergeOperand(&again, operand);
  }
  test::Demand(again == bytes && count == value.operand_count);
  test::Demand(MergeEndsLookup(bytes) == (value.base.kind != MergeBase::kBelow));
  return true;
}

// What a read shows of a fold.
Status ReadFolded(const MergeOperator& op, const FoldedMerge& folded, std::string* value) {
  if (folded.kind == EntryKind::kMerge) {
    const std::string_view entries[] = {folded.value};
    test::Demand(LookAtEntry(folded.value));
    return ResolveMerges(op, {}, entries, kMergeNow, value);
  }
  *value = folded.value;
  return Status::Ok();
}

// However the entries were folded before, a read shows the same.
void LookAtFolds(const MergeOperator& op, const MergedOnto& base,
                 const std::vector<std::string_view>& entries, size_t first_count) {
  std::string expected, value;
  const Status status = ResolveMerges(op, base, entries, kMergeNow, &expected);
  test::Note(status);
  test::Note(expected);
  FoldedMerge newest, all;
  const std::span<const std::string_view> span(entries);
  for (const MergeOperator* by : {&op, static_cast<const MergeOperator*>(nullptr)}) {
    test::Demand(FoldMerges(by, {}, span.first(first_count), 0, 0, &newest).ok());
    if (newest.kind == EntryKind::kMerge) {
      std::vector<std::string_view> rest = {newest.value};
      rest.insert(rest.end(), entries.begin() + static_cast<ptrdiff_t>(first_count), entries.end());
      test::Demand(FoldMerges(by, base, rest, 0, first_count % 2 == 0 ? 0 : kMergeNow, &all).ok());
    } else {
      all = newest;
    }
    const Status read = ReadFolded(op, all, &value);
    test::Demand(read.ToString() == status.ToString() && value == expected);
  }
}

}  // namespace

FUZZ_TARGET(merge, bytes) {
  Decoder in(bytes);
  const std::string_view name = kMergeNames[in.Fixed8() % std::size(kMergeNames)];
  const uint8_t first_count = in.Fixed8();
  MergedOnto base{.kind = static_cast<MergeBase>(in.Fixed8() % 4), .value = in.LengthPrefixed()};
  if (base.kind < MergeBase::kValue) base.value = {};
  if (base.kind == MergeBase::kExpiring) base.expires_us = in.Fixed64();
  std::vector<std::string_view> entries;
  while (in.ok() && !in.empty()) {
    const std::string_view entry = in.LengthPrefixed();
    if (in.ok() && LookAtEntry(entry)) entries.push_back(entry);
  }
  if (entries.empty()) return;
  LookAtFolds(*MergeOperator::BuiltIn(name), base, entries, first_count % entries.size() + 1);
}
