// DumpSegment: a log segment for people, or as JSON lines for programs. Reads the file and nothing
// else; never writes. One line for the header, each slot, each record, and the end: trailer, end,
// or the first damage with file:offset and what lies behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "logwood/file_system.h"

namespace logwood {

struct DumpOptions {
  bool json = false;
};

struct DumpSummary {
  uint64_t records = 0;
  bool sealed = false;
  Status damage;  // the first: header copy in use, catalogue, or records; ok: none
};

// `print` gets each line without its newline. A segment without a readable header gives one damage
// line; not ok only when the file system fails or the file is missing.
Result<DumpSummary> DumpSegment(FileSystem* fs, const std::string& path, const DumpOptions& options,
                                const std::function<void(std::string_view line)>& print);

}  // namespace logwood
