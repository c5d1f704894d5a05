// Inventory: what a directory holds, as far as its files still say so, without trusting any of
// them: which manifest counts, which tables and log segments belong to the database, and what is
// wrong with ROOT and manifest. For checking and salvage; opening a database is stricter
// (db/recovery.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/recovery.h"
#include "logwood/db.h"
#include "wal/segment_survey.h"

namespace logwood {

struct Inventory {
  // A log segment of this database.
  struct Segment {
    uint64_t number = 0;  // of its name
    std::unique_ptr<SegmentSurvey> survey;
    // What counts of it, where the next segment or a clean close says so.
    SegmentSurvey::Limits limits;
  };
  // Whether it is known where the segment's commits end. If not, behind them may lie what a
  // recovery discarded, and what it shows there is held against nothing.
  bool ExtentIsKnown(const Segment& segment) const {
    return segment.limits.last_position || segment.number == segments.back().number;
  }
  DirectoryListing listing;
  // ROOT and every edit of its manifest were read: `tree` is what the database consists of.
  bool certain = false;
  // Every edit of the manifest was read, and the log speaks of no newer one: `tables` is what there
  // is, also where ROOT is lost.
  bool tables_are_certain = false;
  uint64_t manifest = 0;                          // the one used; 0: none can be read
  TreeState tree;                                 // root, states and version only when certain
  std::vector<std::pair<int, TableMeta>> tables;  // that belong to it, with their level
  std::vector<uint64_t> unknown_tables;           // files of which no edit that was read speaks
  std::vector<std::string> leftovers;  // tables and manifests that nothing refers to, by name
  std::vector<Segment> segments;       // ascending
  std::vector<Damage> damages;  // of ROOT, manifest, and segments that are no part of the log
  std::vector<Damage> notes;    // what is no damage and yet not as a clean close leaves it
};

// The newest segment that the manifest speaks of; 0: it speaks of none.
uint64_t NewestNamedSegment(const TreeState& tree);

// Whether the segment is older than all that recovery needs, and nobody asked for more of the log
// to be kept.
bool WaitsForRemoval(const TreeState& tree, uint64_t segment);

// Fails only when the file system does, with kNotFound where no database ever was, and with
// kNotSupported where a newer version wrote one of the files.
Result<Inventory> TakeInventory(FileSystem* fs, const std::string& path);

}  // namespace logwood
