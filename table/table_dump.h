// Tables for people: properties and entries as text or JSON, read offline from one file alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "table/table_reader.h"

namespace logwood {

enum class TableDumpFormat : uint8_t { kText, kJson };

struct TableDumpOptions {
  TableDumpFormat format = TableDumpFormat::kText;
  std::string begin;  // stored keys; empty: from the first
  std::string end;    // exclusive; empty: to the last
  uint64_t entries_max = ~uint64_t{0};
  uint32_t value_bytes_max = 256;  // longer values are cut, and said to be
};

// Gets one line at a time, without its newline; false ends the dump.
using LineSink = std::function<bool(std::string_view line)>;

// "entries: 1,234" lines, or one JSON object.
void DumpTableProperties(const TableReader& table, TableDumpFormat format, const LineSink& line);

// One line an entry: `keyspace key position kind value`, or a JSON object with key and value in
// escaped text and hexadecimal; and one a range delete, `keyspace begin positions kind end`, before
// the entries of the key where it begins. Each counts as an entry. The first bad block ends the
// dump with its error.
Status DumpTableEntries(const TableReader& table, const TableDumpOptions& options,
                        const LineSink& line);

}  // namespace logwood
