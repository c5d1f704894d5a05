#include "util/merge_value.h"

#include <algorithm>
#include <vector>

#include "util/check.h"
#include "util/coding.h"
#include "util/expiring_value.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint8_t kSinceFlag = 0x10;

// Bytes of an entry, or made by an operator.
class MergePart {
 public:
  explicit MergePart(std::string_view lent) : lent_(lent) {}
  explicit MergePart(std::string made) : is_made_(true), made_(std::move(made)) {}
  std::string_view view() const { return is_made_ ? std::string_view(made_) : lent_; }

 private:
  bool is_made_ = false;
  std::string_view lent_;
  std::string made_;
};

// Merges neighbours, given the oldest first. Of those that wait each is more than twice as long as
// the next newer, but for what the operator refuses: so few wait, each byte is merged a logarithmic
// number of times, and a long value at the beginning not with each short operand.
class MergePile {
 public:
  explicit MergePile(const MergeOperator* merge_operator) : operator_(merge_operator) {}

  void Add(std::string_view bytes) {
    MergePart newest(bytes);
    while (!waiting_.empty() && waiting_.back().view().size() / 2 <= newest.view().size() &&
           MergeInto(waiting_.back(), &newest)) {
      waiting_.pop_back();
    }
    waiting_.push_back(std::move(newest));
  }

  // Merges what waits, from the newest on, and gives it away, the oldest first. More than one part
  // is left where one is refused.
  std::vector<MergePart> End() {
    std::vector<MergePart> merged;
    for (; !waiting_.empty(); waiting_.pop_back()) {
      if (merged.empty() || !MergeInto(waiting_.back(), &merged.back())) {
        merged.push_back(std::move(waiting_.back()));
      }
    }
    std::reverse(merged.begin(), merged.end());
    return merged;
  }

 private:
  // False, and nothing changed: refused.
  bool MergeInto(const MergePart& older, MergePart* newer) const {
    if (operator_ == nullptr) return false;
    std::string both;
    if (!operator_->Merge(older.view(), newer->view(), &both)) return false;
    *newer = MergePart(std::move(both));
    return true;
  }

  const MergeOperator* const operator_;
  std::vector<MergePart> waiting_;
};

// What of them counts.
struct MergeChain {
  MergedOnto base;
  bool base_expired = false;
  std::vector<MergeOperands> oldest_first;
};

// A base that expired by `now_us` is nothing.
Status ReadMergeChain(const MergedOnto& below, std::span<const std::string_view> entries,
                      uint64_t now_us, MergeChain* chain) {
  CHECK(!entries.empty());
  chain->base = below;
  for (const std::string_view entry : entries) {
    MergeValue value;
    RETURN_IF_ERROR(ReadMergeValue(entry, &value));
    chain->oldest_first.push_back(value.operands);
    if (value.base.kind == MergeBase::kBelow) continue;
    chain->base = value.base;
    break;
  }
  std::reverse(chain->oldest_first.begin(), chain->oldest_first.end());
  if (chain->base.kind == MergeBase::kExpiring && chain->base.expires_us <= now_us) {
    chain->base = {};
    chain->base.kind = MergeBase::kNothing;
    chain->base_expired = true;
  }
  return Status::Ok();
}

// All operands of the chain, by themselves: so what the operator refuses to put onto the base is
// one operand.
std::vector<MergePart> MergedOperands(const MergeChain& chain,
                                      const MergeOperator* merge_operator) {
  MergePile pile(merge_operator);
  for (MergeOperands operands : chain.oldest_first) {
    for (std::string_view operand; operands.Next(&operand);) pile.Add(operand);
  }
  return pile.End();
}

// The value that one operand makes of the base, without regard to expiry; false: refused.
bool FinishMerge(const MergeOperator& merge_operator, const MergedOnto& base,
                 const MergePart& operand, std::string* value) {
  value->clear();
  if (base.kind >= MergeBase::kValue) {
    if (!merge_operator.Merge(base.value, operand.view(), value)) return false;
  } else {
    value->assign(operand.view());
  }
  return merge_operator.Finish(value);
}

}  // namespace

MergedOnto BaseOf(EntryKind kind, std::string_view value) {
  if (kind == EntryKind::kPut) return {.kind = MergeBase::kValue, .value = value};
  if (kind != EntryKind::kPutExpiring) return {.kind = MergeBase::kNothing, .value = {}};
  return {
      .kind = MergeBase::kExpiring, .value = WithoutExpiry(value), .expires_us = ExpiryOf(value)};
}

