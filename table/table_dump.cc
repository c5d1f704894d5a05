#include "table/table_dump.h"

#include <utility>
#include <vector>

#include "util/escape.h"
#include "util/internal_key.h"
#include "util/json_writer.h"

namespace logwood {

namespace {

// "kind 9" for what this build does not know.
std::string EntryKindName(EntryKind kind) {
  if (kind == EntryKind::kDelete) return "delete";
  if (kind == EntryKind::kPut) return "put";
  return "kind " + std::to_string(static_cast<unsigned>(kind));
}

using Numbers = std::vector<std::pair<std::string_view, uint64_t>>;

Numbers NumbersOf(const TableReader& table) {
  const TableProperties& p = table.properties();
  return {{"file_bytes", table.file_bytes()},
          {"entries", p.entries},
          {"tombstones", p.tombstones},
          {"range_deletes", p.range_deletes},
          {"raw_key_bytes", p.raw_key_bytes},
          {"raw_value_bytes", p.raw_value_bytes},
          {"data_blocks", p.data_blocks},
          {"data_bytes", p.data_bytes},
          {"uncompressed_data_bytes", p.uncompressed_data_bytes},
          {"filter_bytes", p.filter_bytes},
          {"index_bytes", p.index_bytes},
          {"min_position", p.min_position},
          {"max_position", p.max_position},
          {"block_bytes", p.block_bytes},
          {"filter_bits_per_key", p.filter_bits_per_key}};
}

void DumpPropertiesAsText(const TableReader& table, const LineSink& line) {
  const TableProperties& p = table.properties();
  auto put = [&](std::string_view name, std::string_view value) {
    return line(std::string(name) + ": " + std::string(value));
  };
  if (!put("path", Escape(table.path())) || !put("id", table.id().ToString())) return;
  for (const auto& [name, number] : NumbersOf(table)) {
    if (!put(name, WithCommas(number))) return;
  }
  if (!put("smallest_key", Escape(p.smallest_key)) || !put("largest_key", Escape(p.largest_key)) ||
      !put("compression", Escape(p.compression)) || !put("written_by", Escape(p.written_by))) {
    return;
  }
  for (const auto& [keyspace, entries] : p.keyspace_entries) {
    if (!put("keyspace " + std::to_string(keyspace), WithCommas(entries) + " entries")) return;
  }
}

void DumpPropertiesAsJson(const TableReader& table, const LineSink& line) {
  const TableProperties& p = table.properties();
  JsonObject json;
  json.Field("path", table.path()).Field("id", table.id().ToString());
  for (const auto& [name, number] : NumbersOf(table)) json.Field(name, number);
  json.Field("smallest_key", Escape(p.smallest_key))
      .Field("largest_key", Escape(p.largest_key))
      .Field("compression", p.compression)
      .Field("written_by", p.written_by);
  JsonObject keyspaces;
  for (const auto& [keyspace, entries] : p.keyspace_entries) {
    keyspaces.Field(std::to_string(keyspace), entries);
  }
  line(json.Raw("keyspace_entries", keyspaces.Finish()).Finish());
}

// A stored key as people know it; keys that are none are shown whole.
struct KeyParts {
  explicit KeyParts(std::string_view stored) : user_key(stored) {
    known = SplitStoredKey(stored, &keyspace, &user_key);
    if (!known) user_key = stored;
  }
  bool known = false;
  uint32_t keyspace = 0;
  std::string_view user_key;
};

std::string EntryAsText(const Entry& entry, uint32_t value_bytes_max) {
  const KeyParts key(entry.key);
  std::string text = key.known ? std::to_string(key.keyspace) : "?";
  text += '\t' + Escape(key.user_key) + '\t' + std::to_string(entry.position()) + '\t' +
          EntryKindName(entry.kind()) + '\t' + Escape(entry.value.substr(0, value_bytes_max));
  if (entry.value.size() > value_bytes_max) {
    text += "... (" + std::to_string(entry.value.size()) + " bytes)";
  }
  return text;
}

std::string EntryAsJson(const Entry& entry, uint32_t value_bytes_max) {
  const KeyParts key(entry.key);
  const std::string_view value = entry.value.substr(0, value_bytes_max);
  JsonObject json;
  if (key.known) json.Field("keyspace", key.keyspace);
  json.Field("key", Escape(key.user_key))
      .Field("key_hex", ToHex(key.user_key))
      .Field("position", entry.position())
      .Field("kind", EntryKindName(entry.kind()))
      .Field("value", Escape(value))
      .Field("value_hex", ToHex(value))
      .Field("value_bytes", entry.value.size());
  return json.Finish();
}

}  // namespace

void DumpTableProperties(const TableReader& table, TableDumpFormat format, const LineSink& line) {
  if (format == TableDumpFormat::kJson) {
    DumpPropertiesAsJson(table, line);
  } else {
    DumpPropertiesAsText(table, line);
  }
}

Status DumpTableEntries(const TableReader& table, const TableDumpOptions& options,
                        const LineSink& line) {
  TableScanOptions scan;
  scan.fill_cache = false;
  scan.readahead_bytes = 1 << 20;
  auto it = table.NewIterator(scan);
  uint64_t left = options.entries_max;
  for (it->Seek(options.begin, ~uint64_t{0}); it->Valid() && left > 0; it->Next(), --left) {
    const Entry& entry = it->entry();
    if (!options.end.empty() && entry.key >= options.end) break;
    if (!line(options.format == TableDumpFormat::kJson
                  ? EntryAsJson(entry, options.value_bytes_max)
                  : EntryAsText(entry, options.value_bytes_max))) {
      break;
    }
  }
  return it->status();
}

}  // namespace logwood
