// TableProperties (table/table_reader.h) to bytes and back: tagged fields, so that a reader skips
// those it does not know.
#pragma once

#include <string>
#include <string_view>

#include "table/table_reader.h"

namespace logwood {

void EncodeTableProperties(const TableProperties& properties, std::string* to);
// False when the bytes are not fields, or a field every table has is missing.
bool DecodeTableProperties(std::string_view bytes, TableProperties* properties);

// The table's smallest stored key and its exclusive end, as the manifest knows them; `ranges`: its
// range deletes, null: none.
std::string TableBegin(const TableProperties& properties, const RangeFragments* ranges);
std::string TableEnd(const TableProperties& properties, const RangeFragments* ranges);

}  // namespace logwood
