#include "table/filter.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "table/block_memory.h"
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
  return kFilterHeaderBytes + kFilterLineBytes * LinesFor(keys_, bits_per_key_);
}

uint64_t FilterBuilder::memory_bytes() const {
  return pieces_.size() * kPieceHashes * sizeof(uint64_t);
}

void FilterBuilder::Grow() {
  constexpr size_t kBytes = kPieceHashes * sizeof(uint64_t);
  pieces_.emplace_back();
  pieces_.back().reset(new (AllocateBlockMemory(kBytes)) uint64_t[kPieceHashes]);
}

void FilterBuilder::FreesPiece::operator()(uint64_t* piece) const {
  FreeBlockMemory(piece, kPieceHashes * sizeof(uint64_t));
}

void FilterBuilder::Finish(ByteBuffer* to) const {
  CHECK(!empty());
  const uint32_t line_count = LinesFor(keys_, bits_per_key_);
  const uint32_t probes = ProbesFor(bits_per_key_);
  StoreFixed(to->Extend(sizeof(line_count)), line_count);
  StoreFixed(to->Extend(sizeof(probes)), probes);
  char* lines = to->Extend(kFilterLineBytes * line_count);
  std::memset(lines, 0, kFilterLineBytes * line_count);
  constexpr uint64_t kAhead = 8;  // hides the misses of lines spread over the whole filter
  for (uint64_t i = 0; i < keys_; ++i) {
    if (i + kAhead < keys_) {
      const FilterProbes later(At(i + kAhead));
      __builtin_prefetch(lines + kFilterLineBytes * later.Line(line_count), 1);
    }
    FilterProbes probe(At(i));
    char* line = lines + kFilterLineBytes * probe.Line(line_count);
    for (uint32_t p = 0; p < probes; ++p) {
      const uint32_t bit = probe.Next();
      line[bit >> 3] = static_cast<char>(line[bit >> 3] | 1 << (bit & 7));
    }
  }
}

static_assert(kPagesAlignment % kFilterLineBytes == 0);

Filter::Filter(size_t payload_bytes)
    : memory_(MakePages(kFilterLineBytes + payload_bytes - kFilterHeaderBytes + kSlackBytes)),
      lines_(memory_.get() + kFilterLineBytes),
      allocated_bytes_(kFilterLineBytes + payload_bytes - kFilterHeaderBytes + kSlackBytes),
      payload_bytes_(payload_bytes) {}

bool Filter::Parse() {
  line_count_ = LoadFixed<uint32_t>(payload());
  probes_ = LoadFixed<uint32_t>(payload() + 4);
  return line_count_ != 0 && probes_ >= 1 && probes_ <= kFilterProbesMax &&
         kFilterLineBytes * uint64_t{line_count_} == payload_bytes_ - kFilterHeaderBytes;
}

}  // namespace logwood
