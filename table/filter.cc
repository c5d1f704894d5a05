#include "table/filter.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>

#include "util/check.h"
#include "util/coding.h"

namespace logwood {

namespace {

constexpr uint64_t kLineBits = kFilterLineBytes * 8;

// Best number of probes for a Bloom filter, ln 2 times the bits, a little fewer because lines do
// not fill evenly.
uint32_t ProbesFor(uint32_t bits_per_key) {
  return std::clamp<uint32_t>(bits_per_key * 65 / 100, 1, kFilterProbesMax);
}

uint32_t LinesFor(uint64_t keys, uint32_t bits_per_key) {
  const uint64_t lines = (keys * bits_per_key + kLineBits - 1) / kLineBits;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(lines, 1, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

FilterBuilder::FilterBuilder(uint32_t bits_per_key)
    : bits_per_key_(std::min(bits_per_key, kFilterBitsPerKeyMax)) {}

uint64_t FilterBuilder::PayloadBytes() const {
  if (empty()) return 0;
  return kFilterHeaderBytes + kFilterLineBytes * LinesFor(hashes_.size(), bits_per_key_);
}

void FilterBuilder::Finish(std::string* to) const {
  CHECK(!empty());
  const uint32_t line_count = LinesFor(hashes_.size(), bits_per_key_);
  const uint32_t probes = ProbesFor(bits_per_key_);
  PutFixed32(to, line_count);
  PutFixed32(to, probes);
  const size_t start = to->size();
  to->resize(start + kFilterLineBytes * line_count);
  char* lines = to->data() + start;
  constexpr size_t kAhead = 8;  // hides the misses of lines spread over the whole filter
  for (size_t i = 0; i < hashes_.size(); ++i) {
    if (i + kAhead < hashes_.size()) {
      const FilterProbes later(hashes_[i + kAhead]);
      __builtin_prefetch(lines + kFilterLineBytes * later.Line(line_count), 1);
    }
    FilterProbes probe(hashes_[i]);
    char* line = lines + kFilterLineBytes * probe.Line(line_count);
    for (uint32_t p = 0; p < probes; ++p) {
      const uint32_t bit = probe.Next();
      line[bit >> 3] = static_cast<char>(line[bit >> 3] | 1 << (bit & 7));
    }
  }
}

Filter::Filter(size_t payload_bytes)
    : allocated_bytes_(kFilterLineBytes + payload_bytes - kFilterHeaderBytes + kSlackBytes),
      payload_bytes_(payload_bytes) {
  memory_.reset(
      static_cast<char*>(::operator new[](allocated_bytes_, std::align_val_t{kFilterLineBytes})));
  lines_ = memory_.get() + kFilterLineBytes;
}

void Filter::AlignedDelete::operator()(char* memory) const {
  ::operator delete[](memory, std::align_val_t{kFilterLineBytes});
}

bool Filter::Parse() {
  line_count_ = LoadFixed<uint32_t>(payload());
  probes_ = LoadFixed<uint32_t>(payload() + 4);
  return line_count_ != 0 && probes_ >= 1 && probes_ <= kFilterProbesMax &&
         kFilterLineBytes * uint64_t{line_count_} == payload_bytes_ - kFilterHeaderBytes;
}

}  // namespace logwood
