// Plans applied to shapes that only have sizes: no files. And a model with keys, one number each,
// to see what a policy costs and whether it keeps newer above older.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compaction/picker.h"
#include "util/random.h"

namespace logwood::testing {

// The shape after the plan: a rewrite yields tables of table_bytes that share the range and the
// bytes of the inputs evenly.
LevelShape ApplyBySizes(const LevelShape& shape, const CompactionPlan& plan,
                        const CompactionSettings& settings, uint64_t* next_number);

// A tree whose tables hold real (key -> position) entries, positions being versions; tombstones are
// remembered, and what expires. One unit of size an entry.
class SimulatedTree {
 public:
  struct Version {
    LogPos position;
    bool tombstone;
    uint64_t expires_us = 0;  // 0: never
    bool operator==(const Version&) const = default;
  };
  using Content = std::map<std::string, Version>;

  explicit SimulatedTree(const CompactionSettings& settings) : settings_(settings) {}

  const LevelShape& shape() const { return shape_; }
  // Adds a level-0 table; the content is newer than everything in the tree.
  void Flush(const Content& content);
  // Does what the plan says, by the rules of a compaction without snapshots at that time.
  void Apply(const CompactionPlan& plan, uint64_t now_us = 0);
  // The newest version by level order, as a reader finds it; null when there is none.
  const Version* Find(const std::string& key) const;

  uint64_t flushed() const { return flushed_; }
  uint64_t written() const { return written_; }  // by compaction

 private:
  TableMetaPtr AddTable(Content content);
  std::vector<TableMetaPtr> Split(const Content& content, const CompactionPlan& plan);

  const CompactionSettings settings_;
  LevelShape shape_;
  std::map<uint64_t, Content> contents_;  // by table number
  uint64_t next_number_ = 1;
  uint64_t flushed_ = 0, written_ = 0;
};

}  // namespace logwood::testing
