#include "db/file_ownership.h"

#include <algorithm>
#include <string_view>

#include "db/file_names.h"
#include "util/file_header.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// Of each line of the event log (docs/format/events.md).
constexpr std::string_view kEventBegin = "{\"event\":\"";
// A loss of power leaves zeros by sectors.
constexpr size_t kLookedAtBytes = 512;

Result<std::string> Beginning(FileSystem* fs, const std::string& path, size_t bytes) {
  ASSIGN_OR_RETURN(const auto file, fs->OpenRandomAccess(path));
  std::string begin(bytes, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->Read(0, begin.size(), begin.data()));
  begin.resize(read);
  return begin;
}

std::string_view BeginOf(NameKind kind) {
  switch (kind) {
    case NameKind::kLock:
      return "";
    case NameKind::kEvents:
      return kEventBegin;
    default:
      return kFileMagic;
  }
}

}  // namespace

Result<bool> BeginsAsOurs(FileSystem* fs, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string begin, Beginning(fs, path, kFileMagic.size()));
  return begin == kFileMagic;
}

Result<bool> MayBeOurs(FileSystem* fs, const std::string& directory, const std::string& name) {
  const auto parsed = ParseFileName(name);
  if (!parsed) return false;
  ASSIGN_OR_RETURN(const std::string begin,
                   Beginning(fs, JoinPath(directory, name), kLookedAtBytes));
  const std::string_view ours = BeginOf(parsed->kind);
  if (ours.empty()) return begin.empty();
  return begin.find_first_not_of('\0') == std::string::npos ||
         ours.starts_with(std::string_view(begin).substr(0, ours.size()));
}

}  // namespace logwood
