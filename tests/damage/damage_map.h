// DamageMap: what lies where in the files of a shape, read while they are whole: the areas that are
// checked as one, which commit a byte of the log belongs to, which keys a block of a table holds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/damage/damage_shape.h"

namespace logwood::test {

class DamageMap {
 public:
  // Reads all of it; ends the program where a file is not as it must be. The shape outlives it.
  explicit DamageMap(const DamageShape& shape);

  struct Area {
    uint64_t begin = 0, end = 0;
    bool Holds(uint64_t offset) const { return begin <= offset && offset < end; }
  };
  // What is damaged with the byte: a header, a slot, a record, an edit, a block, what is between
  // them. The last area of a file reaches to where files end.
  Area AreaAt(const std::string& file, uint64_t offset) const;

  // The commit whose record the byte belongs to; 0: none.
  LogPos PositionAt(const std::string& file, uint64_t offset) const;
  // The first commit of the segment that a cut there takes away; 0: it takes none.
  LogPos FirstPositionCut(const std::string& file, uint64_t offset) const;
  // Where a segment's records begin; 0: it is none.
  uint64_t HeadEnd(const std::string& file) const;
  // Whether a segment cut there ends where a record or its head does, or shows only zeros behind:
  // the lowest byte of a length may be one.
  bool IsRecordEnd(const std::string& file, uint64_t offset) const;
  // First and last commit of a segment; nullopt: none is in it.
  std::optional<std::pair<LogPos, LogPos>> PositionsOf(const std::string& file) const;
  const std::string& oldest_log() const { return oldest_log_; }
  const std::string& newest_log() const { return newest_log_; }

  // Up to where the log is durable by the word of the newest segment's header, and of what else of
  // the segment lies in front of the offset.
  LogPos ProvenBefore(uint64_t offset) const;

  struct Table {
    uint64_t data_begin = 0, data_end = 0;
    StoredPlace smallest, largest;
    LogPos newest = 0;  // of its entries
    bool has_range_deletes = false, is_compressed = false;
    std::map<uint64_t, std::set<StoredPlace>> blocks;  // keys that begin in it, by its offset
    bool HoldsData(uint64_t offset) const { return data_begin <= offset && offset < data_end; }
  };
  const std::map<std::string, Table>& tables() const { return tables_; }  // by file
  // Null: it is no table of the shape.
  const Table* TableOf(const std::string& file) const;

 private:
  struct Record {
    uint64_t begin = 0;
    LogPos position = 0;
  };
  void AddArea(const std::string& file, uint64_t begin) { begins_[file].insert(begin); }
  Status ReadLog(FileSystem* files, const std::string& name);
  Status ReadTable(FileSystem* files, const std::string& name);
  Status ReadBlocks(FileSystem* files, const std::string& name, Table* table);
  Status ReadManifestOf(FileSystem* files, const std::string& name);

  const DamageShape& shape_;
  std::string oldest_log_, newest_log_;
  std::map<std::string, std::set<uint64_t>> begins_;           // of areas, by file
  std::map<std::string, std::map<uint64_t, Record>> records_;  // by file, by end
  std::map<std::string, uint64_t> head_ends_;                  // by file
  std::map<std::string, Table> tables_;                        // by file
  // Durable points that the newest segment's slots and records tell: where each ends, and which.
  LogPos proven_before_newest_ = 0;
  std::vector<std::pair<uint64_t, LogPos>> newest_marks_;
};

}  // namespace logwood::test
