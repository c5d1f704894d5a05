// Memtable: cost of one insertion, lookup and scanned entry at 480,000 entries of 17-byte keys and
// 100-byte values (about one write buffer), random and ascending.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "memtable/memtable.h"
#include "util/random.h"

namespace logwood {
namespace {

constexpr uint64_t kEntries = 480'000;

enum KeyShape : int64_t { kRandomBytes, kRandomDigits, kAscendingDigits };

// One keyspace byte and 16 bytes. The digits share many leading zeros, as benchmarks' keys do.
std::vector<std::string> MakeKeys(int64_t shape) {
  Random random(42);
  std::vector<std::string> keys(kEntries);
  for (uint64_t i = 0; i < kEntries; ++i) {
    keys[i].assign(1, 1);  // the default keyspace
    if (shape == kRandomBytes) {
      for (int word = 0; word < 2; ++word) {
        const uint64_t bytes = random.Next();
        keys[i].append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
      }
      continue;
    }
    char digits[32];
    const uint64_t number = shape == kRandomDigits ? random.Uniform(5'000'000) : i;
    std::snprintf(digits, sizeof(digits), "%016llu", static_cast<unsigned long long>(number));
    keys[i] += digits;
  }
  return keys;
}

std::shared_ptr<Memtable> Fill(const std::vector<std::string>& keys) {
  const std::string value(100, 'v');
  auto table = std::make_shared<Memtable>();
  for (uint64_t i = 0; i < keys.size(); ++i) {
    table->Insert(keys[i], PackTrailer(i + 1, EntryKind::kPut), value);
  }
  return table;
}

void BM_Insert(benchmark::State& state) {
  const auto keys = MakeKeys(state.range(0));
  for (auto _ : state) {
    auto table = Fill(keys);
    state.counters["bytes_per_entry"] = static_cast<double>(table->bytes_used()) / kEntries;
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(kEntries) * state.iterations());
}
BENCHMARK(BM_Insert)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

void BM_Get(benchmark::State& state) {
  const auto keys = MakeKeys(state.range(0));
  auto table = Fill(keys);
  Random random(7);
  PinnedValue value;
  for (auto _ : state) {
    LookupResult result{.value = &value};
    benchmark::DoNotOptimize(
        table->Get({keys[random.Uniform(kEntries)], 0, kPositionMax}, &result));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Get)->DenseRange(0, 2);

void BM_Scan(benchmark::State& state) {
  const auto keys = MakeKeys(state.range(0));
  auto table = Fill(keys);
  const bool forward = state.range(1) == 0;
  int64_t entries = 0;
  for (auto _ : state) {
    auto it = table->NewIterator();
    for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
         forward ? it->Next() : it->Prev()) {
      benchmark::DoNotOptimize(it->entry().value.data());
      ++entries;
    }
  }
  state.SetItemsProcessed(entries);
}
BENCHMARK(BM_Scan)->ArgsProduct({{0, 2}, {0, 1}})->Unit(benchmark::kMillisecond);

// Insertion while another thread reads as fast as it can.
void BM_InsertBesideReader(benchmark::State& state) {
  const auto keys = MakeKeys(state.range(0));
  const std::string bytes(100, 'v');
  for (auto _ : state) {
    auto table = std::make_shared<Memtable>();
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> gets{0};
    std::thread reader([&] {
      Random random(7);
      PinnedValue value;
      uint64_t count = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        LookupResult result{.value = &value};
        benchmark::DoNotOptimize(
            table->Get({keys[random.Uniform(kEntries)], 0, kPositionMax}, &result));
        ++count;
      }
      gets = count;
    });
    for (uint64_t i = 0; i < kEntries; ++i) {
      table->Insert(keys[i], PackTrailer(i + 1, EntryKind::kPut), bytes);
    }
    stop = true;
    reader.join();
    state.counters["gets_per_insert"] = static_cast<double>(gets.load()) / kEntries;
  }
  state.SetItemsProcessed(static_cast<int64_t>(kEntries) * state.iterations());
}
BENCHMARK(BM_InsertBesideReader)->DenseRange(0, 1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace logwood
