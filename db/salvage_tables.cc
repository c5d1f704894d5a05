#include "db/salvage_tables.h"

#include <algorithm>

#include "db/damage.h"
#include "db/file_names.h"
#include "util/file_header.h"
#include "util/status_macros.h"

namespace logwood {

Status SalvageTables::Survey(SalvageCatalogue* catalogue,
                             const std::function<void(uint64_t)>& advance) {
  for (const auto& [level, meta] : inventory_.tables) {
    RETURN_IF_ERROR(SurveyTable(meta.number, &meta, catalogue));
    advance(meta.size);
  }
  for (uint64_t number : inventory_.unknown_tables) {
    RETURN_IF_ERROR(SurveyTable(number, nullptr, catalogue));
    const auto size = options_.fs->FileSize(JoinPath(options_.source, TableFileName(number)));
    if (size.ok()) advance(*size);
  }
  return Status::Ok();
}

Result<const std::string*> SalvageTables::FileOf(const Id128& id) {
  if (!files_) {
    std::map<std::string, std::string> files;
    for (uint64_t number : inventory_.listing.tables) {
      const std::string name = TableFileName(number);
      auto file = options_.fs->OpenRandomAccess(JoinPath(options_.source, name));
      if (!file.ok() && IsDamage(file.status())) continue;
      RETURN_IF_ERROR(file.status());
      std::string bytes(kFileHeaderBytes, '\0');
      const auto got = (*file)->Read(0, bytes.size(), bytes.data());
      RETURN_IF_ERROR(got.status());
      if (*got != bytes.size()) continue;
      const auto header = DecodeFileHeader(bytes, FileKind::kTable, name, /*for_writing=*/false);
      if (header.ok()) files.emplace(header->id.ToString(), name);
    }
    files_ = std::move(files);
  }
  const auto at = files_->find(id.ToString());
  return at == files_->end() ? nullptr : &at->second;
}

// Under its name, or under another's: files may have been swapped.
Result<std::unique_ptr<DamagedTable>> SalvageTables::Find(uint64_t number, const TableMeta* meta,
                                                          std::string* path) {
  *path = JoinPath(options_.source, TableFileName(number));
  auto table = DamagedTable::Open(options_.fs, *path, meta);
  if (table.ok() || meta == nullptr || !IsDamage(table.status())) return table;
  const auto other = FileOf(meta->id);
  RETURN_IF_ERROR(other.status());
  if (*other == nullptr) return table;
  *path = JoinPath(options_.source, **other);
  TableLoss renamed;
  renamed.entries_lost = false;
  renamed.what = "the table lies in " + **other + ": files were swapped or renamed";
  losses_.push_back(LossOf(number, meta, nullptr, renamed));
  return DamagedTable::Open(options_.fs, *path, meta);
}

SalvageTables::Loss SalvageTables::LossOf(uint64_t number, const TableMeta* meta,
                                          const DamagedTable* table, const TableLoss& found) {
  Loss loss;
  loss.loss.damage.file = TableFileName(number);
  loss.loss.damage.offset = found.offset;
  loss.loss.damage.what = found.what;
  loss.loss.end = found.end;
  loss.entries = found.entries_lost;
  loss.keys = {found.first_key, found.last_key};
  // Where positions were dropped (the smallest is 0) the largest that is left says nothing.
  if (meta != nullptr) {
    loss.first_position = meta->min_position;
    if (loss.first_position != 0) loss.last_position = meta->max_position;
  } else if (table != nullptr && table->properties() != nullptr && !found.of_ranges) {
    loss.first_position = table->properties()->min_position;
    if (loss.first_position != 0) loss.last_position = table->properties()->max_position;
  }
  return loss;
}

// Whether the survey told of these bytes.
bool SalvageTables::IsKnown(const Loss& loss) const {
  return std::any_of(losses_.begin(), losses_.end(), [&loss](const Loss& known) {
    return known.entries && known.loss.damage.file == loss.loss.damage.file &&
           known.loss.damage.offset <= loss.loss.damage.offset && loss.loss.end <= known.loss.end;
  });
}

// Where positions were dropped, any up to the last. A table that does not say which it has is told
// by its keys.
void SalvageTables::AddPositions(const TableMeta* meta, const DamagedTable& table) {
  LogPos first = 1, last = 0;
  if (meta != nullptr) {
    first = meta->min_position;
    last = meta->max_position;
  } else if (table.properties() != nullptr) {
    first = table.properties()->min_position;
    last = table.properties()->max_position;
    if (const RangeFragmentsPtr& ranges = table.range_deletes()) {
      first = std::min(first, ranges->min_position());
      last = std::max(last, ranges->max_position());
    }
  }
  first = std::max<LogPos>(first, 1);
  if (first <= last) positions_.Add(first, last);
}

// Of one that cannot be read at all.
TableLoss SalvageTables::WholeTable(const Status& why) const {
  TableLoss whole;
  whole.what = why.Is(StatusCode::kNotFound) ? "the table is missing"
                                             : DamageFrom(why, options_.source, "").what;
  return whole;
}

Status SalvageTables::SurveyTable(uint64_t number, const TableMeta* meta,
                                  SalvageCatalogue* catalogue) {
  SalvageTable found;
  auto opened = Find(number, meta, &found.path);
  if (!opened.ok()) {
    if (!IsDamage(opened.status())) return opened.status();
    TableLoss whole = WholeTable(opened.status());
    if (meta != nullptr) {
      whole.first_key = meta->begin;
      whole.last_key = meta->last_key();
    }
    losses_.push_back(LossOf(number, meta, nullptr, whole));
    return Status::Ok();
  }
  DamagedTable& table = **opened;
  AddPositions(meta, table);
  if (table.range_deletes() != nullptr) range_deletes_.push_back(table.range_deletes());
  uint64_t entries = 0;
  while (table.Next()) {
    const Entry& entry = table.entry();
    if (++entries % 4096 == 0 && options_.cancelled && options_.cancelled()) {
      return Status::Cancelled("salvage");
    }
    if (entries == 1) found.smallest = entry.key;
    if (entry.key != found.largest) found.largest = entry.key;
    record_bytes_max_ =
        std::max<uint64_t>(record_bytes_max_, entry.key.size() + entry.value.size());
    catalogue->AddEntry(entry);
  }
  RETURN_IF_ERROR(table.status());
  for (const TableLoss& loss : table.losses()) {
    losses_.push_back(LossOf(number, meta, &table, loss));
  }
  if (entries == 0) return Status::Ok();
  found.number = number;
  if (meta != nullptr) found.meta = *meta;
  tables_.push_back(std::move(found));
  return Status::Ok();
}

void SalvageTables::AddStreams(const std::function<void(uint64_t)>& advance,
                               const std::function<void(const Loss&)>& report,
                               std::vector<std::unique_ptr<SalvageStream>>* streams) const {
  const auto read = [this, advance, report](const SalvageTable& of, const DamagedTable* table,
                                            const Status& why) {
    std::vector<TableLoss> losses;
    if (table != nullptr) {
      advance(table->bytes_read());
      losses = table->losses();
    } else {
      losses.push_back(WholeTable(why));
      losses.back().first_key = of.smallest;
      losses.back().last_key = of.largest;
    }
    for (const TableLoss& found : losses) {
      Loss loss = LossOf(of.number, of.meta ? &*of.meta : nullptr, table, found);
      if (!loss.entries || IsKnown(loss)) continue;
      loss.loss.damage.what += kFirstReadingHadIt;
      report(loss);
    }
  };
  for (std::vector<SalvageTable>& row : GroupTables(tables_)) {
    streams->push_back(NewTableStream(options_.fs, std::move(row), read));
  }
}

}  // namespace logwood
