// Edit: the difference between two versions of the tree and its surroundings. The manifest is a
// sequence of edits (docs/format/manifest.md). Fields are tagged; a reader refuses a tag it does
// not know unless the tag is even (ignorable).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logwood/status.h"
#include "logwood/types.h"
#include "table/table_meta.h"
#include "wal/replay.h"

namespace logwood {

// A stretch of one history (docs/glossary.md).
struct Epoch {
  uint64_t number = 0;
  uint64_t tag = 0;
  LogPos first_position = 0;
  friend bool operator==(const Epoch&, const Epoch&) = default;
};

// What is in tables, and the state of the history there: enough to go on without any log.
struct TablesState {
  LogPos position = 0;
  uint64_t time_us = 0;
  uint64_t history_hash = 0;
  friend bool operator==(const TablesState&, const TablesState&) = default;
};

struct Edit {
  // Set in the first edit of each manifest, which describes the whole state.
  std::optional<Id128> history_id, instance_id;
  std::vector<Epoch> epochs;            // added
  std::optional<std::string> settings;  // stored options (db/settings.h)

  std::optional<uint64_t> next_file_number;
  std::optional<TablesState> tables;
  std::optional<uint64_t> first_segment;  // the oldest segment recovery needs
  std::vector<std::pair<int, TableMeta>> added;
  std::vector<std::pair<int, uint64_t>> removed;  // level, number
  std::optional<LogEnd> clean_close;              // the log ended here, everything is durable
  std::optional<LogPos> durable;                  // the log was durable up to here
  std::optional<uint64_t> durable_segment;        // this segment's name and header are durable
  std::optional<uint64_t> expired_us;             // what expired by then may be gone from tables

  // Whether the edit brings this table; one that it only moves was there before.
  bool Brings(uint64_t number) const {
    return std::none_of(removed.begin(), removed.end(),
                        [number](const auto& gone) { return gone.second == number; });
  }

  std::string Encode() const;
  static Result<Edit> Decode(std::string_view bytes);
};

}  // namespace logwood
