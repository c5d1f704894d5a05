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

bool Look(const std::string& path, struct stat* info) {
  return Uninterrupted([&] { return ::stat(path.c_str(), info); }) == 0;
}

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The directory's own name, for people, unless that leads elsewhere: what links in /proc say may
// hold for another process only.
std::string NameOf(const std::string& path, const struct stat& directory) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  struct stat info = {};
  const bool leads_there = real != nullptr && Look(real.get(), &info) && IsSame(info, directory);
  return leads_there ? real.get() : path;
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
  if (!Look(there, &info)) return above;
  while (true) {
    above.push_back(NameOf(there, info));
    there += "/..";
    struct stat next = {};
    if (!Look(there, &next) || IsSame(next, info)) return above;  // the root's ".." is the root
    info = next;
  }
}

}  // namespace logwood::posix
