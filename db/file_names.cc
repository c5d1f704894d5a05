#include "db/file_names.h"

#include <charconv>
#include <cstdio>

namespace logwood {

namespace {

// Far beyond what one database ever gives out, and far from where counting on would wrap around.
constexpr uint64_t kFileNumberMax = uint64_t{1} << 56;
constexpr size_t kDigitsMin = 6;

// Only the spelling that is written: otherwise two names would mean one file.
std::optional<uint64_t> NumberBefore(std::string_view name, std::string_view suffix) {
  if (name.size() < suffix.size() + kDigitsMin || !name.ends_with(suffix)) return std::nullopt;
  std::string_view digits = name.substr(0, name.size() - suffix.size());
  uint64_t number = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (number > kFileNumberMax) return std::nullopt;
  if (digits.size() > kDigitsMin && digits.front() == '0') return std::nullopt;
  return number;
}

}  // namespace

std::optional<ParsedName> ParseFileName(std::string_view name) {
  if (name == kRootFileName) return ParsedName{NameKind::kRoot};
  if (name == kRootNewFileName) return ParsedName{NameKind::kRootNew};
  if (name == kLockFileName) return ParsedName{NameKind::kLock};
  if (name == kEventsFileName || name == kEventsOldFileName) return ParsedName{NameKind::kEvents};
  if (auto n = NumberBefore(name, ".log")) return ParsedName{NameKind::kLog, *n};
  if (auto n = NumberBefore(name, ".table")) return ParsedName{NameKind::kTable, *n};
  if (auto n = NumberBefore(name, ".manifest")) return ParsedName{NameKind::kManifest, *n};
  return std::nullopt;
}

std::string ManifestFileName(uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "%06llu.manifest", static_cast<unsigned long long>(number));
  return name;
}

Status CheckDatabasePath(std::string_view path) {
  if (path.empty()) return Status::InvalidArgument("path: it is empty");
  if (path.find('\0') != std::string_view::npos) {
    return Status::InvalidArgument("path: it holds a NUL byte, which no file system takes");
  }
  return Status::Ok();
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  path += name;
  return path;
}

}  // namespace logwood
