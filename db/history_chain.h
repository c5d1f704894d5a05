// HistoryChain: whether what log segments and tables hold is of one history. Files of two copies of
// one database, which went different ways, fit together in all but the history hashes.
//
//   HistoryChain chain(tree.tables);
//   if (auto what = chain.Add(record.position, record.history_hash)) Tell(*what);
//
// Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "db/edit.h"

namespace logwood {

class HistoryChain {
 public:
  explicit HistoryChain(const TablesState& tables = {}) : tables_(tables) {}

  // The hash behind `position`, which a segment's header or record says, in the log's order. What
  // is wrong where it does not follow what was added before it, or what the tables have.
  std::optional<std::string> Add(LogPos position, uint64_t hash);
  // Of what comes next nobody knows whether it follows what was added.
  void Break() { position_ = hash_ = 0; }

 private:
  TablesState tables_;
  bool tables_are_told_ = false;
  LogPos position_ = 0;
  uint64_t hash_ = 0;
};

}  // namespace logwood
