// What is said of damage, by everybody who finds some: an open, a check, a compaction, salvage.
#pragma once

#include <string>

#include "db/catalogue.h"
#include "logwood/db.h"
#include "logwood/event_listener.h"
#include "table/table_meta.h"

namespace logwood {

// A file that is gone, or whose bytes are not what was written; any other failure says nothing of
// it.
inline bool IsDamage(const Status& status) {
  return status.Is(StatusCode::kCorruption) || status.Is(StatusCode::kNotFound);
}

// "path/FILE:OFFSET: what is wrong" as its parts; `file` where the message names no place.
Damage DamageFrom(const Status& status, const std::string& path, const std::string& file);

// Of stored keys: the user's key, and the name of its keyspace ("#17" where `names` is null or has
// none).
void SetDamagedKeys(const std::string& first_stored, const std::string& last_stored,
                    const Catalogue* names, Damage* damage);
// Of a table's smallest and largest position: where the smallest is 0 some were dropped, and none
// is known.
void SetDamagedPositions(LogPos smallest, LogPos largest, Damage* damage);
// All of a table.
void SetDamagedTable(const TableMeta& meta, const Catalogue* names, Damage* damage);

// What the event log says of it; and of what a call met, with the place that the message names.
Event EventOf(const Damage& damage);
Event EventOf(const Status& status, const std::string& path, std::string detail);
Event CatalogueDamageEvent(const Status& status, const std::string& path);

}  // namespace logwood
