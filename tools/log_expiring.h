// Whether the log has records that expire and that no table has yet: of tables, statistics tell.
#pragma once

#include "logwood/db.h"

namespace logwood::tools {

// Of an open database, whose commits behind its tables are looked at. It reads them once more, up
// to the first put that expires. What cannot be read has none: opening has told of that.
bool LogHasExpiring(const DB& db);

}  // namespace logwood::tools
