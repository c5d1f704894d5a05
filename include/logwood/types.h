// The words every other header uses: positions, durability, deadlines, limits, keyspaces.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ratio>
#include <string>
#include <string_view>

#include "logwood/export.h"

namespace logwood {

// The number of a commit: dense (1, 2, 3, ...); 0 is before the first. At once the MVCC version of
// every entry of that commit, what a snapshot reads at, and what a reader of the log will resume
// from (there is no public one yet).
using LogPos = uint64_t;

// How long the effect of a commit must last when the call returns.
enum class Durability : uint8_t {
  kDefault = 0,  // what the database was opened with
  kProcess = 1,  // survives the death of the process, kill -9 included
  kPower = 2,    // survives loss of power: the log is synced before the call returns
};

// When a blocking call gives up.
using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();
// So long from now. What is negative has passed already; what no Deadline can say, like
// std::chrono::hours::max(), is kNoDeadline.
LOGWOOD_EXPORT Deadline DeadlineAfter(std::chrono::nanoseconds duration);
template <typename Rep, typename Period>
Deadline DeadlineAfter(std::chrono::duration<Rep, Period> duration) {
  using std::chrono::nanoseconds;
  // By hand: the conversion to a finer unit overflows without a word.
  const auto count = std::chrono::duration<long double, std::nano>(duration).count();
  if (count <= static_cast<long double>(nanoseconds::min().count())) {
    return DeadlineAfter(nanoseconds::min());
  }
  if (!(count < static_cast<long double>(nanoseconds::max().count()))) return kNoDeadline;
  return DeadlineAfter(nanoseconds(static_cast<nanoseconds::rep>(count)));
}

// How long a put lasts, where one is given (WriteOptions, KeyspaceOptions, WriteBatch).
inline constexpr std::chrono::microseconds kNoExpiry = std::chrono::microseconds::max();
inline constexpr std::chrono::microseconds kTtlMax = std::chrono::hours(24 * 365'250);

// Limits. Exceeding one is kInvalidArgument and the message names it.
inline constexpr size_t kKeyBytesMax = 64 * 1024;  // a user's key
inline constexpr size_t kBatchBytesMax =
    64 * 1024 * 1024;  // a batch in memory: min(this, a quarter of the budget)
inline constexpr size_t kOperationMemoryBytes = 48;      // what an operation takes beside its bytes
inline constexpr size_t kRangeDeleteMemoryBytes = 4096;  // and a range delete beside that
inline constexpr size_t kNoteBytesMax = 64 * 1024;       // WriteBatch::Note
inline constexpr size_t kKeyspaceNameBytesMax = 255;     // 1 to this many bytes
inline constexpr uint32_t kKeyspacesMax = 65'000;        // numbers ever used, dropped ones included
inline constexpr uint64_t kMemoryBudgetBytesMin = 1 << 20;
inline constexpr uint64_t kMemoryBudgetBytesMax = uint64_t{1} << 46;

// A named, ordered set of keys. A Keyspace is a small value: copy it freely. It belongs to the
// database that returned it, also when that is closed and opened again; another database refuses it
// with kInvalidArgument. A default-made Keyspace means the keyspace "default", which every database
// has.
class Keyspace {
 public:
  constexpr Keyspace() = default;
  constexpr Keyspace(uint32_t number, uint32_t owner) : number_(number), owner_(owner) {}

  // Its number, never used again after a drop. 0 is the catalogue, 1 is "default".
  constexpr uint32_t number() const { return number_; }
  // A tag of the owning database; 0 fits every database.
  constexpr uint32_t owner() const { return owner_; }
  friend constexpr bool operator==(const Keyspace&, const Keyspace&) = default;

 private:
  uint32_t number_ = 1;
  uint32_t owner_ = 0;
};

// What belongs together: a history is shared by a database and its replicas, an instance is one
// directory. Only told today (Stats): replicas, and cursors that name a history, are not there yet.
struct LOGWOOD_EXPORT Id128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Id128&, const Id128&) = default;
  // 32 hexadecimal digits.
  std::string ToString() const;
};

}  // namespace logwood
