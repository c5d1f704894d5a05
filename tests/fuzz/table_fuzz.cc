// Any bytes as a table: opened, walked both ways, searched, verified.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "table/table_reader.h"
#include "tests/fuzz/fuzz_support.h"
#include "util/hash.h"
#include "util/lookup.h"

namespace {

using namespace logwood;

void Look(std::string_view bytes) {
  constexpr int kStepsMax = 100'000;
  const auto files = test::FilesWith({{"000001.table", bytes}});
  BlockCache cache(1 << 20);
  auto file = files->OpenRandomAccess("db/000001.table");
  auto reader = TableReader::Open(std::move(*file), "db/000001.table", nullptr, &cache, nullptr);
  if (!reader.ok()) return;
  auto it = (*reader)->NewIterator({});
  std::string some_key;
  int steps = 0;
  for (it->SeekToFirst(); it->Valid() && steps < kStepsMax; it->Next(), ++steps) {
    if (steps % 7 == 0) some_key = it->entry().key;
  }
  for (it->SeekToLast(); it->Valid() && steps > 0; it->Prev()) --steps;
  it->Seek(some_key, SeekTrailer(kPositionMax));
  it->SeekForPrev(some_key, 0);
  PinnedValue value;
  LookupResult result;
  result.value = &value;
  const LookupKey key{some_key, Hash64(some_key), kPositionMax};
  static_cast<void>((*reader)->Get(key, true, &result).ok());
  static_cast<void>((*reader)->ApproximateOffset(some_key));
  static_cast<void>((*reader)->Verify(nullptr, {}, {}).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
