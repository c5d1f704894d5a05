#include "tests/support/history_checker.h"

#include <algorithm>
#include <sstream>

#include "tests/support/history_model.h"

namespace logwood::test {
namespace history {
namespace {

constexpr uint64_t kTextsMax = 3;  // of each kind of anomaly

}  // namespace

uint32_t Model::KeyOfNumber(uint64_t number) const {
  const auto found = std::lower_bound(keys.begin(), keys.end(), number,
                                      [](const Key& key, uint64_t n) { return key.number < n; });
  return static_cast<uint32_t>(found - keys.begin());
}

HistoryLevel Model::LevelOf(uint32_t transaction) const {
  switch (promise.level) {
    case HistoryPromise::Level::kSnapshot:
      return HistoryLevel::kSnapshot;
    case HistoryPromise::Level::kSerializable:
      return HistoryLevel::kSerializable;
    case HistoryPromise::Level::kAsAsked:
      break;
  }
  return Of(transaction).level;
}

uint32_t Model::VersionBy(uint32_t transaction, uint32_t key) const {
  const auto first = versions.begin() + static_cast<ptrdiff_t>(versions_begin[transaction]);
  const auto last = versions.begin() + static_cast<ptrdiff_t>(versions_begin[transaction + 1]);
  const auto found = std::lower_bound(
      first, last, key, [](const Version& version, uint32_t k) { return version.key < k; });
  if (found == last || found->key != key) return kNone;
  return static_cast<uint32_t>(found - versions.begin());
}

uint32_t Model::NextSlot(const Observation& observation) const {
  size_t slot = order_begin[observation.key];
  if (observation.version == kNone) return kNone;
  if (observation.version != kInitial) {
    if (versions[observation.version].slot == kNone) return kNone;
    slot = versions[observation.version].slot + size_t{1};
  }
  return slot < order_begin[observation.key + 1] ? static_cast<uint32_t>(slot) : kNone;
}

bool Model::Count(HistoryAnomaly anomaly) {
  return ++report.counts[static_cast<size_t>(anomaly)] <= kTextsMax;
}

std::string Model::Told(uint32_t transaction) const {
  const TransactionHistory::Transaction& of = Of(transaction);
  std::ostringstream text;
  text << "T" << transaction << " (session " << of.session << ", "
       << (of.level == HistoryLevel::kSnapshot ? "snapshot" : "serializable");
  if (of.position > 0) text << ", position " << of.position;
  if (of.snapshot != kHistoryNever) text << ", reads at " << of.snapshot;
  if (of.outcome == HistoryOutcome::kAborted) text << ", aborted";
  if (of.outcome == HistoryOutcome::kUnknown) text << ", outcome unknown";
  text << ", from " << of.begun << " to ";
  if (of.ended == kHistoryNever) {
    text << "no end";
  } else {
    text << of.ended;
  }
  text << ")";
  return text.str();
}

std::string Model::Told(const Observation& observation) const {
  std::ostringstream text;
  text << "T" << observation.transaction << (observation.scan ? " scanned" : " read") << " key "
       << keys[observation.key].number;
  if (observation.last == 0) {
    text << " and found nothing";
  } else if (observation.list.size() > 1) {
    text << " as " << observation.list.size() << " elements, the last " << observation.last;
  } else {
    text << " as " << observation.last;
  }
  return text.str();
}

std::string Model::Told(const Version& version) const {
  std::ostringstream text;
  text << "T" << version.transaction;
  if (version.last == 0) {
    text << " deleted key " << keys[version.key].number;
  } else {
    text << " wrote " << version.last << " to key " << keys[version.key].number;
  }
  if (PositionOf(version) > 0) text << " at position " << PositionOf(version);
  return text.str();
}

}  // namespace history

const char* NameOf(HistoryAnomaly anomaly) {
  static constexpr std::array<const char*, kHistoryAnomalies> kNames = {
      "unusable history",
      "read of what nobody wrote",
      "aborted read (G1a)",
      "intermediate read (G1b)",
      "internal inconsistency",
      "incompatible orders",
      "order of positions",
      "stale read",
      "lost commit",
      "lost update",
      "wrong snapshot",
      "no snapshot",
      "write conflict",
      "commit order",
      "write cycle (G0)",
      "circular information flow (G1c)",
      "read skew (G-single)",
      "nonadjacent anti-dependencies (G-SI)",
      "write skew (G2-item)",
      "write skew with predicates (G2)",
      "cycle with real time or session order",
  };
  return kNames[static_cast<size_t>(anomaly)];
}

std::string HistoryReport::Text() const {
  std::ostringstream text;
  text << transactions << " transactions, " << reads << " reads (" << unresolved << " unresolved), "
       << edges << " edges\n";
  for (size_t kind = 0; kind < kHistoryAnomalies; ++kind) {
    if (counts[kind] == 0) continue;
    text << NameOf(static_cast<HistoryAnomaly>(kind)) << ": " << counts[kind] << "\n";
    for (const Violation& violation : violations) {
      if (static_cast<size_t>(violation.anomaly) == kind) text << "  " << violation.text << "\n";
    }
  }
  return text.str();
}

HistoryReport CheckHistory(const TransactionHistory& history, const HistoryPromise& promise) {
  HistoryReport report;
  history::Model model(history, promise, &report);
  if (!history::IndexWrites(&model)) return report;
  history::WalkTransactions(&model);
  history::FindLive(&model);
  history::OrderVersions(&model);
  history::ResolveReads(&model);
  history::CheckPositions(&model);
  history::CheckCycles(&model);
  report.transactions =
      static_cast<uint64_t>(std::count(model.live.begin(), model.live.end(), true));
  report.reads = model.observations.size();
  return report;
}

}  // namespace logwood::test
