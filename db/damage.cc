#include "db/damage.h"

#include <charconv>
#include <utility>

#include "db/file_names.h"
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

}  // namespace

Damage DamageFrom(const Status& status, const std::string& path, const std::string& file) {
  Damage damage;
  damage.file = file;
  std::string_view message = status.message();
  damage.what = message;
  if (message.starts_with(path + "/")) message.remove_prefix(path.size() + 1);
  const size_t colon = message.find(':');
  if (colon == std::string_view::npos || !ParseFileName(message.substr(0, colon))) return damage;
  const std::string_view rest = message.substr(colon + 1);
  uint64_t offset = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), offset);
  const size_t digits = static_cast<size_t>(end - rest.data());
  if (error != std::errc() || !rest.substr(digits).starts_with(": ")) return damage;
  damage.file = message.substr(0, colon);
  damage.offset = offset;
  damage.what = rest.substr(digits + 2);
  return damage;
}

void SetDamagedKeys(const std::string& first_stored, const std::string& last_stored,
                    const Catalogue* names, Damage* damage) {
  damage->first_key = UserKeyOf(first_stored, names, &damage->first_keyspace);
  damage->last_key = UserKeyOf(last_stored, names, &damage->last_keyspace);
}

void SetDamagedPositions(LogPos smallest, LogPos largest, Damage* damage) {
  damage->first_position = smallest;
  damage->last_position = smallest == 0 ? 0 : largest;
}

void SetDamagedTable(const TableMeta& meta, const Catalogue* names, Damage* damage) {
  SetDamagedKeys(meta.begin, meta.last_key(), names, damage);
  SetDamagedPositions(meta.min_position, meta.max_position, damage);
}

Event EventOf(const Damage& damage) {
  Event event;
  event.kind = EventKind::kCorruption;
  event.file = damage.file;
  event.offset = damage.offset;
  event.first_keyspace = damage.first_keyspace;
  event.first_key = damage.first_key;
  event.last_keyspace = damage.last_keyspace;
  event.last_key = damage.last_key;
  event.first_position = damage.first_position;
  event.last_position = damage.last_position;
  event.detail = damage.ToString();
  return event;
}

Event EventOf(const Status& status, const std::string& path, std::string detail) {
  Event event = EventOf(DamageFrom(status, path, ""));
  event.status = status;
  event.detail = std::move(detail);
  return event;
}

Event CatalogueDamageEvent(const Status& status, const std::string& path) {
  return EventOf(status, path, "tables that hold the catalogue cannot be read; the log had it");
}

std::string Damage::ToString() const {
  std::string text = file + ":" + std::to_string(offset) + ": " + what;
  if (!first_keyspace.empty() || !last_keyspace.empty()) {
    text += "; keys " + Escape(first_keyspace) + "/" + Escape(first_key) + " to " +
            Escape(last_keyspace) + "/" + Escape(last_key);
  }
  if (last_position != 0) {
    text +=
        "; positions " + std::to_string(first_position) + " to " + std::to_string(last_position);
  } else if (first_position != 0) {
    text += "; positions from " + std::to_string(first_position) + " on";
  }
  return text;
}

}  // namespace logwood
