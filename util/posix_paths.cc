#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "util/posix_internal.h"

namespace logwood::posix {

namespace {

constexpr size_t kLevelsMax = 100;

bool Look(const std::string& path, struct stat* info) {
  return Uninterrupted([&] { return ::stat(path.c_str(), info); }) == 0;
}

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Without links and "..". Empty where that leads elsewhere: what some links in /proc say holds for
// another process only.
std::string PlainPath(const std::string& directory) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(directory.c_str(), nullptr),
                                                    std::free);
  struct stat wanted = {}, found = {};
  const bool leads_there = real != nullptr && Look(directory, &wanted) &&
                           Look(real.get(), &found) && IsSame(found, wanted);
  return leads_there ? real.get() : "";
}

}  // namespace

std::vector<std::string> DirectoriesAbove(const std::string& path) {
  // As much of it as is there. In what is to be made behind it, ".." leads nowhere else than back.
  std::string there = path.starts_with('/') ? "/" : ".";
  size_t to_be_made = 0;
  struct stat info = {};
  for (size_t at = 0, end = 0; at < path.size(); at = end + 1) {
    end = std::min(path.find('/', at), path.size());
    const std::string_view part = std::string_view(path).substr(at, end - at);
    if (part.empty() || part == ".") continue;
    if (to_be_made != 0) {
      to_be_made = part == ".." ? to_be_made - 1 : to_be_made + 1;
      continue;
    }
    const std::string next = there + "/" + std::string(part);
    if (Look(next, &info)) {
      there = next;
    } else {
      ++to_be_made;
    }
  }
  if (to_be_made == 0) there += "/..";
  std::vector<std::string> above;
  for (std::string at = PlainPath(there); !at.empty(); at.resize(at.rfind('/')))
    above.push_back(at);
  if (!above.empty()) {
    if (above.back() != "/") above.emplace_back("/");
    return above;
  }
  // By itself, then, up to where it goes no further up.
  struct stat next = {};
  while (Look(there, &info) && above.size() < kLevelsMax) {
    above.push_back(there);
    there += "/..";
    if (Look(there, &next) && IsSame(next, info)) break;
  }
  return above;
}

}  // namespace logwood::posix
