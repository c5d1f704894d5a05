// The names in a database directory, and what they mean.
//
//   ROOT             which manifest is the newest (root pointer)
//   ROOT.new         its successor being written
//   000012.manifest  edits of the version
//   000012.log       log segment        000012.table  table
//   LOCK             held while open    EVENTS, EVENTS.old  the event log
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/status.h"

namespace logwood {

enum class NameKind : uint8_t { kRoot, kRootNew, kManifest, kLog, kTable, kLock, kEvents };

struct ParsedName {
  NameKind kind;
  uint64_t number = 0;
};

// nullopt: not a file of ours; it is never touched.
std::optional<ParsedName> ParseFileName(std::string_view name);

std::string ManifestFileName(uint64_t number);
std::string JoinPath(std::string_view directory, std::string_view name);
// kInvalidArgument for a path that can name no directory.
Status CheckDatabasePath(std::string_view path);

inline constexpr char kRootFileName[] = "ROOT";
inline constexpr char kRootNewFileName[] = "ROOT.new";
inline constexpr char kLockFileName[] = "LOCK";
inline constexpr char kEventsFileName[] = "EVENTS";
inline constexpr char kEventsOldFileName[] = "EVENTS.old";

}  // namespace logwood
