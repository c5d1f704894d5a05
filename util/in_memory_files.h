// What the file system in memory can do beyond FileSystem, for what is built on it: whole files are
// put in and taken out without a copy, which is made when one is changed.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "logwood/file_system.h"

namespace logwood {

class InMemoryFiles : public FileSystem {
 public:
  // A file with these bytes at a normal path (util/path.h), whose directory is there.
  virtual void Put(const std::string& normal, std::shared_ptr<const std::string> bytes) = 0;
  // All files as they are now, by normal path.
  virtual std::map<std::string, std::shared_ptr<const std::string>> Files() = 0;
};
std::unique_ptr<InMemoryFiles> NewInMemoryFiles();

}  // namespace logwood
