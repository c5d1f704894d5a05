// LoadCatalogue: the keyspaces of a database that is being opened - from the tree, or, where tables
// that hold them cannot be read, from the log: each segment begins with the catalogue as of its
// first position, and its records say what changed since.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "db/core.h"
#include "wal/replay.h"

namespace logwood {

// Fills core->catalogue with the state at `last`. `segments`: those that count, ascending. Ok with
// *damage set: the tree could not be read, and why; the log had it all. Not ok: neither had it, or
// a read failed that is no damage.
Status LoadCatalogue(Core* core, const View& view, const std::vector<SegmentSummary>& segments,
                     LogPos last, Status* damage);

// Of the keyspaces in the tables, which merge operators they have, as far as it can be read: for
// the replay, which goes before LoadCatalogue and only folds less without.
void LoadOperators(Core* core, const std::shared_ptr<const Version>& tables);
// What was asked for, of merge operators: kInvalidArgument where a name is none, or is not what the
// catalogue has.
Status CheckKeyspaceOptions(const std::map<std::string, KeyspaceOptions>& keyspaces);
void GiveOperators(const std::map<std::string, KeyspaceOptions>& keyspaces, Core* core);
Status CheckOperatorsFit(const std::map<std::string, KeyspaceOptions>& keyspaces,
                         const Catalogue& catalogue);

// The last part of it: the newest segment whose catalogue is readable, and the records behind it.
// kCorruption where they do not reach `last`.
Status ReadCatalogueFromLog(FileSystem* fs, const std::string& path,
                            const std::vector<SegmentSummary>& segments, LogPos last,
                            Catalogue* catalogue);

}  // namespace logwood
