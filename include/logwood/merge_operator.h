// MergeOperator: how a write that only says what changes becomes a value, without reading first.
//
//   // A list of the tags of a thing, in the order they came.
//   std::shared_ptr<const logwood::MergeOperator> tags = logwood::MergeOperator::Append(",");
//
//   // One of your own: the longer text wins, of two equally long ones the later.
//   class Longest : public logwood::MergeOperator {
//    public:
//     std::string_view name() const override { return "acme.longest"; }
//     uint32_t version() const override { return 1; }
//     bool Merge(std::string_view older, std::string_view newer,
//                std::string* result) const override {
//       result->assign(newer.size() >= older.size() ? newer : older);
//       return true;
//     }
//   };
//
// An operator belongs to a keyspace. A merge is an operand beside a key; the value of the key is
// what came before (a put, or nothing) with all operands since, oldest first. Which neighbours are
// merged first, and when - at the write, in memory, by a flush, a compaction or a read - is for the
// database to choose and not the same twice. Hence the rules below. docs/guide/merge.md has more.
//
// Thread safety: an operator is called from many threads at once, and by background threads for as
// long as a database that was given it is open. It must not throw, call a database, or keep views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/export.h"
#include "logwood/status.h"

namespace logwood {

// A name has 1 to this many bytes of [a-z0-9_.-].
inline constexpr size_t kMergeOperatorNameBytesMax = 64;
// MergeOperator::Append: its name, which has the separator in it, would be too long.
inline constexpr size_t kAppendSeparatorBytesMax = 28;

class LOGWOOD_EXPORT MergeOperator {
 public:
  virtual ~MergeOperator();

  // Stored with the keyspace, as is the version; with another operator it is not opened. Both the
  // same at every call. Names without a dot, and those that begin with "append.", are for
  // built-in operators: begin yours with your own word and a dot, or the open refuses it. The view
  // is valid as long as the operator.
  virtual std::string_view name() const = 0;
  // Of what its bytes mean. A new one for each change after which the same operands would become
  // another value: those that are stored are not written anew.
  virtual uint32_t version() const = 0;

  // Asked by Write for each operand: kInvalidArgument for what Merge would refuse, and then nothing
  // is written. By default everything is an operand.
  virtual Status Check(std::string_view operand) const;

  // Values and operands are bytes of one kind: an operand is the value of a key that had none.
  // Makes of two neighbours, `older` perhaps a value, the one operand (or value) that does what
  // both do. `result` is empty, and neither view lies in it.
  //
  // Must be associative: Merge(Merge(a, b), c) and Merge(a, Merge(b, c)) become the same value (not
  // commutative: the order is kept). Must depend on its two arguments only. Cost: linear in their
  // bytes, or a long list of operands will be slow.
  //
  // False: one of the two, by itself, is not of this kind (somebody has put other bytes). They are
  // then kept as they are, and reading the key is an error until it is put or deleted.
  virtual bool Merge(std::string_view older, std::string_view newer, std::string* result) const = 0;

  // Turns what Merge made of everything there is for a key, or the only operand, into the value to
  // show, in place. By default it is that already; an operator whose combined operands say more
  // than a value does has this. A value must stay what it is, and merge further to the same end:
  // with a' for a finished, Merge(a', b) and Merge(a, b) finish alike. False as in Merge.
  virtual bool Finish(std::string* merged) const;

  // ---- Built in, all of version 1. Their order of arguments and of operands is as above; what
  // they refuse in Check they refuse in Merge.

  // What a sum does that 64 bits cannot hold: stays at the bound, or goes round (two's complement).
  enum class Overflow : uint8_t { kSaturate, kWrap };
  // "add_int64", "add_int64_wrapping": the sum of EncodeInt64 values; a key without a value counts
  // as 0. Saturating means at each step: from the largest number, +1 and then -1 is the largest
  // less 1, however the operands were grouped. That is associative because combined operands are
  // not sums but functions "add, and stay within": 8 bytes where a sum says it, 24 where not. A
  // reader never sees those, and Check lets only 8 bytes in.
  static std::shared_ptr<const MergeOperator> AddInt64(Overflow overflow = Overflow::kSaturate);
  // "min_int64", "max_int64": of EncodeInt64 values.
  static std::shared_ptr<const MergeOperator> MinInt64();
  static std::shared_ptr<const MergeOperator> MaxInt64();
  // "min_bytes", "max_bytes": any bytes, compared as keys are.
  static std::shared_ptr<const MergeOperator> MinBytes();
  static std::shared_ptr<const MergeOperator> MaxBytes();
  // "append", or "append.2c" for the separator "," (hexadecimal), so that another separator is
  // another operator: any bytes, one behind the other, the separator between any two, empty ones
  // too. Null: the separator is longer than kAppendSeparatorBytesMax.
  static std::shared_ptr<const MergeOperator> Append(std::string_view separator = {});
  // "set_union": of EncodeSet values.
  static std::shared_ptr<const MergeOperator> SetUnion();
  // "bit_or": any bytes; the shorter counts as if zeros followed, so the longer gives the length.
  static std::shared_ptr<const MergeOperator> BitOr();

  // The built-in operator of that name, any separator of append included; null: there is none. So
  // programs that never saw the application can read what it wrote.
  static std::shared_ptr<const MergeOperator> BuiltIn(std::string_view name);

  // Whether name() may be this.
  static bool IsName(std::string_view name);
};

// 8 bytes, little-endian, two's complement. Nothing: not 8 bytes.
LOGWOOD_EXPORT std::string EncodeInt64(int64_t number);
LOGWOOD_EXPORT std::optional<int64_t> DecodeInt64(std::string_view bytes);

// A set of byte strings: each once, in ascending order, as its length (a varint of 7 bits a byte,
// low first) and its bytes. The empty set is no bytes; one set is one string of bytes.
// Elements in any order, those given twice count once. O(n log n).
LOGWOOD_EXPORT std::string EncodeSet(std::span<const std::string_view> elements);
// False, and nothing in `elements`: not a set. The views lie in `bytes`. O(n).
LOGWOOD_EXPORT bool DecodeSet(std::string_view bytes, std::vector<std::string_view>* elements);

}  // namespace logwood
