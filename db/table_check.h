// CheckTable: reads every byte of a table and reports each damage of it with the keys and positions
// it may affect.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "db/catalogue.h"
#include "logwood/db.h"
#include "table/table_meta.h"

namespace logwood {

struct TableCheck {
  FileSystem* fs = nullptr;
  std::string directory;
  const Catalogue* names = nullptr;  // may be null
  std::function<void(const Damage&)> report;
  std::function<void(uint64_t bytes)> advance;  // so many more were read; may be empty
};
// The first damage, else the first failure to read. A missing file is damage: a table of a version
// must be there. What else keeps the file from being opened (no descriptor, say) is not reported,
// nor is what a newer version wrote.
Status CheckTable(const TableCheck& check, const TableMeta& meta);

}  // namespace logwood
