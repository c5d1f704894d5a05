// Directories for tests: temporary ones, and whole trees as values to compare, copy and damage.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "logwood/file_system.h"
#include "logwood/status.h"

namespace logwood::test {

// A fresh directory, removed with all it holds at the end. Fast: in a file system of the machine
// that never waits for a disk, where there is one.
class TempDirectory {
 public:
  enum class Speed : uint8_t { kDisk, kFast };
  explicit TempDirectory(Speed speed = Speed::kDisk);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string Join(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Name -> bytes of each file of a directory (directories inside are not looked at).
using FileContents = std::map<std::string, std::string>;

Result<std::string> ReadFile(FileSystem* files, const std::string& path);
// Writes and replaces; not atomic.
Status WriteFile(FileSystem* files, const std::string& path, const std::string& bytes);

Result<FileContents> ReadDirectory(FileSystem* files, const std::string& directory);
// The directory as it was at one moment although a database is open in it: reads until two readings
// in a row are the same. kBusy when it never stands still.
Result<FileContents> ReadLiveDirectory(FileSystem* files, const std::string& directory);
Status WriteDirectory(FileSystem* files, const std::string& directory,
                      const FileContents& contents);
Status RemoveDirectoryFiles(FileSystem* files, const std::string& directory);

// What a human would call the difference; empty when there is none.
std::string DifferenceOf(const FileContents& before, const FileContents& after);

}  // namespace logwood::test
