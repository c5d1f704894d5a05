// ScanManifest: what can still be read of a manifest, whatever became of it. ReadManifest refuses a
// damaged one, since a database must not go on from half a state; this reads around the damage, for
// checking and salvage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/edit.h"
#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

struct ManifestScan {
  struct Gap {
    uint64_t offset = 0, end = 0;
    std::string what;
  };
  std::vector<Edit> edits;  // the good ones, in order
  std::vector<Gap> gaps;    // edits are lost there; good ones follow
  // What follows the last good edit: a torn append, or the last edits lost. `offset` 0: nothing.
  Gap tail;
  ManifestState state;           // after the last good edit; edits counted without the lost ones
  std::vector<uint64_t> chains;  // the checksum chain after each good frame
  bool header_ok = false;        // otherwise the first edit is taken on trust
};

// kNotFound: there is no such file. kNotSupported: a newer format. Else only what the file system
// says.
Result<ManifestScan> ScanManifest(FileSystem* fs, const std::string& directory, uint64_t number);

}  // namespace logwood
