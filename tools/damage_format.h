// How `logwood check` and `logwood salvage` print damage, as text and as JSON.
#pragma once

#include <string>
#include <string_view>

#include "logwood/db.h"
#include "logwood/event_listener.h"
#include "util/json_writer.h"

namespace logwood::tools {

// "000012.table:64: what is wrong; keys default/a to default/b; positions 3 to 9", no newline.
std::string DamageText(const Damage& damage);

// What an event of kind kCorruption tells, its place once and first; no newline.
std::string DamageEventText(const Event& event);

// Adds the members file, offset, what, keys and positions.
void AddDamage(const Damage& damage, JsonObject* json);

}  // namespace logwood::tools
