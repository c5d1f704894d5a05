#include "tests/support/generators.h"

#include <cstdio>

#include "logwood/types.h"
#include "util/random.h"

namespace logwood::test {

namespace {

std::string Numbered(const char* format, uint32_t number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::string Noise(uint32_t seed, size_t size) {
  Random random(MixSeeds(seed, size));
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

// Every 997th key is long; one of them has the greatest length there is.
std::string LongKey(uint32_t id) {
  if (id == 997) return std::string(kKeyBytesMax, 'L');
  return std::string(1000 + id % 3000, 'l') + Numbered("%08u", id);
}

}  // namespace

std::string KeyOf(uint32_t id) {
  if (id == 0) return "";
  if (id % 997 == 0) return LongKey(id);
  const uint32_t n = id / 8;
  switch (id % 8) {
    case 0:
      return std::string(n % 5, '\0') + Numbered("%u", n / 5 % 3);
    case 1:
      return std::string(1 + n % 6, '\xff') + (n / 6 % 2 == 0 ? "" : std::string(1, '\0'));
    case 2:
      return std::string(1, static_cast<char>(n));
    case 3:
      return Numbered("user/%08u/name", n);
    case 4:
      return Numbered("user/%08u", n);
    case 5:
      return "a/long/prefix/that/every/key/of/this/kind/has/in/common/" + Numbered("%06u", n);
    case 6:
      return Noise(id, 1 + id % 24);
    default:
      return Numbered("%u", n);
  }
}

std::string ValueOf(uint32_t id, uint32_t size) {
  std::string value = Noise(id, (size + 1) / 2);
  value.resize(size, static_cast<char>('a' + id % 26));
  return value;
}

uint64_t MixSeeds(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace logwood::test
