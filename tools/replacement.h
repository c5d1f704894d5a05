// Replacement: a file that takes the place of another, or of none, only when it is whole.
//
//   ASSIGN_OR_RETURN(auto file, Replacement::Create("records.tsv"));   // records.tsv.tmp-1234-0
//   write(file->descriptor(), ...);
//   RETURN_IF_ERROR(file->Commit());                                   // records.tsv
//
// Whatever ends it before Commit, but for the death of the process, leaves the old file as it was
// and nothing beside it. One thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "logwood/status.h"

namespace logwood::tools {

// The folder a file is in, or would be.
std::filesystem::path DirectoryOf(const std::filesystem::path& file);
// Where a file is, or would be, behind symbolic links.
std::filesystem::path BehindLinks(std::filesystem::path file);

class Replacement {
 public:
  // Whether a file can come in its place: a regular file has this name, or none. Pipes, devices and
  // descriptors (/dev/fd/3) have to be written themselves.
  static bool Fits(const std::string& path);
  // Makes the file in the folder of the one that `path` leads to, with that one's permissions,
  // owner and group as far as the process may give them.
  // REQUIRES: Fits(path).
  static Result<std::unique_ptr<Replacement>> Create(const std::string& path);
  // Removes what was not committed.
  ~Replacement();
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  int descriptor() const { return descriptor_; }
  // Syncs, closes, renames, and syncs the folder. Call once.
  Status Commit();

 private:
  explicit Replacement(const std::string& path) : path_(path), target_(BehindLinks(path)) {}

  // Makes the file beside target_ under a name that nobody has.
  Status Open(unsigned mode, const char* what = "");
  // `what` failed with this errno.
  Status Error(int error, const char* what = "") const;

  const std::string path_;  // as given, for messages
  const std::filesystem::path target_;
  std::string temporary_;  // empty: none is there
  int descriptor_ = -1;
};

}  // namespace logwood::tools
