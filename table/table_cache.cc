#include "table/table_cache.h"

#include <atomic>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "util/status_macros.h"
#include "util/sync.h"

namespace logwood {

namespace {

using ReaderPtr = std::shared_ptr<TableReader>;

// Pinned readers may take this share of both limits; the rest is for those that come and go.
constexpr uint64_t kPinnedNumerator = 3, kPinnedDenominator = 4;

// Shared with pins, which may outlive the cache. Relaxed: figures that publish nothing.
struct Pins {
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> readers{0};
};

struct Pin {
  Pin(std::shared_ptr<Pins> all_pins, ReaderPtr pinned)
      : pins(std::move(all_pins)), reader(std::move(pinned)) {
    pins->bytes.fetch_add(reader->memory_bytes(), std::memory_order_relaxed);
    pins->readers.fetch_add(1, std::memory_order_relaxed);
  }
  ~Pin() {
    pins->bytes.fetch_sub(reader->memory_bytes(), std::memory_order_relaxed);
    pins->readers.fetch_sub(1, std::memory_order_relaxed);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  const std::shared_ptr<Pins> pins;
  const ReaderPtr reader;
};

}  // namespace

// Readers are closed (destroyed) only outside the mutex, and only when nobody holds them: all
// holders copy from `readers` under the mutex, so a count of one is final.
struct TableCache::State {
  struct Open {
    ReaderPtr reader;
    std::list<uint64_t>::iterator place;  // in `recent`
  };

  // Takes out what must or may be closed: erased readers that are let go of, and the least recently
  // used beyond the limits. The caller destroys them unlocked.
  std::vector<ReaderPtr> TakeClosable() REQUIRES(mutex);
  ReaderPtr FindOpen(uint64_t number) REQUIRES(mutex);

  FileSystem* fs = nullptr;
  std::string directory;
  BlockCache* blocks = nullptr;
  TableCounters* counters = nullptr;
  uint32_t readers_max = 0;
  uint64_t memory_bytes_max = 0;
  const std::shared_ptr<Pins> pins = std::make_shared<Pins>();

  Mutex mutex;
  std::unordered_map<uint64_t, Open> readers GUARDED_BY(mutex);
  std::list<uint64_t> recent GUARDED_BY(mutex);     // most recently used first
  std::vector<ReaderPtr> erased GUARDED_BY(mutex);  // somebody still holds them
  uint64_t memory_bytes GUARDED_BY(mutex) = 0;      // of both

