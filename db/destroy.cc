// DB::Destroy: what it removes, and what it takes for a database.
#include <algorithm>
#include <string>
#include <vector>

#include "db/file_names.h"
#include "db/file_ownership.h"
#include "logwood/db.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// A name of ours that tells of no commit.
bool IsOursButData(const std::string& name) {
  auto parsed = ParseFileName(name);
  return parsed && parsed->kind != NameKind::kLog && parsed->kind != NameKind::kTable &&
         parsed->kind != NameKind::kRoot;
}

// The file that shows a database: ROOT or, should that be damaged, any other that begins as ours.
// Empty: what is there was left by an earlier Destroy, or the making of a database, that was cut
// short. Others may have files of such names: kInvalidArgument.
Result<std::string> FindEvidence(FileSystem* fs, const std::string& path,
                                 std::vector<std::string> names) {
  const auto root = std::find(names.begin(), names.end(), kRootFileName);
  const bool has_root = root != names.end();
  if (has_root) std::rotate(names.begin(), root, root + 1);
  bool is_rest = !has_root && !names.empty();
  Status unread;  // by such a one a database is still to be shown by another
  for (const std::string& name : names) {
    if (has_root && !ParseFileName(name)) continue;
    const auto ours = has_root ? BeginsAsOurs(fs, JoinPath(path, name)) : MayBeOurs(fs, path, name);
    if (!ours.ok()) unread = ours.status();
    if (has_root && ours.ok() && *ours) return name;
    is_rest = is_rest && IsOursButData(name) && ours.ok() && *ours;
  }
  if (is_rest) return std::string();
  RETURN_IF_ERROR(std::move(unread));
  return Status::InvalidArgument(path +
                                 ": there is no database (no ROOT of one); nothing was removed");
}

}  // namespace

Status DB::Destroy(const Options& options, const std::string& path) {
  FileSystem* fs = options.file_system != nullptr ? options.file_system : FileSystem::Posix();
  RETURN_IF_ERROR(CheckDatabasePath(path));
  ASSIGN_OR_RETURN(bool exists, fs->Exists(path));
  if (!exists) return Status::Ok();
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs->List(path));
  ASSIGN_OR_RETURN(const std::string evidence, FindEvidence(fs, path, names));
  ASSIGN_OR_RETURN(auto lock, fs->Lock(JoinPath(path, kLockFileName), LockMode::kExclusive));
  ASSIGN_OR_RETURN(names, fs->List(path));
  // What says that this is a database goes last but for the lock, as ROOT: a crash in between
  // leaves a directory that still says what it is, and whose missing files are reported.
  for (const std::string& name : names) {
    auto parsed = ParseFileName(name);
    if (!parsed || parsed->kind == NameKind::kLock || parsed->kind == NameKind::kRoot) continue;
    if (name != evidence) RETURN_IF_ERROR(fs->Remove(JoinPath(path, name)));
  }
  // Or power failure might bring files back in a directory without ROOT, which nothing opens.
  RETURN_IF_ERROR(fs->SyncDirectory(path));
  if (!evidence.empty() && evidence != kRootFileName) {
    RETURN_IF_ERROR(fs->Rename(JoinPath(path, evidence), JoinPath(path, kRootFileName)));
  }
  Status root = fs->Remove(JoinPath(path, kRootFileName));
  if (!root.ok() && !root.Is(StatusCode::kNotFound)) return root;
  RETURN_IF_ERROR(fs->Remove(JoinPath(path, kLockFileName)));
  static_cast<void>(fs->Remove(path));  // the directory, where it is empty now
  return Status::Ok();
}

}  // namespace logwood
