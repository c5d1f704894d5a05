// What fuzz targets share: files in memory from bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logwood/file_system.h"

namespace logwood::test {

// A directory "db" with these files. In memory nothing of this fails.
inline std::unique_ptr<FileSystem> FilesWith(
    const std::vector<std::pair<std::string, std::string_view>>& contents) {
  auto files = FileSystem::InMemory();
  static_cast<void>(files->CreateDirectory("db"));
  for (const auto& [name, bytes] : contents) {
    auto file = files->CreateWritable("db/" + name);
    static_cast<void>((*file)->Append(bytes));
    static_cast<void>((*file)->Close());
  }
  return files;
}

}  // namespace logwood::test
