#include "compaction/backpressure.h"

#include <algorithm>

#include "util/check.h"
#include "util/escape.h"

namespace logwood {

namespace {

// 0 at and below `soft`, 1 at `hard`, going on beyond.
double Excess(double value, double soft, double hard) {
  return value <= soft ? 0 : (value - soft) / (hard - soft);
}

double DelayNsPerByte(double excess, double bytes_per_second) {
  const double growth = excess * (1 + excess) * (1 + excess);
  const double rate = std::max(bytes_per_second, kBytesPerSecondMin);
  return std::min(growth * 1e9 / rate, kDelayNsPerByteMax);
}

std::string Bytes(std::string_view what, uint64_t bytes, uint64_t soft) {
  return std::string(what) + " " + HumanBytes(bytes) + ", soft limit " + HumanBytes(soft);
}

}  // namespace

BackpressureVerdict ComputeBackpressure(const BackpressureSettings& settings,
                                        const BackpressureInputs& inputs) {
  CHECK(settings.unflushed_bytes_soft < settings.unflushed_bytes_max);
  CHECK(settings.debt_bytes_soft < settings.debt_bytes_hard);
  CHECK(settings.level0_tables_soft < settings.level0_tables_hard);
  const auto as_double = [](uint64_t value) { return static_cast<double>(value); };
  const double memory =
      Excess(as_double(inputs.unflushed_bytes), as_double(settings.unflushed_bytes_soft),
             as_double(settings.unflushed_bytes_max));
  const double debt = Excess(as_double(inputs.debt_bytes), as_double(settings.debt_bytes_soft),
                             as_double(settings.debt_bytes_hard));
  const double level0 =
      Excess(inputs.level0_tables, settings.level0_tables_soft, settings.level0_tables_hard);
  const double compaction_rate =
      inputs.compaction_bytes_per_second / std::max(settings.compaction_amplification, 1.0);
  const double by_memory = DelayNsPerByte(memory, inputs.flush_bytes_per_second);
  const double by_debt = DelayNsPerByte(debt, compaction_rate);
  const double by_level0 = DelayNsPerByte(level0, compaction_rate);

  BackpressureVerdict verdict;
  verdict.delay_ns_per_byte = std::max({by_memory, by_debt, by_level0});
  if (verdict.delay_ns_per_byte == 0) return verdict;
  if (by_memory >= by_debt && by_memory >= by_level0) {
    verdict.why = Bytes("waiting for flush", inputs.unflushed_bytes, settings.unflushed_bytes_soft);
  } else if (by_debt >= by_level0) {
    verdict.why = Bytes("compaction debt", inputs.debt_bytes, settings.debt_bytes_soft);
  } else {
    verdict.why = "level-0 tables " + std::to_string(inputs.level0_tables) + ", soft limit " +
                  std::to_string(settings.level0_tables_soft);
  }
  return verdict;
}

void TokenBucket::Charge(uint64_t bytes, double delay_ns_per_byte, uint64_t now_ns) {
  const uint64_t earliest = now_ns > kBurstNsMax ? now_ns - kBurstNsMax : 0;
  if (paid_until_ns_ < earliest) {
    paid_until_ns_ = earliest;
    fraction_ns_ = 0;
  }
  const double owed = static_cast<double>(bytes) * delay_ns_per_byte + fraction_ns_;
  const uint64_t whole = static_cast<uint64_t>(owed);
  fraction_ns_ = owed - static_cast<double>(whole);
  paid_until_ns_ += whole;
}

void TokenBucket::Reduce(double factor, uint64_t now_ns) {
  const auto owed = static_cast<double>(WaitNs(now_ns));
  if (owed > 0) paid_until_ns_ = now_ns + static_cast<uint64_t>(owed * factor);
  if (factor == 0) fraction_ns_ = 0;
}

}  // namespace logwood
