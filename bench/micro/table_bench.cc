// The table's hot paths: 16-byte keys, 100-byte values that compress to half, blocks of 4 KiB, 10
// filter bits a key, one thread. Blocks come from a cache that holds everything unless said; files
// lie in memory, so no figure here contains a device or a system call.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "table/table_builder.h"
#include "table/table_reader.h"
#include "util/hash.h"
#include "util/random.h"

namespace logwood {
namespace {

constexpr int kTableEntries = 500'000;

std::string Key(uint64_t number) {
  char key[32];
  std::snprintf(key, sizeof(key), "\x01%015llu", static_cast<unsigned long long>(number));
  return key;
}

std::string Value(Random* random) {
  std::string value(100, 'v');
  for (size_t i = 0; i < 50; ++i) value[i] = static_cast<char>(random->Next());
  return value;
}

// Swallows what is appended.
class NullFile final : public WritableFile {
 public:
  Status Append(std::string_view) override { return {}; }
  Status Sync() override { return {}; }
  Status Close() override { return {}; }
};

void Must(const Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    std::abort();
  }
}

// One table of every second number.
class Fixture {
 public:
  Fixture() : fs_(FileSystem::InMemory()), cache_(512 << 20) {
    Random random(1);
    auto file = fs_->CreateWritable("/t");
    Must(file.status());
    TableBuilder builder(file->get(), {}, 1, Id128{1, 2});
    for (int i = 0; i < kTableEntries; ++i) {
      builder.Add(Key(2 * static_cast<uint64_t>(i)),
                  PackTrailer(1 + random.Uniform(1 << 22), EntryKind::kPut), Value(&random));
    }
    auto meta = builder.Finish();
    Must(meta.status());
    meta_ = *meta;
    Must((*file)->Close());
  }
  std::shared_ptr<TableReader> Open(bool cached) {
    auto file = fs_->OpenRandomAccess("/t");
    Must(file.status());
    auto reader =
        TableReader::Open(std::move(*file), "/t", &meta_, cached ? &cache_ : nullptr, &counters_);
    Must(reader.status());
    return *reader;
  }
  static Fixture& Get() {
    static Fixture* fixture = new Fixture;  // lives as long as the program
    return *fixture;
  }

 private:
  std::unique_ptr<FileSystem> fs_;
  BlockCache cache_;
  TableCounters counters_;
  TableMeta meta_;
};

// Keys in a random order, made before the clock runs. `odd`: those the table lacks.
std::vector<std::string> ShuffledKeys(bool odd) {
  Random random(7);
  std::vector<std::string> keys;
  for (int i = 0; i < (1 << 16); ++i) {
    keys.push_back(Key(2 * random.Uniform(kTableEntries) + (odd ? 1 : 0)));
  }
  return keys;
}

void GetKeys(benchmark::State& state, bool odd, bool cached) {
  auto reader = Fixture::Get().Open(cached);
  const auto keys = ShuffledKeys(odd);
  PinnedValue value;
  size_t i = 0;
  if (cached) {
    for (const std::string& key : keys) {
      LookupResult warm;
      Must(reader->Get({key, Hash64(key), kPositionMax}, true, &warm));
    }
  }
  for (auto _ : state) {
    const std::string& key = keys[i++ & 0xffff];
    LookupResult result;
    result.value = &value;
    Must(reader->Get({key, Hash64(key), kPositionMax}, true, &result));
    benchmark::DoNotOptimize(result.finished);
  }
}

void BM_GetHit(benchmark::State& state) { GetKeys(state, false, true); }
void BM_GetHitUncached(benchmark::State& state) { GetKeys(state, false, false); }
void BM_GetMiss(benchmark::State& state) { GetKeys(state, true, true); }
BENCHMARK(BM_GetHit);
BENCHMARK(BM_GetHitUncached);
BENCHMARK(BM_GetMiss);

void BM_Seek(benchmark::State& state) {
  auto reader = Fixture::Get().Open(true);
  const auto keys = ShuffledKeys(false);
  auto it = reader->NewIterator({});
  for (const std::string& key : keys) it->Seek(key, SeekTrailer(kPositionMax));
  size_t i = 0;
  for (auto _ : state) {
    it->Seek(keys[i++ & 0xffff], SeekTrailer(kPositionMax));
    benchmark::DoNotOptimize(it->entry().value.data());
  }
}
BENCHMARK(BM_Seek);

// Per entry, block changes included; `readahead` 0 walks through the cache.
void Walk(benchmark::State& state, bool forward, uint32_t readahead) {
  auto reader = Fixture::Get().Open(true);
  TableScanOptions options;
  options.readahead_bytes = readahead;
  auto it = reader->NewIterator(options);
  for (it->SeekToFirst(); it->Valid(); it->Next()) benchmark::DoNotOptimize(it->entry());
  for (auto _ : state) {
    if (!it->Valid()) forward ? it->SeekToFirst() : it->SeekToLast();
    benchmark::DoNotOptimize(it->entry().key.data());
    forward ? it->Next() : it->Prev();
  }
  Must(it->status());
}
void BM_Next(benchmark::State& state) { Walk(state, true, 0); }
void BM_Prev(benchmark::State& state) { Walk(state, false, 0); }
void BM_NextReadahead(benchmark::State& state) { Walk(state, true, 1 << 20); }
BENCHMARK(BM_Next);
BENCHMARK(BM_Prev);
BENCHMARK(BM_NextReadahead);

// Per entry; nothing is written. Argument: compression.
void BM_Add(benchmark::State& state) {
  Random random(1);
  std::vector<std::string> keys, values;
  for (uint64_t i = 0; i < 100'000; ++i) keys.push_back(Key(i));
  for (int i = 0; i < 1000; ++i) values.push_back(Value(&random));
  TableOptions options;
  options.compression = static_cast<Compression>(state.range(0));
  NullFile file;
  for (auto _ : state) {
    TableBuilder builder(&file, options, 1, Id128{1, 2});
    for (size_t i = 0; i < keys.size(); ++i) {
      builder.Add(keys[i], PackTrailer(i + 1, EntryKind::kPut), values[i % values.size()]);
    }
    Must(builder.Finish().status());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(keys.size()));
}
BENCHMARK(BM_Add)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace logwood
