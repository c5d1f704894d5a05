// Back-pressure: how much a writer is slowed down so that flush and compaction keep up. One pure,
// continuous function of the backlog; the engine asks it now and then and feeds a TokenBucket.
//
//   BackpressureVerdict verdict = ComputeBackpressure(settings, inputs);
//   bucket.Charge(batch_bytes, verdict.delay_ns_per_byte, now_ns);
//   uint64_t wait_ns = bucket.WaitNs(now_ns);
//
// Three backlogs press: bytes waiting for a flush, compaction debt, and level-0 tables. Each is 0
// up to its soft limit and 1 at its hard one; the delay grows smoothly with the greatest of them:
//
//   delay(x) = x (1 + x)^2 / rate      rate: user bytes a second the background keeps up with
//
// so at x = 1/2 writers get about the measured rate, at x = 1 a quarter of it: the backlog settles
// between the limits. Only memory has a wall: at unflushed_bytes_max the engine lets writers wait,
// because there is no room for what they bring; the delay before it makes that rare. Debt and level
// 0 have none, the delay just goes on growing up to kDelayNsPerByteMax.
#pragma once

#include <cstdint>
#include <string>

namespace logwood {

inline constexpr double kDelayNsPerByteMax = 15'000;  // 64 KiB a second
// A throughput not measured yet, or measured while idle, counts as this.
inline constexpr double kBytesPerSecondMin = 4 << 20;

struct BackpressureSettings {
  uint64_t unflushed_bytes_soft = 64 << 20;
  uint64_t unflushed_bytes_max = 128 << 20;  // the wall
  uint64_t debt_bytes_soft = 512ULL << 20;
  uint64_t debt_bytes_hard = 4ULL << 30;
  uint32_t level0_tables_soft = 8;
  uint32_t level0_tables_hard = 24;
  // Bytes compaction writes for a byte of the user's, over the whole tree.
  double compaction_amplification = 6;
};

struct BackpressureInputs {
  // What all memtables hold beyond one full one. A flush gives its memtable back at its end, not
  // as it goes: before that there is no more room for writers, and counted as room it would let
  // them run into the wall.
  uint64_t unflushed_bytes = 0;
  uint64_t debt_bytes = 0;  // CompactionDebt
  uint32_t level0_tables = 0;
  double flush_bytes_per_second = 0;       // recent; memtable bytes
  double compaction_bytes_per_second = 0;  // recent; bytes written
};

struct BackpressureVerdict {
  double delay_ns_per_byte = 0;
  std::string why;  // empty when nothing presses; for statistics and events
};

// REQUIRES: soft < hard (max) in the settings. Monotone: never less delay for more backlog, never
// more for more throughput. No allocation where nothing presses.
BackpressureVerdict ComputeBackpressure(const BackpressureSettings& settings,
                                        const BackpressureInputs& inputs);

// Pays for bytes in time. No clock inside: the caller says what time it is (nanoseconds,
// monotonic). One thread at a time.
class TokenBucket {
 public:
  // Time unused for this long may be used at once; longer rests give nothing.
  static constexpr uint64_t kBurstNsMax = 1'000'000;

  // Enters bytes that are about to be written at this price.
  void Charge(uint64_t bytes, double delay_ns_per_byte, uint64_t now_ns);
  // How long to wait before going on; 0: not at all.
  uint64_t WaitNs(uint64_t now_ns) const {
    return paid_until_ns_ > now_ns ? paid_until_ns_ - now_ns : 0;
  }
  // What is still owed now costs `factor` (0 to 1) of what it did: the backlog that asked for it
  // has become smaller, or is gone.
  void Reduce(double factor, uint64_t now_ns);

 private:
  uint64_t paid_until_ns_ = 0;
  double fraction_ns_ = 0;  // of a nanosecond, not yet in paid_until_ns_
};

}  // namespace logwood
