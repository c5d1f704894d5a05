#include "util/random.h"

#include <unistd.h>

#include <atomic>
#include <bit>
#include <memory>
#include <optional>

#include "util/check.h"
#include "util/fork_watch.h"
#include "util/sync.h"

namespace logwood {

namespace {

// splitmix64 (Steele, Lea, Flood 2014): spreads a seed over the state, as xoshiro's authors advise.
uint64_t SplitMix(uint64_t* state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
  return z ^ z >> 31;
}

struct IdSource {
  Mutex mutex;
  std::optional<Random> seeded GUARDED_BY(mutex);
};

std::atomic<IdSource*> current_ids{nullptr};

// Never destroyed: ids may be wanted at exit. A child made by fork begins one of its own, since the
// lock of its parent's may be held there for ever.
IdSource& Ids() {
  [[maybe_unused]] static const ForkWatch* const watch =
      new ForkWatch([](void*) { current_ids.store(nullptr, std::memory_order_relaxed); }, nullptr);
  IdSource* source = current_ids.load(std::memory_order_acquire);
  if (source != nullptr) [[likely]]
    return *source;
  auto made = std::make_unique<IdSource>();
  if (current_ids.compare_exchange_strong(source, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *source;
}

}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) word = SplitMix(&seed);
}

uint64_t Random::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

// Lemire 2019, "Fast random integer generation in an interval": unbiased, mostly without division.
uint64_t Random::Uniform(uint64_t bound) {
  CHECK(bound > 0);
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(Next()) * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t threshold = (0 - bound) % bound;
    while (static_cast<uint64_t>(product) < threshold) {
      product = static_cast<Wide>(Next()) * bound;
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

Id128 NewId() {
  IdSource& ids = Ids();
  MutexLock lock(ids.mutex);
  Id128 id;
  if (ids.seeded.has_value()) {
    id.high = ids.seeded->Next();
    id.low = ids.seeded->Next();
    return id;
  }
  // Without entropy two files could share an id: nothing sensible can go on.
  CHECK(::getentropy(&id, sizeof(id)) == 0);
  return id;
}

void SeedIdsForTesting(uint64_t seed) {
  IdSource& ids = Ids();
  MutexLock lock(ids.mutex);
  ids.seeded.emplace(seed);
}

}  // namespace logwood
