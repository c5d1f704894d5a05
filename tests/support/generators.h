// Keys and values as pure functions of small numbers, so that an operation list stays short to
// print and means the same for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace logwood::test {

// Key number `id` of the test universe: the empty key, NUL bytes, runs of 0xFF, shared prefixes,
// binary noise, long keys. Distinct ids may give one key (the short kinds repeat); never longer
// than kKeyBytesMax.
std::string KeyOf(uint32_t id);

// `size` bytes that depend on `id` and compress to about half.
std::string ValueOf(uint32_t id, uint32_t size);

// A 64-bit mix of a and b, for streams that depend on several numbers.
uint64_t MixSeeds(uint64_t a, uint64_t b);

}  // namespace logwood::test
