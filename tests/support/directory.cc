#include "tests/support/directory.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr int kLiveReadingsMax = 200;

}  // namespace

TempDirectory::TempDirectory(Speed speed) {
  constexpr char kFastParent[] = "/dev/shm";
  std::filesystem::path parent = std::filesystem::temp_directory_path();
  if (speed == Speed::kFast && access(kFastParent, W_OK) == 0) parent = kFastParent;
  std::string pattern = (parent / "logwood_test.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<std::string> ReadFile(FileSystem* files, const std::string& path) {
  ASSIGN_OR_RETURN(auto file, files->OpenRandomAccess(path));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->Read(0, bytes.size(), bytes.data()));
  bytes.resize(read);
  return bytes;
}

Status WriteFile(FileSystem* files, const std::string& path, const std::string& bytes) {
  ASSIGN_OR_RETURN(auto file, files->CreateWritable(path));
  RETURN_IF_ERROR(file->Append(bytes));
  return file->Close();
}

Result<FileContents> ReadDirectory(FileSystem* files, const std::string& directory) {
  FileContents contents;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(directory));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::string bytes, ReadFile(files, directory + "/" + name));
    contents.emplace(name, std::move(bytes));
  }
  return contents;
}

Result<FileContents> ReadLiveDirectory(FileSystem* files, const std::string& directory) {
  std::optional<FileContents> before;
  for (int i = 0; i < kLiveReadingsMax; ++i) {
    Result<FileContents> now = ReadDirectory(files, directory);
    if (!now.ok() && !now.status().Is(StatusCode::kNotFound)) return now.status();
    if (!now.ok()) {  // a file vanished between List and reading
      before.reset();
    } else if (before.has_value() && *before == *now) {
      return std::move(now).value();
    } else {
      before = std::move(now).value();
    }
  }
  return Status::Busy(directory + " does not stand still");
}

Status WriteDirectory(FileSystem* files, const std::string& directory,
                      const FileContents& contents) {
  RETURN_IF_ERROR(files->CreateDirectory(directory));
  for (const auto& [name, bytes] : contents)
    RETURN_IF_ERROR(WriteFile(files, directory + "/" + name, bytes));
  return Status::Ok();
}

Status RemoveDirectoryFiles(FileSystem* files, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(directory));
  for (const std::string& name : names) RETURN_IF_ERROR(files->Remove(directory + "/" + name));
  return Status::Ok();
}

std::string DifferenceOf(const FileContents& before, const FileContents& after) {
  std::string text;
  for (const auto& [name, bytes] : before) {
    const auto found = after.find(name);
    if (found == after.end()) {
      text += name + " is gone\n";
    } else if (found->second != bytes) {
      text += name + " changed (" + std::to_string(bytes.size()) + " -> " +
              std::to_string(found->second.size()) + " bytes)\n";
    }
  }
  for (const auto& [name, bytes] : after)
    if (!before.contains(name)) text += name + " is new\n";
  return text;
}

}  // namespace logwood::test
