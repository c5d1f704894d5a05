#include "db/table_check.h"

#include <algorithm>

#include "db/file_names.h"
#include "table/table_reader.h"
#include "util/escape.h"
#include "util/internal_key.h"

namespace logwood {

namespace {

// The stored bytes where they do not split.
std::string UserKeyOf(const std::string& stored, const Catalogue* names, std::string* keyspace) {
  uint32_t number = 0;
  std::string_view key;
  if (!SplitStoredKey(stored, &number, &key)) return stored;
  if (number == kCatalogueKeyspace) {
    *keyspace = "the catalogue";
  } else {
    const std::optional<std::string> name = names == nullptr ? std::nullopt : names->NameOf(number);
    *keyspace = name ? *name : "#" + std::to_string(number);
  }
  return std::string(key);
}

Result<std::shared_ptr<TableReader>> OpenTable(const TableCheck& check, const TableMeta& meta) {
  const std::string path = JoinPath(check.directory, TableFileName(meta.number));
  auto file = check.fs->OpenRandomAccess(path);
  if (file.ok()) return TableReader::Open(std::move(*file), path, &meta, nullptr, nullptr);
  if (!file.status().Is(StatusCode::kNotFound)) return file.status();
  return Status::Corruption(path + ":0: the table is missing");
}

// "dir/000012.table:64: what is wrong" -> 64 and "what is wrong".
void SetPlace(const std::string& path, std::string_view message, Damage* damage) {
  damage->what = message;
  if (!message.starts_with(path + ":")) return;
  message.remove_prefix(path.size() + 1);
  uint64_t offset = 0;
  size_t digits = 0;
  for (; digits < message.size() && message[digits] >= '0' && message[digits] <= '9'; ++digits) {
    offset = offset * 10 + static_cast<uint64_t>(message[digits] - '0');
  }
  if (digits == 0 || !message.substr(digits).starts_with(": ")) return;
  damage->offset = offset;
  damage->what = message.substr(digits + 2);
}

}  // namespace

void SetDamagedKeys(const std::string& first_stored, const std::string& last_stored,
                    const Catalogue* names, Damage* damage) {
  damage->first_key = UserKeyOf(first_stored, names, &damage->first_keyspace);
  damage->last_key = UserKeyOf(last_stored, names, &damage->last_keyspace);
}

Status CheckTable(const TableCheck& check, const TableMeta& meta) {
  uint64_t told = 0;
  const auto advance_to = [&](uint64_t done) {
    if (check.advance && done > told) check.advance(done - told);
    told = std::max(told, done);
  };
  Status first;
  Damage damage;
  damage.file = TableFileName(meta.number);
  damage.first_position = meta.min_position;
  damage.last_position = meta.max_position;
  const std::string path = JoinPath(check.directory, damage.file);
  const auto found = [&](const Status& status, const std::string& first_key,
                         const std::string& last_key) {
    SetPlace(path, status.message(), &damage);
    SetDamagedKeys(first_key, last_key, check.names, &damage);
    if (first.ok()) first = status;
    check.report(damage);
  };
  const Result<std::shared_ptr<TableReader>> reader = OpenTable(check, meta);
  if (!reader.ok()) {
    found(reader.status(), meta.begin, meta.end);
    advance_to(meta.size);
    return first;
  }
  const Status status = (*reader)->Verify(
      &meta,
      [&](const TableReader::BlockDamage& block) {
        damage.offset = block.offset;
        found(block.status, block.first_key, block.last_key);
      },
      advance_to);
  if (!status.ok() && first.ok()) found(status, meta.begin, meta.end);
  advance_to(meta.size);
  return first;
}

}  // namespace logwood
