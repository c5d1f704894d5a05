// Counters of one database since open. Relaxed: they are read for people, not for decisions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "compaction/level_shape.h"
#include "table/table_reader.h"
#include "util/histogram.h"

namespace logwood {

// A counter that many threads add to: striped over cache lines by thread.
class StripedCounter {
 public:
  void Add(uint64_t n) { stripes_[Stripe()].value.fetch_add(n, std::memory_order_relaxed); }
  uint64_t Sum() const {
    uint64_t sum = 0;
    for (const auto& s : stripes_) sum += s.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static size_t Stripe() {
    static std::atomic<size_t> next{0};
    thread_local size_t mine = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
    return mine;
  }
  static constexpr size_t kStripes = 8;
  struct alignas(64) Line {
    std::atomic<uint64_t> value{0};
  };
  std::array<Line, kStripes> stripes_;
};

// Whether this call of the thread is the one in kOneIn whose latency is measured.
template <uint32_t kOneIn>
bool IsSampled() {
  thread_local uint32_t calls = 0;
  return calls++ % kOneIn == 0;
}

struct LevelCounters {
  std::atomic<uint64_t> compactions{0}, bytes_read{0}, bytes_written{0};
};

struct Statistics {
  using Counter = std::atomic<uint64_t>;
  StripedCounter gets, seeks, tombstones_skipped;
  Counter user_bytes{0}, commits{0}, write_groups{0};
  Counter transaction_commits{0}, transaction_conflicts{0}, conditions_refused{0};
  Counter log_bytes{0}, log_syncs{0};
  Counter flush_bytes{0}, flushes{0};
  Counter compaction_bytes_read{0}, compaction_bytes_written{0}, compactions{0};
  Counter stall_us{0};
  Counter expired{0};
  std::array<LevelCounters, kLevels> levels;
  TableCounters tables;
  Histogram get_latency, write_latency, sync_latency, flush_time, compaction_time;
};

}  // namespace logwood
