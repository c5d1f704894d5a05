#include "db/history_chain.h"

#include <utility>

namespace logwood {

std::optional<std::string> HistoryChain::Add(LogPos position, uint64_t hash) {
  const bool fits_log = position != position_ || hash == hash_;
  const bool fits_tables = position != tables_.position || hash == tables_.history_hash;
  position_ = position;
  hash_ = hash;
  if (fits_log && (fits_tables || std::exchange(tables_are_told_, true))) return std::nullopt;
  return "up to position " + std::to_string(position) + " it continues another history than " +
         (fits_log ? "the tables have" : "the segment before it ends with") +
         ": they are of different copies of the database";
}

}  // namespace logwood
