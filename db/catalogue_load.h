// LoadCatalogue: the keyspaces of a database that is being opened - from the tree, or, where tables
// that hold them cannot be read, from the log: each segment begins with the catalogue as of its
// first position, and its records say what changed since.
#pragma once

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

// The last part of it: the newest segment whose catalogue is readable, and the records behind it.
// kCorruption where they do not reach `last`.
Status ReadCatalogueFromLog(FileSystem* fs, const std::string& path,
                            const std::vector<SegmentSummary>& segments, LogPos last,
                            Catalogue* catalogue);

}  // namespace logwood
