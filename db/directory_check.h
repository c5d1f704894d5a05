// CheckDirectory: reads every byte of a directory and reports each damage, whether the database
// would open or not. What an open database checks about itself is db/verify.h.
//
// It trusts nothing: without ROOT or manifest it takes each file at its own word, and behind the
// first damage it goes on. Two kinds of findings: *damage*, a byte that is certainly not as it was
// written (or a file that is gone); and *notes*, what a crash may leave: a tail that nothing
// recorded as durable, a torn durable-point slot.
#pragma once

#include <functional>
#include <string>

#include "logwood/db.h"

namespace logwood {

struct DirectoryCheckOptions {
  FileSystem* fs = nullptr;
  std::string path;
  // A writer may be at work: what is found is looked at again before it is reported, since files
  // may have been removed meanwhile because nothing needs them any more.
  bool beside_writer = false;
  std::function<void(const Damage&)> damage, note;
  std::function<void(uint64_t done, uint64_t all)> progress;  // bytes; may be empty
};

struct DirectoryCheckSummary {
  uint64_t damages = 0;
  uint64_t bytes = 0;  // read
  uint64_t tables = 0, segments = 0;
  LogPos last_position = 0;  // the end of the log before any damage
  LogPos durable_point = 0;
  uint64_t unproven_tail_bytes = 0;
  uint64_t unproven_tail_commits = 0;  // whole ones in it
  bool manifest_is_certain = true;     // false: which files count had to be guessed
};

// kNotFound: no database ever was there. Otherwise fails only when the file system does, or with
// kNotSupported.
Result<DirectoryCheckSummary> CheckDirectory(const DirectoryCheckOptions& options);

}  // namespace logwood
