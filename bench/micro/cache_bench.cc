// Block cache: a hit, a miss with insertion and eviction, from one and two threads.
#include <benchmark/benchmark.h>

#include "table/block_cache.h"
#include "util/random.h"

namespace logwood {
namespace {

constexpr uint64_t kBlocks = 16'384;
constexpr size_t kBlockBytes = 4096;

BlockCache* SharedCache() {
  static BlockCache cache(kBlocks * (kBlockBytes + 128));
  return &cache;
}

void BM_Hit(benchmark::State& state) {
  BlockCache* cache = SharedCache();
  if (state.thread_index() == 0) {
    for (uint64_t i = 0; i < kBlocks; ++i) {
      cache->Insert({1, i}, BlockRef(CachedBlock::Make(kBlockBytes)));
    }
  }
  Random random(static_cast<uint64_t>(state.thread_index()) + 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache->Lookup({1, random.Uniform(kBlocks)}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Hit)->Threads(1)->Threads(2);

void BM_InsertAndEvict(benchmark::State& state) {
  BlockCache* cache = SharedCache();
  uint64_t offset = 0;
  const auto table = static_cast<uint64_t>(state.thread_index()) + 2;
  for (auto _ : state) {
    cache->Insert({table, ++offset}, BlockRef(CachedBlock::Make(kBlockBytes)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_InsertAndEvict)->Threads(1)->Threads(2);

}  // namespace
}  // namespace logwood