void AppendMergeBase(std::string* to, const MergedOnto& base, LogPos since) {
  const bool has_since = base.kind == MergeBase::kBelow && since != 0;
  to->push_back(static_cast<char>(static_cast<uint8_t>(base.kind) | (has_since ? kSinceFlag : 0)));
  if (has_since) PutVarint(to, since);
  if (base.kind == MergeBase::kExpiring) PutFixed64(to, base.expires_us);
  if (base.kind >= MergeBase::kValue) PutLengthPrefixed(to, base.value);
}

void AppendMergeOperand(std::string* to, std::string_view operand) {
  PutLengthPrefixed(to, operand);
}

bool MergeOperands::Next(std::string_view* operand) {
  if (encoded_.empty()) return false;
  Decoder in(encoded_);
  *operand = in.LengthPrefixed();
  encoded_ = in.rest();
  return in.ok();
}

Status ReadMergeValue(std::string_view bytes, MergeValue* value) {
  *value = {};
  Decoder in(bytes);
  const uint8_t head = in.Fixed8();
  const bool has_since = head == (kSinceFlag | static_cast<uint8_t>(MergeBase::kBelow));
  if (in.ok() && !has_since && head > static_cast<uint8_t>(MergeBase::kExpiring)) {
    return Status::NotSupported("merge: its head " + std::to_string(head) + " is unknown");
  }
  if (has_since) {
    value->since = in.Varint64();
    if (value->since == 0) return Status::Corruption("merge: it says since position 0");
  } else {
    value->base.kind = static_cast<MergeBase>(head);
  }
  if (value->base.kind == MergeBase::kExpiring) value->base.expires_us = in.Fixed64();
  if (value->base.kind >= MergeBase::kValue) value->base.value = in.LengthPrefixed();
  value->operands = MergeOperands(in.rest());
  for (; !in.empty(); ++value->operand_count) in.LengthPrefixed();
  if (in.ok() && value->operand_count > 0) return Status::Ok();
  *value = {};
  return Status::Corruption("merge: its operands cannot be read");
}

bool MergeEndsLookup(std::string_view bytes) {
  return bytes.empty() || (bytes[0] & ~kSinceFlag) != 0;
}

uint64_t MergeBelow(std::string_view bytes, LogPos position) {
  Decoder in(bytes);
  const LogPos since = in.Fixed8() == kSinceFlag ? in.Varint64() : position;
  return PackTrailer(in.ok() ? std::min(since, position) : position, EntryKind::kMerge) - 1;
}

Status FoldMerges(const MergeOperator* merge_operator, const MergedOnto& base,
                  std::span<const std::string_view> entries, LogPos since, uint64_t expired_us,
                  FoldedMerge* folded) {
  MergeChain chain;
  RETURN_IF_ERROR(ReadMergeChain(base, entries, expired_us, &chain));
  folded->base_expired = chain.base_expired;
  const std::vector<MergePart> parts = MergedOperands(chain, merge_operator);
  const bool is_settled =
      chain.base.kind == MergeBase::kNothing || chain.base.kind == MergeBase::kValue;
  if (merge_operator != nullptr && is_settled && parts.size() == 1 &&
      FinishMerge(*merge_operator, chain.base, parts[0], &folded->value)) {
    folded->kind = EntryKind::kPut;
    return Status::Ok();
  }
  folded->kind = EntryKind::kMerge;
  folded->value.clear();
  AppendMergeBase(&folded->value, chain.base, since);
  for (const MergePart& part : parts) AppendMergeOperand(&folded->value, part.view());
  return Status::Ok();
}

Status ResolveMerges(const MergeOperator& merge_operator, const MergedOnto& base,
                     std::span<const std::string_view> entries, uint64_t now_us,
                     std::string* value) {
  MergeChain chain;
  RETURN_IF_ERROR(ReadMergeChain(base, entries, now_us, &chain));
  const std::vector<MergePart> parts = MergedOperands(chain, &merge_operator);
  if (parts.size() == 1 && FinishMerge(merge_operator, chain.base, parts[0], value)) {
    return Status::Ok();
  }
  value->clear();
  return Status::InvalidArgument("merge operator " + std::string(merge_operator.name()) +
                                 " refuses what is stored for the key");
}

}  // namespace logwood
