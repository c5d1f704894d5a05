// Tables in memory for tests: files as strings, entries as a sorted vector to compare with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "logwood/file_system.h"
#include "table/format.h"
#include "table/table_builder.h"
#include "table/table_reader.h"
#include "util/coding.h"
#include "util/hash.h"
#include "util/internal_key.h"
#include "util/random.h"

namespace logwood::testing {

inline constexpr Id128 kTestId{0x0123456789abcdefULL, 0xfedcba9876543210ULL};

struct TestEntry {
  std::string key;
  uint64_t trailer = 0;
  std::string value;

  friend bool operator<(const TestEntry& a, const TestEntry& b) {
    return CompareInternal(a.key, a.trailer, b.key, b.trailer) < 0;
  }
};
using TestEntries = std::vector<TestEntry>;

// Appends to a string; fails from `fail_at` bytes on.
class StringSink final : public WritableFile {
 public:
  explicit StringSink(std::string* bytes) : bytes_(bytes) {}
  Status Append(std::string_view data) override {
    if (bytes_->size() + data.size() > fail_at) return Status::NoSpace("sink is full");
    bytes_->append(data);
    ++appends;
    return {};
  }
  Status Sync() override { return {}; }
  Status Close() override { return {}; }

  uint64_t fail_at = ~uint64_t{0};
  int appends = 0;

 private:
  std::string* bytes_;
};

// Reads a string that tests may change or cut behind the reader's back. The read with number
// `fail_read` fails.
class StringSource final : public RandomAccessFile {
 public:
  explicit StringSource(std::shared_ptr<std::string> bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    if (reads++ == fail_read) return Status::IoError("read fails by order");
    if (offset >= bytes_->size()) return size_t{0};
    return bytes_->copy(buffer, size, offset);
  }
  Result<uint64_t> Size() const override { return uint64_t{bytes_->size()}; }
  void Advise(Access) const override {}

  mutable int reads = 0;
  mutable int fail_read = -1;

 private:
  std::shared_ptr<std::string> bytes_;
};

struct BuiltTable {
  std::shared_ptr<std::string> bytes = std::make_shared<std::string>();
  TableMeta meta;
  StringSource* source = nullptr;  // of the last Open

  Result<std::shared_ptr<TableReader>> Open(const TableMeta* expected = nullptr,
                                            BlockCache* cache = nullptr,
                                            TableCounters* counters = nullptr) {
    auto file = std::make_unique<StringSource>(bytes);
    source = file.get();
    return TableReader::Open(std::move(file), "000007.table", expected, cache, counters);
  }
};

struct TestRange {
  std::string begin, end;
  LogPos position = 0;

  friend bool operator==(const TestRange&, const TestRange&) = default;
};
using TestRanges = std::vector<TestRange>;  // fragments, a line for each position

// REQUIRES: sorted entries, at least one of them or of the ranges.
inline BuiltTable BuildTable(const TestEntries& entries, const TableOptions& options,
                             const Id128& id = kTestId, const TestRanges& ranges = {}) {
  BuiltTable table;
  StringSink sink(table.bytes.get());
  TableBuilder builder(&sink, options, 7, id);
  for (const TestEntry& e : entries) builder.Add(e.key, e.trailer, e.value);
  for (const TestRange& r : ranges) builder.AddRangeDelete(r.begin, r.end, r.position);
  Result<TableMeta> meta = builder.Finish();
  EXPECT_TRUE(meta.ok()) << meta.status().ToString();
  if (meta.ok()) table.meta = *meta;
  return table;
}

inline TestRanges RangesIn(const RangeFragmentsPtr& fragments) {
  TestRanges ranges;
  if (fragments == nullptr) return ranges;
  for (const auto& fragment : fragments->fragments()) {
    for (const LogPos position : fragment.positions)
      ranges.push_back({std::string(fragment.begin), std::string(fragment.end), position});
  }
  return ranges;
}

inline std::shared_ptr<TableReader> MustOpen(BuiltTable* table, BlockCache* cache = nullptr,
                                             TableCounters* counters = nullptr) {
  auto reader = table->Open(&table->meta, cache, counters);
  EXPECT_TRUE(reader.ok()) << reader.status().ToString();
  return reader.ok() ? *reader : nullptr;
}

// Sorts, and removes what a table may not hold twice.
inline void MakeUnique(TestEntries* entries) {
  std::sort(entries->begin(), entries->end());
  entries->erase(std::unique(entries->begin(), entries->end(),
                             [](const TestEntry& a, const TestEntry& b) {
                               return a.key == b.key &&
                                      TrailerPosition(a.trailer) == TrailerPosition(b.trailer);
                             }),
                 entries->end());
}

// The table's bytes with a footer of a later format: its reserved word says something.
inline std::string WithLaterFooter(std::string bytes, const Id128& id = kTestId) {
  constexpr size_t kReservedAt = 88, kChecksumAt = 112;
  const size_t at = bytes.size() - kFooterBytes;
  bytes[at + kReservedAt] = 1;
  const uint64_t checksum =
      Hash64(std::string_view(bytes).substr(at, kChecksumAt), ChecksumSeed(id, at));
  StoreFixed(bytes.data() + at + kChecksumAt, checksum);
  return bytes;
}

// Plain keys "key00000042", one version each.
inline TestEntries PlainEntries(int count, size_t value_bytes = 20) {
  TestEntries entries;
  for (int i = 0; i < count; ++i) {
    std::string digits = std::to_string(i);
    entries.push_back(
        {"\x01key" + std::string(8 - digits.size(), '0') + digits,
         PackTrailer(static_cast<LogPos>(100 + i), EntryKind::kPut),
         "value " + digits + std::string(value_bytes, static_cast<char>('a' + i % 26))});
  }
  return entries;
}

inline std::string RandomBytes(Random* random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random->Next());
  return bytes;
}

