#include "util/internal_key.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "util/check.h"

namespace logwood {

namespace {

constexpr uint32_t kOneByteNumbers = 240;
constexpr unsigned kTailBytesMax = 4;
constexpr uint32_t kTailMax = std::numeric_limits<uint32_t>::max() - kOneByteNumbers;

// How many big-endian bytes hold `tail`; at least one.
unsigned TailBytes(uint32_t tail) {
  return tail < (1U << 8) ? 1 : tail < (1U << 16) ? 2 : tail < (1U << 24) ? 3 : 4;
}

}  // namespace

size_t EncodeKeyspacePrefix(uint32_t number, char* to) {
  if (number < kOneByteNumbers) {
    *to = static_cast<char>(number);
    return 1;
  }
  const uint32_t tail = number - kOneByteNumbers;
  const unsigned tail_bytes = TailBytes(tail);
  to[0] = static_cast<char>(kOneByteNumbers + tail_bytes - 1);
  for (unsigned i = 0; i < tail_bytes; ++i) {
    to[1 + i] = static_cast<char>(tail >> (8 * (tail_bytes - 1 - i)));
  }
  return 1 + tail_bytes;
}

std::string KeyspacePrefix(uint32_t number) {
  char prefix[kKeyspacePrefixBytesMax];
  return std::string(prefix, EncodeKeyspacePrefix(number, prefix));
}

std::string KeyspaceEnd(uint32_t number) {
  if (number == std::numeric_limits<uint32_t>::max()) {
    return std::string(1, static_cast<char>(kOneByteNumbers + kTailBytesMax));  // no key begins so
  }
  return KeyspacePrefix(number + 1);
}

bool SplitStoredKey(std::string_view stored, uint32_t* keyspace, std::string_view* user_key) {
  if (stored.empty()) return false;
  const auto first = static_cast<unsigned char>(stored[0]);
  if (first < kOneByteNumbers) {
    *keyspace = first;
    *user_key = stored.substr(1);
    return true;
  }
  const unsigned tail_bytes = first - kOneByteNumbers + 1;
  if (tail_bytes > kTailBytesMax || stored.size() - 1 < tail_bytes) return false;
  uint32_t tail = 0;
  for (unsigned i = 0; i < tail_bytes; ++i) {
    tail = tail << 8 | static_cast<unsigned char>(stored[1 + i]);
  }
  // A longer encoding than needed would be a second name for the same keyspace, out of order.
  if (TailBytes(tail) != tail_bytes || tail > kTailMax) return false;
  *keyspace = tail + kOneByteNumbers;
  *user_key = stored.substr(1 + tail_bytes);
  return true;
}

std::string PrefixEnd(std::string_view prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) {
    prefix.remove_suffix(1);
  }
  std::string end(prefix);
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string ShortestSeparator(std::string_view a, std::string_view b) {
  DCHECK(a < b);
  const size_t common_max = std::min(a.size(), b.size());
  const auto differ =
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(common_max), b.begin());
  const auto same = static_cast<size_t>(differ.first - a.begin());
  // One byte more than they share is the least that can tell them apart; `a` may be that short.
  if (a.size() <= same + 1) return std::string(a);
  const auto a_byte = static_cast<unsigned char>(a[same]);
  const auto b_byte = static_cast<unsigned char>(b[same]);
  std::string separator(a.substr(0, same + 1));
  if (a_byte + 1 < b_byte || b.size() > same + 1) {
    separator.back() = static_cast<char>(a_byte + 1);
    return separator;
  }
  // `b` is the successor of that stem: stay below it, and raise the first byte of `a` that can be.
  for (size_t i = same + 1; i < a.size(); ++i) {
    const auto byte = static_cast<unsigned char>(a[i]);
    if (byte == 0xff) continue;
    if (i + 1 == a.size()) break;  // no shorter than `a`
    separator.assign(a.substr(0, i + 1));
    separator.back() = static_cast<char>(byte + 1);
    return separator;
  }
  return std::string(a);
}

StoredKeyBuffer::StoredKeyBuffer(uint32_t keyspace, std::string_view user_key) : data_(inline_) {
  if (user_key.size() > sizeof(inline_) - kKeyspacePrefixBytesMax) {
    data_ = new char[kKeyspacePrefixBytesMax + user_key.size()];
  }
  const size_t prefix_bytes = EncodeKeyspacePrefix(keyspace, data_);
  if (!user_key.empty()) std::memcpy(data_ + prefix_bytes, user_key.data(), user_key.size());
  size_ = prefix_bytes + user_key.size();
}

}  // namespace logwood
