// The key every layer below `db` sees: `stored key` = keyspace prefix + user's key, and a `trailer`
// of position and entry kind. Order: stored key ascending bytewise, trailer descending, so that the
// newest version of a key comes first. Invariant 1 (docs/invariants.md): (stored key, position) is
// unique in every memtable and table.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "logwood/types.h"

namespace logwood {

// Stored on disk: never renumber. Those not yet written by any operation are reserved so that
// formats need no change when they come.
enum class EntryKind : uint8_t {
  kDelete = 0,
  kPut = 1,
  kMerge = 2,         // value: operands and what they merge with (util/merge_value.h)
  kRangeDelete = 3,   // value: the range's exclusive end, a stored key; in a table in its own block
  kPutExpiring = 4,   // value: expiry time + value (util/expiring_value.h)
  kValuePointer = 5,  // value: where the value is stored (reserved)
};
// Those that an operation of a batch may have.
inline constexpr bool IsOperationKind(uint8_t kind) {
  return kind <= static_cast<uint8_t>(EntryKind::kPutExpiring);
}
// Those that this build reads among the entries of a memtable or a table's data. Whoever meets
// another in a file says kNotSupported: its value is none.
inline constexpr bool IsEntryKind(EntryKind kind) {
  return kind <= EntryKind::kPutExpiring && kind != EntryKind::kRangeDelete;
}
inline constexpr LogPos kPositionMax = (uint64_t{1} << 56) - 1;
// Never reached: a thousand years at a million commits a second. What says more was not written by
// Logwood, and what follows it would have no numbers.
inline constexpr LogPos kPositionsUsableMax = kPositionMax / 2;
// From here on: writes of a transaction that is not committed, in memory that only it sees.
inline constexpr LogPos kOwnPositionMin = kPositionsUsableMax + 1;

inline constexpr uint64_t PackTrailer(LogPos position, EntryKind kind) {
  return position << 8 | static_cast<uint8_t>(kind);
}
inline constexpr LogPos TrailerPosition(uint64_t trailer) { return trailer >> 8; }
inline constexpr EntryKind TrailerKind(uint64_t trailer) {
  return static_cast<EntryKind>(trailer & 0xff);
}
// Seeking with this finds the newest entry of a key at or below `position`.
inline constexpr uint64_t SeekTrailer(LogPos position) { return position << 8 | 0xff; }

// Negative, zero, positive: as in the order above.
inline int CompareInternal(std::string_view a, uint64_t a_trailer, std::string_view b,
                           uint64_t b_trailer) {
  int c = a.compare(b);
  if (c != 0) return c;
  return a_trailer > b_trailer ? -1 : a_trailer < b_trailer ? 1 : 0;
}

// Eight bytes of the key from `skip` on as a big-endian number, zeros after its end. For keys that
// agree in their first `skip` bytes: a smaller head is a smaller key; equal heads decide nothing.
inline uint64_t KeyHead64(std::string_view key, size_t skip = 0) {
  uint64_t head = 0;
  if (key.size() >= skip + sizeof(head)) [[likely]] {
    std::memcpy(&head, key.data() + skip, sizeof(head));
  } else if (key.size() > skip) {
    std::memcpy(&head, key.data() + skip, key.size() - skip);
  }
  return __builtin_bswap64(head);
}

// ---- Keyspace prefixes: order-preserving and prefix-free, so that a stored key splits one way.
// Number n < 240: the byte n. Otherwise 240 + (bytes of n-240) - 1, then n-240 big-endian, 1-4
// bytes.
inline constexpr uint32_t kCatalogueKeyspace = 0;
inline constexpr uint32_t kDefaultKeyspace = 1;
inline constexpr size_t kKeyspacePrefixBytesMax = 5;

// Writes the prefix; returns its length.
size_t EncodeKeyspacePrefix(uint32_t number, char* to);
std::string KeyspacePrefix(uint32_t number);
// The exclusive end of the keyspace's stored keys: the next number's prefix.
std::string KeyspaceEnd(uint32_t number);
// Splits a stored key; false when the bytes are not one.
bool SplitStoredKey(std::string_view stored, uint32_t* keyspace, std::string_view* user_key);

inline constexpr size_t kStoredKeyBytesMax = kKeyBytesMax + kKeyspacePrefixBytesMax;

// The smallest string greater than every string with this prefix; empty: there is none.
std::string PrefixEnd(std::string_view prefix);
// A short string s with a <= s < b. REQUIRES: a < b. For index separators.
std::string ShortestSeparator(std::string_view a, std::string_view b);

// Keys on the stack where they are short: builds the stored key of a lookup without allocating.
class StoredKeyBuffer {
 public:
  StoredKeyBuffer(uint32_t keyspace, std::string_view user_key);
  ~StoredKeyBuffer() {
    if (data_ != inline_) delete[] data_;
  }
  StoredKeyBuffer(const StoredKeyBuffer&) = delete;
  StoredKeyBuffer& operator=(const StoredKeyBuffer&) = delete;
  std::string_view view() const { return {data_, size_}; }

 private:
  char inline_[120];
  char* data_;
  size_t size_;
};

}  // namespace logwood
