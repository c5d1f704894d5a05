#include "bench/compare_engine.h"

#include <cstdio>
#include <cstdlib>

#include "logwood/merge_operator.h"

namespace logwood::bench {

const std::vector<CompareEngineKind>& CompareEngines() {
  static const std::vector<CompareEngineKind> engines = {
      {"logwood", OpenLogwood},
#ifdef LOGWOOD_WITH_LEVELDB
      {"leveldb", OpenLevelDb},
#endif
#ifdef LOGWOOD_WITH_ROCKSDB
      {"rocksdb", OpenRocksDb},
#endif
  };
  return engines;
}

void CompareEngine::Add(std::string_view key, int64_t number) {
  int64_t before = 0;
  Get(key, [&before](std::string_view value) { before = DecodeInt64(value).value_or(0); });
  Put(key, EncodeInt64(before + number), false);
}

bool CompareEngine::AddInTransaction(std::string_view, int64_t) { return false; }

void CompareCheck(bool ok, std::string_view engine, std::string_view what) {
  if (ok) return;
  std::fprintf(stderr, "logwood_compare: %.*s: %.*s\n", static_cast<int>(engine.size()),
               engine.data(), static_cast<int>(what.size()), what.data());
  std::exit(1);
}

}  // namespace logwood::bench
