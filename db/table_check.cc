#include "db/table_check.h"

#include <algorithm>

#include "db/damage.h"
#include "db/file_names.h"
#include "table/table_reader.h"
#include "util/file_header.h"
#include "util/internal_iterator.h"

namespace logwood {

namespace {

Result<std::shared_ptr<TableReader>> OpenTable(const TableCheck& check, const TableMeta& meta) {
  const std::string path = JoinPath(check.directory, TableFileName(meta.number));
  auto file = check.fs->OpenRandomAccess(path);
  if (file.ok()) return TableReader::Open(std::move(*file), path, &meta, nullptr, nullptr);
  if (!file.status().Is(StatusCode::kNotFound)) return file.status();
  return Status::Corruption(path + ":0: the table is missing");
}

// Opening needs them, so it is asked for what opening would say.
Status CheckCatalogueRows(const TableReader& table) {
  Catalogue rows;
  const auto entries = table.NewIterator({});
  const Status loaded = rows.Load(entries.get(), kPositionMax);
  return WithWriter(loaded.WithContext(table.path() + ":0"), 0);
}

}  // namespace

Status CheckTable(const TableCheck& check, const TableMeta& meta) {
  uint64_t told = 0;
  const auto advance_to = [&](uint64_t done) {
    if (check.advance && done > told) check.advance(done - told);
    told = std::max(told, done);
  };
  Damage damage;
  const auto tell = [&](const Status& status, uint64_t offset) {
    const Damage place = DamageFrom(status, check.directory, TableFileName(meta.number));
    damage.file = place.file;
    damage.offset = std::max(place.offset, offset);  // an error of the system names the file alone
    damage.what = place.what;
    check.report(damage);
  };
  SetDamagedTable(meta, check.names, &damage);
  const Result<std::shared_ptr<TableReader>> reader = OpenTable(check, meta);
  Status first = reader.status();
  if (reader.ok()) {
    first = (*reader)->Verify(
        &meta,
        [&](const TableReader::BlockDamage& block) {
          if (block.status.Is(StatusCode::kNotSupported)) return;
          SetDamagedKeys(block.first_key, block.last_key, check.names, &damage);
          tell(block.status, block.offset);
        },
        advance_to);
  } else if (first.Is(StatusCode::kCorruption)) {
    tell(first, 0);
  }
  if (first.ok() && meta.begin < Catalogue::Range().end) {
    first = CheckCatalogueRows(**reader);
    if (first.Is(StatusCode::kCorruption)) tell(first, 0);
  }
  advance_to(meta.size);
  return first;
}

}  // namespace logwood
