// The block of a table's range deletes: entries whose key is where a fragment begins and whose
// value is where it ends, one for each position, the newest first (docs/format/table_ranges.md).
#pragma once

#include "table/block_io.h"
#include "util/byte_buffer.h"
#include "util/range_fragments.h"

namespace logwood {

// REQUIRES: not empty.
void AppendRangeBlock(const RangeFragments& fragments, ByteBuffer* to);
// `loaded` was read at `offset` as BlockUse::kRanges. kCorruption where the entries are none, or
// overlap.
Result<RangeFragmentsPtr> DecodeRangeBlock(const BlockSource& source, uint64_t offset,
                                           const BlockRef& loaded);

}  // namespace logwood
