// DamageShape: a small database with everything in it that a larger one has - tables on three
// levels, compressed and not, tombstones, several keyspaces, one dropped, batches across them with
// notes, a retained log, a log of several segments that is not in tables - and what it held after
// each of its commits.
//
//   const DamageShape shape = MakeShape(ShapeKind::kKilled);
//   shape.files                     // name -> bytes
//   *shape.contents[shape.last]     // what must be there
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "logwood/options.h"
#include "logwood/types.h"
#include "tests/support/directory.h"

namespace logwood::test {

using Rows = std::map<std::string, std::string>;
using Content = std::map<std::string, Rows>;           // by keyspace
using StoredPlace = std::pair<uint32_t, std::string>;  // keyspace and key: as tables are sorted

enum class ShapeKind : uint8_t {
  kClosed,  // cleanly
  kKilled,  // the last commits behind the durable point
  kTorn,    // the same, the very last one torn
  // As few bytes as there can be with each kind of file and of part in it; no `earlier` ones.
  kSmallClosed,
  kSmallKilled,
};
inline constexpr ShapeKind kShapeKinds[] = {ShapeKind::kClosed, ShapeKind::kKilled,
                                            ShapeKind::kTorn};
inline constexpr ShapeKind kSmallShapeKinds[] = {ShapeKind::kSmallClosed, ShapeKind::kSmallKilled};
std::string_view ShapeName(ShapeKind kind);

struct DamageShape {
  std::string name;
  bool closed = false;
  FileContents files;
  FileContents events;                // EVENTS, which is not among them
  std::vector<FileContents> earlier;  // the directory at some moments before, oldest first
  FileContents other_copy;            // of a copy that was written to, too, from some moment on
  std::vector<std::shared_ptr<const Content>> contents;  // after each position
  std::map<std::string, uint32_t> keyspace_numbers;      // also of dropped ones
  LogPos durable = 0;                                    // acknowledged as durable
  LogPos last = 0;                                       // the newest commit that is there
};

// A value a reader may hold on to; the same for all callers. Ends the program when it cannot be
// made.
const DamageShape& MakeShape(ShapeKind kind);

// Whether the engine reads the file: not LOCK, not EVENTS.
bool IsDataFile(const std::string& name);

// Options under which such a directory is opened; nothing happens in the background.
Options QuietOptions(FileSystem* files);

}  // namespace logwood::test
