// The value of an entry of kind kMerge (docs/format/keys_and_operations.md): operands, oldest
// first, and what is known of what they merge with.
//
//   head      1 byte: MergeBase in bits 0-3; bit 4: `since` follows; bits 5-7 are flags, none known
//   since     a position, varint: entries of the key from there on are in this one already. Only
//             with kBelow
//   base      kValue: length, varint; bytes. kExpiring: expiry time, 8 bytes; length; bytes
//   operands  one or more, to the end: length, varint; bytes
//
// What is done with several such entries of one key is here, too, for writes, flushes, compactions
// and reads alike. The bytes may be hostile. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "logwood/merge_operator.h"
#include "logwood/status.h"
#include "util/internal_key.h"

namespace logwood {

// Stored on disk: never renumber.
enum class MergeBase : uint8_t {
  kBelow = 0,     // not known here: the next older entry of the key, or nothing
  kNothing = 1,   // nothing: a delete came before
  kValue = 2,     // a put came before
  kExpiring = 3,  // a put that expires
};

// What operands merge with. The view is the caller's.
struct MergedOnto {
  MergeBase kind = MergeBase::kBelow;
  std::string_view value;   // of kValue and kExpiring
  uint64_t expires_us = 0;  // of kExpiring; microseconds of record time
  friend bool operator==(const MergedOnto&, const MergedOnto&) = default;
};

// What a version of the key that is no merge is to the merges above it. Its value is an entry's.
MergedOnto BaseOf(EntryKind kind, std::string_view value);

// Makes such a value: first the base, then each operand.
// `since` only with kBelow; 0: there is none.
void AppendMergeBase(std::string* to, const MergedOnto& base, LogPos since = 0);
void AppendMergeOperand(std::string* to, std::string_view operand);

// Walks over the operands of a value that was read, the oldest first.
class MergeOperands {
 public:
  MergeOperands() = default;
  explicit MergeOperands(std::string_view encoded) : encoded_(encoded) {}
  // False at the end.
  bool Next(std::string_view* operand);
  std::string_view encoded() const { return encoded_; }  // those not yet walked over

 private:
  std::string_view encoded_;
};

// A value that was read. The views lie in its bytes.
struct MergeValue {
  MergedOnto base;
  LogPos since = 0;  // 0: this entry alone is in it
  MergeOperands operands;
  uint64_t operand_count = 0;
};

// kCorruption: these bytes are none. kNotSupported: a base or a flag that this build does not know.
// Neither names the file. Walks over all operands.
Status ReadMergeValue(std::string_view bytes, MergeValue* value);

// Whether nothing below the entry matters to it, so that a lookup stops there. Looks at one byte;
// bytes that are no such value end it, too.
bool MergeEndsLookup(std::string_view bytes);
// The trailer from which the entries of the key on that one at `position` with these bytes merges
// with: those that are in it already are passed over.
uint64_t MergeBelow(std::string_view bytes, LogPos position);

// ---- Several entries of one key. `entries`: their values, the newest first, at least one. `base`:
// what lies below them; kBelow: not known (to FoldMerges), nothing (to ResolveMerges). An entry
// that has a base hides what is older; none that another's `since` covers is among them. Errors are
// those of ReadMergeValue, and what each names.
//
// Cost: where values stay as long as an operand, as with add, one merge for each of n operands.
// Where they keep all bytes, as with append, each byte is copied O(log(bytes)) times, the base's
// once. Beside the result there are in memory the ends of the entries, and at most twice the bytes.

// What the entries are as one. With an operator (null: none is known) operands become one; and with
// kNothing or kValue below, the user's value, a put. A base that expires stays beside its operands,
// since what they become depends on when that is asked, unless it expires at or before
// `expired_us`, which no reader precedes (0: not known): then it is nothing. What the operator
// refuses stays as it is, in its order.
// `since` is what the entry says if it still merges with what lies below.
struct FoldedMerge {
  EntryKind kind = EntryKind::kMerge;  // or kPut
  std::string value;
  bool base_expired = false;
};
Status FoldMerges(const MergeOperator* merge_operator, const MergedOnto& base,
                  std::span<const std::string_view> entries, LogPos since, uint64_t expired_us,
                  FoldedMerge* folded);

// The value for a read at `now_us`: a base that expires at or before it is nothing.
// kInvalidArgument, naming it: the operator refuses the base or an operand; `value` is then empty.
Status ResolveMerges(const MergeOperator& merge_operator, const MergedOnto& base,
                     std::span<const std::string_view> entries, uint64_t now_us,
                     std::string* value);

}  // namespace logwood
