#include "table/table_dump.h"

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "util/escape.h"
#include "util/expiring_value.h"
#include "util/internal_key.h"
#include "util/json_writer.h"
#include "util/merge_value.h"

namespace logwood {

namespace {

// "kind 9" for what this build does not know.
std::string EntryKindName(EntryKind kind) {
  if (kind == EntryKind::kDelete) return "delete";
  if (kind == EntryKind::kPut) return "put";
  if (kind == EntryKind::kMerge) return "merge";
  if (kind == EntryKind::kPutExpiring) return "put expiring";
  return "kind " + std::to_string(static_cast<unsigned>(kind));
}

using Numbers = std::vector<std::pair<std::string_view, uint64_t>>;

Numbers NumbersOf(const TableReader& table) {
  const TableProperties& p = table.properties();
  return {{"file_bytes", table.file_bytes()},
          {"entries", p.entries},
          {"tombstones", p.tombstones},
          {"range_deletes", p.range_deletes},
          {"expiring", p.expiry.entries},
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

std::string CutText(std::string_view bytes, uint32_t bytes_max) {
  std::string text = Escape(bytes.substr(0, bytes_max));
  if (bytes.size() > bytes_max) text += "... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

// A block with one that cannot be read was refused as it was loaded.
MergeValue MergeOf(std::string_view bytes) {
  MergeValue merge;
  static_cast<void>(ReadMergeValue(bytes, &merge));
  return merge;
}

// "onto a value v: a, b".
std::string MergeAsText(std::string_view bytes, uint32_t bytes_max) {
  MergeValue merge = MergeOf(bytes);
  std::string text;
  if (merge.base.kind == MergeBase::kNothing) text = "onto nothing: ";
  if (merge.base.kind == MergeBase::kValue) text = "onto a value ";
  if (merge.base.kind == MergeBase::kExpiring)
    text = "onto a value until " + std::to_string(merge.base.expires_us) + " ";
  if (merge.base.kind >= MergeBase::kValue) text += CutText(merge.base.value, bytes_max) + ": ";
  if (merge.since != 0) text = "since " + std::to_string(merge.since) + ": ";
  bool is_first = true;
  for (std::string_view operand; merge.operands.Next(&operand); is_first = false)
    text += (is_first ? "" : ", ") + CutText(operand, bytes_max);
  return text;
}

std::string EntryAsText(const Entry& entry, uint32_t value_bytes_max) {
  const KeyParts key(entry.key);
  std::string text = key.known ? std::to_string(key.keyspace) : "?";
  text += '\t' + Escape(key.user_key) + '\t' + std::to_string(entry.position()) + '\t' +
          EntryKindName(entry.kind()) + '\t';
  if (entry.kind() == EntryKind::kMerge) return text + MergeAsText(entry.value, value_bytes_max);
  std::string_view value = entry.value;
  if (entry.kind() == EntryKind::kPutExpiring) {
    text += "until " + std::to_string(ExpiryOf(value)) + ": ";
    value = WithoutExpiry(value);
  }
  return text + CutText(value, value_bytes_max);
}

void AddJsonValue(std::string_view name, std::string_view bytes, uint32_t bytes_max,
                  JsonObject* json) {
  const std::string_view cut = bytes.substr(0, bytes_max);
  const std::string text(name);
  json->Field(text, Escape(cut)).Field(text + "_hex", ToHex(cut));
  json->Field(text + "_bytes", bytes.size());
}

void AddJsonMerge(std::string_view bytes, uint32_t bytes_max, JsonObject* json) {
  MergeValue merge = MergeOf(bytes);
  constexpr std::string_view kBases[] = {"below", "nothing", "value", "value that expires"};
  json->Field("base", kBases[static_cast<size_t>(merge.base.kind)]);
  if (merge.since != 0) json->Field("since", merge.since);
  if (merge.base.kind == MergeBase::kExpiring) json->Field("expires_us", merge.base.expires_us);
  if (merge.base.kind >= MergeBase::kValue)
    AddJsonValue("base_value", merge.base.value, bytes_max, json);
  std::vector<std::string> operands;
  for (std::string_view operand; merge.operands.Next(&operand);) {
    JsonObject one;
    AddJsonValue("operand", operand, bytes_max, &one);
    operands.push_back(one.Finish());
  }
  json->Raw("operands", JsonArray(operands, [](const std::string& one) { return one; }));
}

std::string EntryAsJson(const Entry& entry, uint32_t value_bytes_max) {
  const KeyParts key(entry.key);
  JsonObject json;
  if (key.known) json.Field("keyspace", key.keyspace);
  json.Field("key", Escape(key.user_key))
      .Field("key_hex", ToHex(key.user_key))
      .Field("position", entry.position())
      .Field("kind", EntryKindName(entry.kind()));
  if (entry.kind() == EntryKind::kMerge) {
    AddJsonMerge(entry.value, value_bytes_max, &json);
  } else if (entry.kind() == EntryKind::kPutExpiring) {
    json.Field("expires_us", ExpiryOf(entry.value));
    AddJsonValue("value", WithoutExpiry(entry.value), value_bytes_max, &json);
  } else {
    AddJsonValue("value", entry.value, value_bytes_max, &json);
  }
  return json.Finish();
}

// Where it ends; nullopt: where its keyspace does, and no key says that.
std::optional<std::string_view> UserEndOf(const KeyParts& begin, std::string_view end) {
  if (begin.known && end == KeyspaceEnd(begin.keyspace)) return std::nullopt;
  return KeyParts(end).user_key;
}

std::string RangeAsText(const RangeFragments::Fragment& range) {
  const KeyParts begin(range.begin);
  std::string text = begin.known ? std::to_string(begin.keyspace) : "?";
  text += '\t' + Escape(begin.user_key) + '\t';
  for (const LogPos position : range.positions)
    text += (text.back() == '\t' ? "" : ",") + std::to_string(position);
  const auto end = UserEndOf(begin, range.end);
  return text + "\tdelete range\t" + (end ? "to " + Escape(*end) : "to the keyspace's end");
}

std::string RangeAsJson(const RangeFragments::Fragment& range) {
  const KeyParts begin(range.begin);
  JsonObject json;
  if (begin.known) json.Field("keyspace", begin.keyspace);
  json.Field("key", Escape(begin.user_key)).Field("key_hex", ToHex(begin.user_key));
  json.Raw("positions", JsonArray(range.positions, [](LogPos p) { return std::to_string(p); }));
  json.Field("kind", "delete range");
  if (const auto end = UserEndOf(begin, range.end))
    json.Field("end", Escape(*end)).Field("end_hex", ToHex(*end));
  return json.Finish();
}

// Range deletes and entries by where they begin, a range before the entries of the same key.
class EntryDump {
 public:
  EntryDump(const TableReader& table, const TableDumpOptions& options, const LineSink& line)
      : options_(options), line_(line), left_(options.entries_max) {
    if (table.range_deletes() == nullptr) return;
    ranges_ = table.range_deletes()->fragments();
    while (!ranges_.empty() && ranges_.front().end <= options.begin) ranges_ = ranges_.subspan(1);
  }
  // False: that was the last line.
  bool Put(const Entry& entry) {
    return PutRanges(entry.key) && IsWithin(entry.key) &&
           PutLine(IsJson() ? EntryAsJson(entry, options_.value_bytes_max)
                            : EntryAsText(entry, options_.value_bytes_max));
  }
  // Those that begin up to the key; nullopt: all that are left.
  bool PutRanges(std::optional<std::string_view> key) {
    for (; !ranges_.empty() && (!key || ranges_.front().begin <= *key);
         ranges_ = ranges_.subspan(1)) {
      const RangeFragments::Fragment& range = ranges_.front();
      if (!IsWithin(range.begin)) return false;
      if (!PutLine(IsJson() ? RangeAsJson(range) : RangeAsText(range))) return false;
    }
    return true;
  }

 private:
  bool IsJson() const { return options_.format == TableDumpFormat::kJson; }
  bool IsWithin(std::string_view key) const { return options_.end.empty() || key < options_.end; }
  bool PutLine(const std::string& text) {
    if (left_ == 0) return false;
    --left_;
    return line_(text);
  }

  const TableDumpOptions& options_;
  const LineSink& line_;
  uint64_t left_;
  std::span<const RangeFragments::Fragment> ranges_;  // still to come
};

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
  EntryDump dump(table, options, line);
  for (it->Seek(options.begin, ~uint64_t{0}); it->Valid(); it->Next()) {
    if (!dump.Put(it->entry())) return {};
  }
  if (it->status().ok()) dump.PutRanges(std::nullopt);
  return it->status();
}

}  // namespace logwood
