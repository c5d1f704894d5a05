#include "tests/damage/damage_cases.h"

#include <algorithm>
#include <utility>

#include "tests/support/environment.h"
#include "tests/support/generators.h"

namespace logwood::test {

namespace {

using Kind = DamageCase::Kind;

// Bytes in the middle of that many zeros say nothing, as a rule.
constexpr size_t kZeroRun = 64;
constexpr uint64_t kZeroWeight = 20;

std::string KindOf(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(dot);
}

bool InZeros(const std::string& bytes, size_t offset) {
  const size_t begin = offset < kZeroRun / 2 ? 0 : offset - kZeroRun / 2;
  const size_t end = std::min(bytes.size(), offset + kZeroRun / 2);
  return std::all_of(bytes.begin() + static_cast<ptrdiff_t>(begin),
                     bytes.begin() + static_cast<ptrdiff_t>(end), [](char c) { return c == 0; });
}

DamageCase CaseOf(const DamageShape& shape, Kind kind, const std::string& file,
                  const std::string& what) {
  DamageCase damage;
  damage.kind = kind;
  damage.file = file;
  damage.what = shape.name + ", " + file + ": " + what;
  damage.files = shape.files;
  return damage;
}

// Of those patterns that change the byte.
std::vector<std::pair<char, std::string>> Patterns(char byte, uint64_t number) {
  std::vector<std::pair<char, std::string>> patterns;
  patterns.emplace_back(static_cast<char>(byte ^ (1 << (number % 8))), "bit flipped");
  patterns.emplace_back(static_cast<char>(~byte), "inverted");
  if (byte != 0) patterns.emplace_back('\0', "zeroed");
  return patterns;
}

}  // namespace

Sampling Sampling::One(uint64_t in) {
  Sampling sampling;
  sampling.seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  sampling.one_in = in;
  const std::string wanted = EnvironmentText("LOGWOOD_DAMAGE", "");
  if (wanted == "full") {
    sampling.one_in = 1;
  } else if (!wanted.empty()) {
    sampling.one_in = std::max<uint64_t>(EnvironmentNumber("LOGWOOD_DAMAGE", in), 1);
  }
  sampling.all_patterns = !wanted.empty() && sampling.one_in == 1;
  return sampling;
}

Sampling Sampling::OfSmall(uint64_t in) {
  Sampling sampling = One(in);
  sampling.one_in = in;
  return sampling;
}

bool Sampling::Takes(uint64_t n, uint64_t weight) const {
  return full() || MixSeeds(seed, n) % (one_in * weight) == 0;
}

void ForEachFlip(const DamageShape& shape, const Sampling& sampling, const DamageVisitor& visit) {
  uint64_t number = 0;
  for (const auto& [name, bytes] : shape.files) {
    for (size_t offset = 0; offset < bytes.size(); ++offset, ++number) {
      const bool in_zeros = InZeros(bytes, offset);
      if (!sampling.Takes(number, in_zeros ? kZeroWeight : 1)) continue;
      auto patterns = Patterns(bytes[offset], number);
      if (!sampling.all_patterns) {
        patterns = {patterns[MixSeeds(number, sampling.seed) % patterns.size()]};
      }
      for (const auto& [byte, pattern] : patterns) {
        DamageCase damage =
            CaseOf(shape, Kind::kFlip, name, "byte " + std::to_string(offset) + " " + pattern);
        damage.offset = offset;
        damage.in_zeros = in_zeros;
        damage.files[name][offset] = byte;
        visit(damage);
      }
    }
  }
}

void ForEachCut(const DamageShape& shape, const Sampling& sampling, const DamageVisitor& visit) {
  uint64_t number = 0;
  for (const auto& [name, bytes] : shape.files) {
    for (size_t size = 0; size < bytes.size(); ++size, ++number) {
      // The lengths at which files are cut most often, always.
      const bool always = size == 0 || size + 1 == bytes.size() || size == bytes.size() / 2;
      const bool in_zeros = InZeros(bytes, size);
      if (!always && !sampling.Takes(number, in_zeros ? kZeroWeight : 1)) continue;
      DamageCase damage = CaseOf(
          shape, Kind::kCut, name,
          "cut to " + std::to_string(size) + " of " + std::to_string(bytes.size()) + " bytes");
      damage.offset = size;
      damage.in_zeros = in_zeros;
      damage.files[name].resize(size);
      visit(damage);
    }
  }
}

void ForEachFileFault(const DamageShape& shape, const DamageVisitor& visit) {
  for (const auto& [name, bytes] : shape.files) {
    DamageCase missing = CaseOf(shape, Kind::kMissing, name, "missing");
    missing.files.erase(name);
    visit(missing);
    DamageCase zeroed = CaseOf(shape, Kind::kZeroed, name, "zeroed");
    zeroed.files[name].assign(bytes.size(), '\0');
    visit(zeroed);
    for (const auto& [other, other_bytes] : shape.files) {
      if (other <= name || KindOf(other) != KindOf(name)) continue;
      DamageCase swapped = CaseOf(shape, Kind::kSwapped, name, "swapped with " + other);
      swapped.other = other;
      std::swap(swapped.files[name], swapped.files[other]);
      visit(swapped);
    }
    const auto other = shape.other_copy.find(name);
    if (other != shape.other_copy.end() && other->second != bytes) {
      DamageCase copied = CaseOf(shape, Kind::kOtherCopy, name, "replaced by another copy's");
      copied.files[name] = other->second;
      visit(copied);
    }
    for (size_t i = 0; i < shape.earlier.size(); ++i) {
      const auto older = shape.earlier[i].find(name);
      if (older == shape.earlier[i].end() || older->second == bytes) continue;
      DamageCase stale =
          CaseOf(shape, Kind::kStale, name, "replaced by earlier copy " + std::to_string(i));
      stale.files[name] = older->second;
      visit(stale);
    }
  }
}

void ForEachFileBack(const DamageShape& shape, const DamageVisitor& visit) {
  constexpr size_t kPage = 4096;
  for (size_t i = 0; i < shape.earlier.size(); ++i) {
    for (const auto& [name, bytes] : shape.earlier[i]) {
      if (shape.files.contains(name) || !IsDataFile(name)) continue;
      DamageCase back = CaseOf(shape, Kind::kBack, name, "back from copy " + std::to_string(i));
      back.files[name] = bytes;
      visit(back);
      for (size_t page = 0; page + kPage <= bytes.size(); page += kPage) {
        DamageCase torn = CaseOf(shape, Kind::kTornBack, name,
                                 "back from copy " + std::to_string(i) + ", without the page at " +
                                     std::to_string(page));
        torn.offset = page;
        torn.files[name] = bytes;
        torn.files[name].replace(page, kPage, kPage, '\0');
        visit(torn);
      }
    }
  }
}

}  // namespace logwood::test
