#include "tools/damage_format.h"

#include "tools/record_format.h"
#include "tools/text_codec.h"

namespace logwood::tools {

namespace {

bool HasKeys(const Damage& damage) {
  return !damage.first_keyspace.empty() || !damage.last_keyspace.empty();
}

// "?" alone is what salvage says of an unknown end; a keyspace may have that name, too.
std::string KeyText(const std::string& keyspace, const std::string& key) {
  if (keyspace == "?" && key.empty()) return "(any)";
  return Encode(TextFormat::kAuto, keyspace) + "/" + Encode(TextFormat::kAuto, key);
}

void AppendKey(std::string_view name, const std::string& keyspace, const std::string& key,
               std::string* to) {
  to->append("\"").append(name).append("\":{");
  AppendJsonBytes("keyspace", keyspace, to);
  to->push_back(',');
  AppendJsonBytes("key", key, to);
  to->push_back('}');
}

}  // namespace

std::string DamageText(const Damage& damage) {
  std::string text = damage.file + ":" + std::to_string(damage.offset) + ": " + damage.what;
  if (HasKeys(damage)) {
    text += "; keys " + KeyText(damage.first_keyspace, damage.first_key) + " to " +
            KeyText(damage.last_keyspace, damage.last_key);
  }
  if (damage.last_position != 0) {
    text += "; positions " + std::to_string(damage.first_position) + " to " +
            std::to_string(damage.last_position);
  } else if (damage.first_position != 0) {
    text += "; positions from " + std::to_string(damage.first_position) + " on";
  }
  return text;
}

std::string DamageEventText(const Event& event) {
  std::string text = event.detail;
  if (!event.status.ok()) {
    text += (text.empty() ? "" : ": ") + std::string(event.status.message());
  }
  if (event.file.empty() || !event.status.ok()) return text;  // a message names its place
  // So does a detail that was made of a Damage.
  if (text.starts_with(event.file + ":")) return text;
  return event.file + ":" + std::to_string(event.offset) + ": " + text;
}

void AddDamage(const Damage& damage, JsonObject* json) {
  json->Field("file", damage.file).Field("offset", damage.offset).Field("what", damage.what);
  if (HasKeys(damage)) {
    std::string keys = "{";
    AppendKey("first", damage.first_keyspace, damage.first_key, &keys);
    keys.push_back(',');
    AppendKey("last", damage.last_keyspace, damage.last_key, &keys);
    json->Raw("keys", keys + "}");
  }
  json->Field("first_position", damage.first_position);
  json->Field("last_position", damage.last_position);
}

}  // namespace logwood::tools