  void Reserve(int64_t delta) {
    if (blocks != nullptr) blocks->AdjustReserved(delta);
  }
  void Close(std::vector<ReaderPtr> closable) {
    for (ReaderPtr& reader : closable) {
      const auto bytes = static_cast<int64_t>(reader->memory_bytes());
      reader.reset();
      Reserve(-bytes);
    }
  }
};

std::vector<ReaderPtr> TableCache::State::TakeClosable() {
  std::vector<ReaderPtr> closable;
  auto take = [&](ReaderPtr reader) REQUIRES(mutex) {
    memory_bytes -= reader->memory_bytes();
    closable.push_back(std::move(reader));
  };
  std::erase_if(erased, [&](ReaderPtr& reader) REQUIRES(mutex) {
    const bool held = reader.use_count() > 1;
    if (!held) take(std::move(reader));
    return !held;
  });
  auto place = recent.end();
  while (place != recent.begin() && readers.size() > 1 &&
         (readers.size() + erased.size() > readers_max || memory_bytes > memory_bytes_max)) {
    --place;
    auto at = readers.find(*place);
    if (at->second.reader.use_count() > 1) continue;
    take(std::move(at->second.reader));
    readers.erase(at);
    place = recent.erase(place);
  }
  return closable;
}

ReaderPtr TableCache::State::FindOpen(uint64_t number) {
  auto at = readers.find(number);
  if (at == readers.end()) return nullptr;
  recent.splice(recent.begin(), recent, at->second.place);
  return at->second.reader;
}

TableCache::TableCache(FileSystem* fs, std::string directory, BlockCache* blocks,
                       TableCounters* counters, uint32_t readers_max, uint64_t memory_bytes_max)
    : state_(std::make_unique<State>()) {
  state_->fs = fs;
  state_->directory = std::move(directory);
  state_->blocks = blocks;
  state_->counters = counters;
  state_->readers_max = readers_max;
  state_->memory_bytes_max = memory_bytes_max;
}

TableCache::~TableCache() {
  MutexLock lock(state_->mutex);
  state_->readers.clear();
  state_->erased.clear();
  state_->Reserve(-static_cast<int64_t>(state_->memory_bytes));
}

Result<ReaderPtr> TableCache::Find(const TableMeta& meta) {
  State& s = *state_;
  {
    MutexLock lock(s.mutex);
    if (ReaderPtr reader = s.FindOpen(meta.number)) return reader;
  }
  // Two threads may open the same file; the first to come back wins, the other's is closed.
  const std::string path = s.directory + "/" + TableFileName(meta.number);
  auto file = s.fs->OpenRandomAccess(path);
  if (!file.ok() && file.status().Is(StatusCode::kNotFound)) {
    // Never kNotFound: a caller could take it for the absence of a key.
    return Status::Corruption(path + ":0: the table is missing");
  }
  if (!file.ok()) return std::move(file).status();
  ASSIGN_OR_RETURN(ReaderPtr opened,
                   TableReader::Open(std::move(*file), path, &meta, s.blocks, s.counters));
  s.Reserve(static_cast<int64_t>(opened->memory_bytes()));
  std::vector<ReaderPtr> closable;
  ReaderPtr result;
  {
    MutexLock lock(s.mutex);
    result = s.FindOpen(meta.number);
    if (result != nullptr) {
      closable.push_back(std::move(opened));
    } else {
      result = opened;
      s.recent.push_front(meta.number);
      s.memory_bytes += opened->memory_bytes();
      s.readers[meta.number] = {std::move(opened), s.recent.begin()};
      closable = s.TakeClosable();
    }
  }
  s.Close(std::move(closable));
  return result;
}

void TableCache::Erase(uint64_t number) {
  State& s = *state_;
  std::vector<ReaderPtr> closable;
  uint64_t cache_id = 0;  // none has this one: then what blocks there are leave by ageing
  {
    MutexLock lock(s.mutex);
    auto at = s.readers.find(number);
    if (at != s.readers.end()) {
      cache_id = at->second.reader->cache_id();
      s.recent.erase(at->second.place);
      s.erased.push_back(std::move(at->second.reader));
      s.readers.erase(at);
    }
    closable = s.TakeClosable();
  }
  s.Close(std::move(closable));
  if (s.blocks != nullptr && cache_id != 0) s.blocks->EraseTable(cache_id);
}

ReaderPtr TableCache::TryPin(ReaderPtr reader) {
  const State& s = *state_;
  const uint64_t bytes_max = s.memory_bytes_max / kPinnedDenominator * kPinnedNumerator;
  const uint64_t readers_max = s.readers_max / kPinnedDenominator * kPinnedNumerator;
  // Two threads may both see the last room; the overshoot is one reader a thread, and of that
  // share.
  if (s.pins->readers.load(std::memory_order_relaxed) >= readers_max) return nullptr;
  const uint64_t pinned = s.pins->bytes.load(std::memory_order_relaxed);
  if (pinned + reader->memory_bytes() > bytes_max) return nullptr;
  TableReader* raw = reader.get();
  return {std::make_shared<Pin>(s.pins, std::move(reader)), raw};
}

uint64_t TableCache::memory_bytes() const {
  MutexLock lock(state_->mutex);
  return state_->memory_bytes;
}

uint32_t TableCache::open_readers() const {
  MutexLock lock(state_->mutex);
  return static_cast<uint32_t>(state_->readers.size() + state_->erased.size());
}

uint64_t TableCache::pinned_bytes() const {
  return state_->pins->bytes.load(std::memory_order_relaxed);
}

}  // namespace logwood
