// Operation: one step of a model test as pure data: it can be generated from a seed, printed,
// parsed and run again anywhere. Keys and values are numbers (generators.h), handles are slots.
//
//   OperationList list = GenerateOperations(42, 1000);
//   std::string text = ToText(list);           // a line each: "put ks=1 key=k17 value=v5:100"
//   assert(*ParseOperations(text) == list);
//
// Every operation has a meaning in every state (a slot that is empty makes it a no-op), so that any
// sublist of a list is a list: what a reducer needs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood::test {

inline constexpr int kKeyspaceSlots = 6;  // slot 0 is "default"
inline constexpr int kSnapshotSlots = 4;
inline constexpr int kIteratorSlots = 3;
inline constexpr int kTransactionSlots = 3;

// The name of the keyspace in a slot: plain, long and odd ones.
std::string KeyspaceNameOf(int slot);

// A key of the universe, or its first `cut` bytes (a prefix, a bound between keys), or the smallest
// above either.
struct KeyRef {
  uint32_t id = 0;
  int32_t cut = -1;  // -1: whole
  bool after = false;
  std::string bytes() const;
  friend bool operator==(const KeyRef&, const KeyRef&) = default;
};

struct ValueRef {
  uint32_t id = 0;
  uint32_t size = 0;
  std::string bytes() const;
  friend bool operator==(const ValueRef&, const ValueRef&) = default;
};

enum class OperationKind : uint8_t {
  kPut,
  kDelete,
  kDeleteRange,
  kMerge,
  kBatch,
  kPutIfAbsent,
  kCompareAndPut,
  kDeleteIf,
  kBegin,
  kCommit,
  kRollback,
  kSetSavepoint,
  kRollbackTo,
  kExpect,
  kGet,
  kMultiGet,
  kContains,
  kOpenIterator,
  kWalk,
  kCloseIterator,
  kTakeSnapshot,
  kReleaseSnapshot,
  kCreateKeyspace,
  kOpenOrCreateKeyspace,
  kDropKeyspace,
  kListKeyspaces,
  kFlush,
  kCompactRange,
  kCompactAll,
  kWaitForCompaction,
  kWaitDurable,
  kEstimate,
  kStats,
  kVerify,
  kReopen,    // closes cleanly, opens again
  kCrash,     // copies the directory while open and goes on with the copy
  kReadOnly,  // copies the directory while open and compares all of the copy, read-only
  kCheckAll,  // compares every key of every keyspace, both ways
  kClock,     // the time of day goes on, or is set back
};
inline constexpr int kOperationKinds = 39;

// A time to live: 0: it is not said; below: for ever (kNoExpiry); else so many microseconds.
inline constexpr int64_t kTtlForEver = -1;
std::chrono::microseconds TtlOf(int64_t ttl_us);

// The keys from `begin` on and before `end`.
struct KeyBounds {
  std::string begin;
  std::optional<std::string> end;
  bool is_empty() const { return end && *end == begin; }
  bool is_backward() const { return end && *end < begin; }  // a misuse
};

struct BatchItem {
  enum class Kind : uint8_t { kPut, kDelete, kDeleteRange, kDeletePrefix, kMerge };
  Kind kind = Kind::kPut;
  int keyspace = 0;
  KeyRef key = {};                 // of a range its begin, or the prefix of all of its keys
  ValueRef value = {};             // of a merge its operand
  std::optional<KeyRef> end = {};  // of a range; nullopt: it has none
  int64_t ttl_us = 0;              // of a put
  bool is_range() const { return kind == Kind::kDeleteRange || kind == Kind::kDeletePrefix; }
  bool has_value() const { return kind == Kind::kPut || kind == Kind::kMerge; }
  bool expires() const { return kind == Kind::kPut && ttl_us > 0; }
  // REQUIRES: is_range().
  KeyBounds bounds() const;
  friend bool operator==(const BatchItem&, const BatchItem&) = default;
};

// One movement of an iterator, `count` times for Next and Prev.
struct Step {
  enum class Kind : uint8_t { kFirst, kLast, kSeek, kSeekForPrev, kNext, kPrev };
  Kind kind = Kind::kFirst;
  KeyRef key = {};
  uint32_t count = 1;
  friend bool operator==(const Step&, const Step&) = default;
};

// Fields that do not apply to a kind keep their defaults.
struct Operation {
  OperationKind kind = OperationKind::kPut;
  int keyspace = 0;
  int slot = 0;       // iterator or snapshot
  int snapshot = -1;  // read at this slot; -1: now
  // As part of the transaction in this slot; -1: by itself. Of kPut, kDelete, kDeleteRange, kMerge,
  // kGet, kOpenIterator and what only a transaction does.
  int transaction = -1;
  Durability durability = Durability::kDefault;
  KeyRef key = {};
  ValueRef value = {};
  std::optional<KeyRef> lower = {}, upper = {}, prefix = {};  // of what is deleted, too
  std::vector<KeyRef> keys = {};
  std::vector<BatchItem> items = {};
  std::vector<Step> steps = {};
  uint32_t note_bytes = 0;
  uint32_t savepoint = 0;  // its number
  // WriteOptions::ttl of what is written at once, merges and deletes among it, and of kCommit; of a
  // put in a transaction its own.
  int64_t ttl_us = 0;
  int64_t clock_us = 0;  // of kClock: how far
  // CompactOptions::force_last_level, ReadOptions::fill_cache off, of kBegin: Isolation::kSnapshot,
  // of kCompareAndPut and kDeleteIf: expects what is there.
  bool flag = false;
  friend bool operator==(const Operation&, const Operation&) = default;
};

using OperationList = std::vector<Operation>;

// A kPut, kDelete, kDeleteRange, kMerge or one of the one-call forms as part of a batch.
BatchItem ItemOf(const Operation& operation);

// The smallest string above all that begin with `prefix`; nullopt: there is none.
std::optional<std::string> SuccessorOf(std::string prefix);

// The same list for the same arguments, on every machine.
OperationList GenerateOperations(uint64_t seed, size_t count);

std::string ToText(const Operation& operation);
std::string ToText(const OperationList& list);
// Lines that are empty or begin with '#' are skipped. kInvalidArgument names the line.
Result<OperationList> ParseOperations(std::string_view text);

}  // namespace logwood::test
