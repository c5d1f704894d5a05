// What CheckHistory knows of a history, and the steps in which it learns it. Each step is a file of
// its own; the order is that of CheckHistory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/history_checker.h"

namespace logwood::test::history {

inline constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
inline constexpr uint32_t kInitial = kNone - 1;  // the version before all: absent

// What a transaction left of a key. Intermediate states are none.
struct Version {
  uint32_t transaction = 0;
  uint32_t key = 0;
  uint32_t slot = kNone;  // in Model::order; kNone: its place is not known, or it changed nothing
  bool replaces = false;  // what was before it is gone
  bool seen = false;      // by another transaction
  uint64_t last = 0;      // 0: deleted
  size_t elements_begin = 0, elements_size = 0;
};

// A read of one key that tells of other transactions: without what the reader itself had written.
struct Observation {
  uint32_t transaction = 0;
  uint32_t key = 0;
  bool scan = false;
  bool has_list = false;
  uint64_t last = 0;  // 0: absent
  std::span<const uint64_t> list = {};
  uint32_t version = kNone;  // or kInitial; kNone: not resolved
};

struct Key {
  uint64_t number = 0;
  bool written = false;
  bool replaced = false;        // by a write or deletion; else all is one growing list
  bool unsure = false;          // a commit of no known position wrote it
  bool unsure_deleted = false;  // or deleted it
  uint32_t longest = kNone;     // of the lists that were read: its observation

  // A list of which each read shows the order of all versions before.
  bool OnlyGrows() const { return written && !replaced; }
};

struct Writer {
  uint32_t transaction = 0;
  uint32_t version = kNone;  // kNone: of an intermediate state that was replaced, or aborted
};

struct KeyValue {
  uint32_t key;
  uint64_t value;
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};
struct HashOfKeyValue {
  size_t operator()(const KeyValue& of) const {
    return (of.value ^ (uint64_t{of.key} << 32)) * 0x9E3779B97F4A7C15u >> 7;
  }
};

struct Model {
  Model(const TransactionHistory& of, const HistoryPromise& promised, HistoryReport* result)
      : history(of), promise(promised), report(*result) {}

  const TransactionHistory& history;
  const HistoryPromise& promise;
  HistoryReport& report;

  std::vector<Key> keys;  // ascending
  std::unordered_map<KeyValue, Writer, HashOfKeyValue> writers;
  std::vector<uint64_t> elements;
  // Both by transaction: those of t lie from [t] to [t + 1]. Its versions ascend by key.
  std::vector<Version> versions;
  std::vector<size_t> versions_begin;
  std::vector<Observation> observations;
  std::vector<size_t> observations_begin;
  std::vector<bool> live;  // committed, or of unknown outcome and seen by another
  // The versions of each key in their order: those of k lie from [k] to [k + 1].
  std::vector<uint32_t> order;
  std::vector<size_t> order_begin;
  // By key: those that are there, with a place that is not known.
  std::unordered_map<uint32_t, std::vector<uint32_t>> unplaced;
  // Of this version and those after it, the slot whose commit was acknowledged first.
  std::vector<uint32_t> soonest;

  uint32_t KeyOfNumber(uint64_t number) const;  // of the first that is not below
  const TransactionHistory::Transaction& Of(uint32_t transaction) const {
    return history.transactions[transaction];
  }
  HistoryLevel LevelOf(uint32_t transaction) const;
  std::span<const uint64_t> ElementsOf(const Version& version) const {
    return std::span(elements).subspan(version.elements_begin, version.elements_size);
  }
  // What it left of the key; kNone.
  uint32_t VersionBy(uint32_t transaction, uint32_t key) const;
  // The slot of the version after the one that was read; kNone.
  uint32_t NextSlot(const Observation& observation) const;
  const Version& InSlot(uint32_t slot) const { return versions[order[slot]]; }
  LogPos PositionOf(const Version& version) const { return Of(version.transaction).position; }

  // Counts it; whether its text is wanted as well.
  bool Count(HistoryAnomaly anomaly);
  void Tell(HistoryAnomaly anomaly, std::string text) {
    report.violations.push_back({anomaly, std::move(text)});
  }
  std::string Told(uint32_t transaction) const;
  std::string Told(const Observation& observation) const;
  std::string Told(const Version& version) const;
};

// Which keys there are and who wrote each value. False: the history cannot be judged.
bool IndexWrites(Model* model);
// What each transaction read of others and left behind; that it sees its own writes.
void WalkTransactions(Model* model);
// Whose values were read: nobody's, an aborted one's; which unknown ones are there.
void FindLive(Model* model);
// The versions of each key.
void OrderVersions(Model* model);
// Which version each read saw; that lists are what the versions make.
void ResolveReads(Model* model);
// That there is a position for each transaction, and that no update and no commit is lost.
void CheckPositions(Model* model);
// Builds the graph of dependencies and finds its cycles.
void CheckCycles(Model* model);

}  // namespace logwood::test::history
