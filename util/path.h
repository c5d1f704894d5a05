// Spellings of paths.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace logwood {

// So that each file has one name, whoever joins it to its directory.
inline std::string WithoutLastSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// One spelling for each path, as file systems in memory know them: parts joined by single slashes,
// without "." parts and a last slash. The root is "" for absolute and "." for relative paths.
inline std::string NormalPath(std::string_view path) {
  std::string normal = !path.empty() && path[0] == '/' ? "" : ".";
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") normal.append("/").append(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return normal;
}

// As somebody would write it who compares it with a path of his own: "a/b" for "./a//b".
inline std::string RulePath(std::string_view path) {
  std::string normal = NormalPath(path);
  if (normal.starts_with("./")) normal.erase(0, 2);
  return normal;
}

// Of a normal path.
inline std::string ParentPath(const std::string& normal) {
  return normal.substr(0, std::min(normal.rfind('/'), normal.size()));
}

}  // namespace logwood
