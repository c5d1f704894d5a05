#include "logwood/file_system.h"

namespace logwood {

namespace {

class DirectoryByPath final : public Directory {
 public:
  DirectoryByPath(FileSystem* files, std::string path) : files_(files), path_(std::move(path)) {}
  Status Sync() override { return files_->SyncDirectory(path_); }

 private:
  FileSystem* const files_;
  const std::string path_;
};

}  // namespace

Status Directory::CheckPath() const { return Status::Ok(); }

Result<std::unique_ptr<Directory>> FileSystem::OpenDirectory(const std::string& path) {
  return std::make_unique<DirectoryByPath>(this, path);
}

std::vector<std::string> FileSystem::DirectoriesAbove(const std::string& path) {
  std::vector<std::string> above;
  const size_t end = path.find_last_not_of('/');
  for (size_t slash = path.rfind('/', end); slash != std::string::npos && slash != 0;
       slash = path.rfind('/', slash - 1)) {
    above.push_back(path.substr(0, slash));
  }
  return above;
}

}  // namespace logwood
