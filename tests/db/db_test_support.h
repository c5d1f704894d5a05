// What the unit tests of db/ share: table descriptions, file systems of their own, small readers.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "db/edit.h"
#include "logwood/db.h"
#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood::test {

// A table that may stand in a version; no file belongs to it. Positions are [number*10,
// number*10+5].
inline TableMeta MetaOf(uint64_t number, const std::string& begin, const std::string& end) {
  TableMeta meta;
  meta.number = number;
  meta.id = {number, number * 7};
  meta.size = number * 100;
  meta.hash = number * 31;
  meta.begin = begin;
  meta.end = end;
  meta.min_position = number * 10;
  meta.max_position = number * 10 + 5;
  meta.entries = number + 3;
  meta.tombstones = 1;
  meta.raw_bytes = number * 50;
  meta.created_us = 1'700'000'000'000'000 + number;
  return meta;
}

// Every field set, with different values.
inline Edit FullEdit() {
  Edit edit;
  edit.history_id = Id128{1, 2};
  edit.instance_id = Id128{3, 4};
  edit.epochs = {{1, 0xaaaaaaaaaaaaaaaa, 1}, {2, 0xbbbbbbbbbbbbbbbb, 900}};
  edit.settings = "durability=1\nblock_bytes=4096\n";
  edit.next_file_number = 300;
  edit.tables = TablesState{1000, 1'700'000'000'000'000, 0xcccccccccccccccc};
  edit.first_segment = 17;
  edit.added = {{0, MetaOf(5, "a", "b")}, {6, MetaOf(9, std::string("x\0y", 3), "z")}};
  edit.removed = {{1, 70}, {6, 0}};
  edit.clean_close = LogEnd{18, 123456, 1002};
  edit.durable = 1001;
  edit.durable_segment = 18;
  edit.expired_us = 1'700'000'000'000'001;
  return edit;
}

// Equal as far as their bytes say.
inline bool Same(const Edit& a, const Edit& b) { return a.Encode() == b.Encode(); }

// All of a keyspace, as a forward scan shows it; the status of the iterator decides.
inline Result<std::map<std::string, std::string>> Scan(DB* db, Keyspace keyspace = Keyspace()) {
  std::map<std::string, std::string> seen;
  auto it = db->NewIterator({}, keyspace);
  for (it->SeekToFirst(); it->Valid(); it->Next()) seen.emplace(it->key(), it->value());
  if (!it->status().ok()) return it->status();
  return seen;
}

}  // namespace logwood::test
