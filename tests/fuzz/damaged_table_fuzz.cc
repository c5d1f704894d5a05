// Any bytes as a table that is damaged: what salvage and the offline check read of it.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "table/damaged_table.h"
#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/internal_key.h"

using namespace logwood;

namespace {

// Its id; zero: it cannot be opened.
Id128 LookAtDamagedTable(FileSystem* files, const TableMeta* meta) {
  auto opened = DamagedTable::Open(files, "db/000001.table", meta);
  if (!test::Note(opened.status())) return {};
  DamagedTable& table = **opened;
  std::string last_key;
  uint64_t last_trailer = 0, entries = 0;
  while (table.Next()) {
    const Entry& entry = table.entry();
    test::Demand(entries == 0 ||
                 CompareInternal(last_key, last_trailer, entry.key, entry.trailer) < 0);
    last_key = entry.key;
    last_trailer = entry.trailer;
    test::Note(entry.key);
    test::Note(entry.value);
    ++entries;
  }
  test::Note(table.status());
  for (const TableLoss& loss : table.losses()) {
    test::Demand(loss.offset <= loss.end);
    test::Note(loss.what);
  }
  return table.id();
}

}  // namespace

FUZZ_TARGET(damaged_table, bytes) {
  const auto files = test::FilesWith({{"000001.table", bytes}});
  TableMeta meta;
  meta.id = LookAtDamagedTable(files.get(), nullptr);
  // As the manifest might know it.
  meta.number = 1;
  meta.size = bytes.size();
  meta.end = "\xff";
  meta.position_override = 9;
  LookAtDamagedTable(files.get(), &meta);
}
