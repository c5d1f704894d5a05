#include "load_time.h"

#include <algorithm>

using logwood::DecodeInt64;
using logwood::EncodeInt64;

namespace {

// Goes round where 64 bits are too few. What stays at the bound instead would not be associative:
// the result would depend on what the database merged first (docs/guide/merge.md).
int64_t Sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

void LoadTime::Add(const LoadTime& other) {
  loads = Sum(loads, other.loads);
  total_us = Sum(total_us, other.total_us);
  most_us = std::max(most_us, other.most_us);
}

double LoadTime::mean_us() const {
  return loads == 0 ? 0 : static_cast<double>(total_us) / static_cast<double>(loads);
}

std::string LoadTime::Encode() const {
  return EncodeInt64(loads) + EncodeInt64(total_us) + EncodeInt64(most_us);
}

std::optional<LoadTime> LoadTime::Decode(std::string_view bytes) {
  if (bytes.size() != 24) return std::nullopt;
  return LoadTime{*DecodeInt64(bytes.substr(0, 8)), *DecodeInt64(bytes.substr(8, 8)),
                  *DecodeInt64(bytes.substr(16))};
}

logwood::Status MergeLoadTimes::Check(std::string_view operand) const {
  return LoadTime::Decode(operand) ? logwood::Status::Ok()
                                   : logwood::Status::InvalidArgument("load time: not 24 bytes");
}

bool MergeLoadTimes::Merge(std::string_view older, std::string_view newer,
                           std::string* result) const {
  std::optional<LoadTime> sum = LoadTime::Decode(older);
  const std::optional<LoadTime> more = LoadTime::Decode(newer);
  if (!sum || !more) return false;
  sum->Add(*more);
  *result = sum->Encode();
  return true;
}
