// The workloads of logwood_compare and the data they write and verify.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/compare_engine.h"

namespace logwood::bench {

// 16-byte keys, 100-byte values that compress to about half, every one a pure function of its
// number (and, after overwriting, of how often it was written).
class CompareData {
 public:
  explicit CompareData(uint64_t count);

  uint64_t count() const { return count_; }
  // Key number i in random or in rising order; numbers from count() on are never written.
  static std::string RandomKey(uint64_t i);
  static std::string RisingKey(uint64_t i);
  std::string_view Value(uint64_t i, uint32_t version);

  static constexpr size_t kKeyBytes = 16;
  static constexpr size_t kValueBytes = 100;

 private:
  uint64_t count_;
  std::string pool_;
  std::string value_;
};

struct CompareResult {
  std::string workload;
  uint64_t operations = 0;
  double seconds = 0;
  std::optional<uint64_t> conflicts;  // transactions that were refused and begun again
  double rate() const { return seconds > 0 ? static_cast<double>(operations) / seconds : 0; }
};

// All workloads of one engine in fresh directories below `directory`, in order. What was written is
// read back and compared; a difference ends the program.
std::vector<CompareResult> RunWorkloads(const CompareEngineKind& engine,
                                        const CompareSettings& settings,
                                        const std::string& directory, CompareData* data,
                                        uint64_t sync_count);

}  // namespace logwood::bench