// Bytes from a small alphabet of the nasty ones, so that prefixes and paddings collide.
inline std::string NastyKey(Random* random, size_t size_max) {
  static constexpr char kAlphabet[] = {'\0', '\x01', 'a', 'b', '\x7f', '\xff'};
  std::string key(random->Uniform(size_max + 1), '\0');
  for (char& c : key) c = kAlphabet[random->Uniform(sizeof(kAlphabet))];
  return key;
}

enum class KeyShape : uint8_t { kPlain, kNasty, kRuns, kVersions, kLong, kCount };

inline std::string ShapedKey(Random* random, KeyShape shape) {
  switch (shape) {
    case KeyShape::kPlain:
      return "\x01user" + std::to_string(random->Uniform(100000));
    case KeyShape::kNasty:
      return NastyKey(random, 9);
    case KeyShape::kRuns:
      return "\x01" + std::string(random->Uniform(40), random->OneIn(2) ? '\0' : '\xff') +
             NastyKey(random, 2);
    case KeyShape::kVersions:
      return "\x01k" + std::to_string(random->Uniform(4));
    default:
      return std::string(
                 random->OneIn(4) ? 60 * 1024 + random->Uniform(4096) : random->Uniform(300), 'p') +
             NastyKey(random, 4);
  }
}

inline TestEntries RandomEntries(Random* random, KeyShape shape, int count) {
  TestEntries entries;
  for (int i = 0; i < count; ++i) {
    const auto kind = random->OneIn(5) ? EntryKind::kDelete : EntryKind::kPut;
    const LogPos position = 1 + random->Skewed(random->OneIn(10) ? 55 : 12);
    const size_t value_bytes = random->OneIn(50) ? random->Uniform(70000) : random->Uniform(150);
    entries.push_back({ShapedKey(random, shape), PackTrailer(position, kind),
                       kind == EntryKind::kDelete ? ""
                                                  : RandomBytes(random, value_bytes / 2) +
                                                        std::string(value_bytes / 2, 'v')});
  }
  MakeUnique(&entries);
  return entries;
}

inline bool Matches(const InternalIterator& it, const TestEntry& entry) {
  return it.entry().key == entry.key && it.entry().trailer == entry.trailer &&
         it.entry().value == entry.value;
}

// On entry `at`, or invalid where there is none.
inline bool StandsAt(const InternalIterator& it, const TestEntries& entries, int64_t at) {
  const bool inside = at >= 0 && at < static_cast<int64_t>(entries.size());
  if (it.Valid() != inside) return false;
  return !inside || Matches(it, entries[static_cast<size_t>(at)]);
}

inline LookupKey MakeLookup(std::string_view key, LogPos position) {
  return {key, Hash64(key), position};
}

}  // namespace logwood::testing
