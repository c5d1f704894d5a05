// OptionSets: the settings every model test runs under, in one place. What a database answers must
// not depend on any of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "logwood/options.h"
#include "tests/support/directory.h"

namespace logwood::test {

struct OptionSet {
  std::string name;
  // file_system is left null: a Place gives it.
  Options options;
  // Through the machine's own file system instead of FileSystem::InMemory.
  bool posix = false;
};

// At least 16, the default first. Names are unique.
const std::vector<OptionSet>& OptionSets();
// Ends the program with a list of the names when there is none of that name.
const OptionSet& OptionSetNamed(const std::string& name);

// Where a test's databases lie: an in-memory file system or a temporary directory, empty at first.
class Place {
 public:
  explicit Place(bool posix = false);

  FileSystem* files() const { return memory_ ? memory_.get() : FileSystem::Posix(); }
  std::string Join(const std::string& name) const;
  // `options` with this place's file system.
  Options With(Options options) const;
  bool posix() const { return memory_ == nullptr; }

 private:
  std::unique_ptr<FileSystem> memory_;
  std::unique_ptr<TempDirectory> directory_;
};

}  // namespace logwood::test
