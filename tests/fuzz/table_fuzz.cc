// Any bytes as a table: opened, walked both ways, searched, dumped, verified.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "table/table_dump.h"
#include "table/table_reader.h"
#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/hash.h"
#include "util/lookup.h"

using namespace logwood;

namespace {

constexpr int kStepsMax = 100'000;

// A key that is there, if any is.
std::string Walk(const TableReader& table, const TableScanOptions& options) {
  auto it = table.NewIterator(options);
  std::string some_key;
  int steps = 0;
  for (it->SeekToFirst(); it->Valid() && steps < kStepsMax; it->Next(), ++steps) {
    if (steps % 7 == 0) some_key = it->entry().key;
    test::Note(it->entry().key);
    test::Note(it->entry().value);
  }
  for (it->SeekToLast(); it->Valid() && steps > 0; it->Prev()) --steps;
  it->Seek(some_key, SeekTrailer(kPositionMax));
  it->SeekForPrev(some_key, 0);
  test::Note(it->status().ToString());
  return some_key;
}

}  // namespace

FUZZ_TARGET(table, bytes) {
  const auto files = test::FilesWith({{"000001.table", bytes}});
  BlockCache cache(1 << 20);
  auto file = files->OpenRandomAccess("db/000001.table");
  auto reader = TableReader::Open(std::move(*file), "db/000001.table", nullptr, &cache, nullptr);
  if (!test::Note(reader.status())) return;
  const std::string some_key = Walk(**reader, {});
  TableScanOptions ahead;
  ahead.fill_cache = false;
  ahead.readahead_bytes = 4096;
  Walk(**reader, ahead);
  PinnedValue value;
  LookupResult result;
  result.value = &value;
  const LookupKey key{some_key, Hash64(some_key), kPositionMax};
  test::Note((*reader)->Get(key, true, &result));
  test::Note((*reader)->ApproximateOffset(some_key));
  const auto line = [](std::string_view text) {
    test::Note(text);
    return true;
  };
  for (const auto format : {TableDumpFormat::kText, TableDumpFormat::kJson}) {
    TableDumpOptions dump;
    dump.format = format;
    dump.entries_max = 1000;
    DumpTableProperties(**reader, format, line);
    test::Note(DumpTableEntries(**reader, dump, line));
  }
  test::Note((*reader)->Verify(nullptr, {}, {}));
}
