#include "bench/compare_engine.h"

#include <cstdio>
#include <cstdlib>

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

void CompareCheck(bool ok, std::string_view engine, std::string_view what) {
  if (ok) return;
  std::fprintf(stderr, "logwood_compare: %.*s: %.*s\n", static_cast<int>(engine.size()),
               engine.data(), static_cast<int>(what.size()), what.data());
  std::exit(1);
}

}  // namespace logwood::bench
