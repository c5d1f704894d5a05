// What fuzz targets share: files in memory from bytes, and back.
#pragma once

#include <map>
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

inline std::map<std::string, std::string> ContentsOf(FileSystem* files) {
  std::map<std::string, std::string> contents;
  auto names = files->List("db");
  for (const std::string& name : *names) {
    auto file = files->OpenRandomAccess("db/" + name);
    std::string bytes((*file)->Size().value(), '\0');
    bytes.resize((*file)->Read(0, bytes.size(), bytes.data()).value());
    contents[name] = std::move(bytes);
  }
  return contents;
}

}  // namespace logwood::test
