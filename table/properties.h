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

}  // namespace logwood
