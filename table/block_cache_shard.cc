#include "table/block_cache_shard.h"

#include "util/check.h"
#include "util/hash.h"

namespace logwood {

namespace {

constexpr uint32_t kBucketsMin = 64;
constexpr uint64_t kSmallShare = 10;  // the small queue aims at a tenth of the bytes

}  // namespace

BlockCache::Shard::Shard() : buckets_(kBucketsMin, kNone), ghosts_(kBucketsMin, 0) {}

BlockCache::Shard::~Shard() {
  for (const Entry& entry : entries_) {
    if (entry.block != nullptr) entry.block->Unref();
  }
}

uint32_t BlockCache::Shard::Find(const Key& key, uint64_t hash) const {
  uint32_t at = buckets_[hash & (buckets_.size() - 1)];
  while (at != kNone && entries_[at].key != key) at = entries_[at].chain;
  return at;
}

const CachedBlock* BlockCache::Shard::Lookup(const Key& key, uint64_t hash) {
  MutexLock lock(mutex_);
  const uint32_t at = Find(key, hash);
  if (at == kNone) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  Entry& entry = entries_[at];
  if (entry.hits < kHitsMax) ++entry.hits;
  entry.block->Ref();
  return entry.block;
}

const CachedBlock* BlockCache::Shard::Insert(const Key& key, uint64_t hash,
                                             const CachedBlock* block) {
  MutexLock lock(mutex_);
  if (const uint32_t at = Find(key, hash); at != kNone) {
    entries_[at].block->Ref();
    return entries_[at].block;
  }
  if (small_.count + main_.count == buckets_.size()) Grow();
  uint32_t at = free_;
  if (at == kNone) {
    at = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    free_ = entries_[at].chain;
  }
  uint32_t& bucket = buckets_[hash & (buckets_.size() - 1)];
  entries_[at] = {.key = key, .block = block, .chain = bucket};
  bucket = at;
  uint64_t& ghost = ghosts_[hash & (ghosts_.size() - 1)];
  const bool seen_before = ghost == hash;
  if (seen_before) ghost = 0;
  Push(at, seen_before ? In::kMain : In::kSmall);
  ++inserts_;
  return nullptr;
}

// Twice the buckets. Entries stay where they are; only chains are made anew.
void BlockCache::Shard::Grow() {
  const uint64_t mask = buckets_.size() * 2 - 1;
  buckets_.assign(mask + 1, kNone);
  for (uint32_t at = 0; at < entries_.size(); ++at) {
    Entry& entry = entries_[at];
    if (entry.block == nullptr) continue;
    uint32_t& bucket = buckets_[HashMix(entry.key.table, entry.key.offset) & mask];
    entry.chain = bucket;
    bucket = at;
  }
  std::vector<uint64_t> ghosts(mask + 1, 0);
  for (const uint64_t hash : ghosts_) ghosts[hash & mask] = hash;
  ghosts_.swap(ghosts);
}

void BlockCache::Shard::Push(uint32_t at, In in) {
  Entry& entry = entries_[at];
  Queue& queue = QueueOf(in);
  entry.in = in;
  entry.newer = kNone;
  entry.older = queue.newest;
  if (queue.newest != kNone) entries_[queue.newest].newer = at;
  queue.newest = at;
  if (queue.oldest == kNone) queue.oldest = at;
  ++queue.count;
  queue.bytes += entry.block->charge();
  bytes_.store(small_.bytes + main_.bytes, std::memory_order_relaxed);
}

void BlockCache::Shard::Unlink(uint32_t at) {
  Entry& entry = entries_[at];
  Queue& queue = QueueOf(entry.in);
  (entry.newer == kNone ? queue.newest : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? queue.oldest : entries_[entry.older].newer) = entry.newer;
  --queue.count;
  queue.bytes -= entry.block->charge();
  bytes_.store(small_.bytes + main_.bytes, std::memory_order_relaxed);
}

const CachedBlock* BlockCache::Shard::Remove(uint32_t at, uint64_t hash) {
  Unlink(at);
  Entry& entry = entries_[at];
  uint32_t* link = &buckets_[hash & (buckets_.size() - 1)];
  while (*link != at) link = &entries_[*link].chain;
  *link = entry.chain;
  const CachedBlock* block = entry.block;
  entry = {.chain = free_};
  free_ = at;
  return block;
}

const CachedBlock* BlockCache::Shard::Evict() {
  MutexLock lock(mutex_);
  const bool small_first = small_.bytes > (small_.bytes + main_.bytes) / kSmallShare;
  const CachedBlock* block = EvictFrom(small_first ? In::kSmall : In::kMain);
  // The first queue may have given all to the other, or readers hold all of it.
  if (block == nullptr) block = EvictFrom(small_first ? In::kMain : In::kSmall);
  if (block != nullptr) ++evictions_;
  return block;
}

const CachedBlock* BlockCache::Shard::EvictFrom(In in) {
  const Queue& queue = QueueOf(in);
  const uint8_t hits_kept = in == In::kSmall ? 2 : 1;  // as many hits keep it in the cache
  for (uint32_t examined = 0; examined < 2 * kExaminedMax && queue.count > 0; ++examined) {
    const uint32_t at = queue.oldest;
    Entry& entry = entries_[at];
    // No new holder can come: references are only made under this lock or by who holds one.
    const bool held = entry.block->shared();
    const bool used = entry.hits >= hits_kept && examined < kExaminedMax;
    if (!held && !used) {
      const uint64_t hash = HashMix(entry.key.table, entry.key.offset);
      if (in == In::kSmall) ghosts_[hash & (ghosts_.size() - 1)] = hash;
      return Remove(at, hash);
    }
    Unlink(at);
    if (used) entry.hits = in == In::kSmall ? 0 : static_cast<uint8_t>(entry.hits - 1);
    Push(at, used ? In::kMain : in);
  }
  return nullptr;
}

bool BlockCache::Shard::TakeTable(uint64_t table, uint32_t* from,
                                  std::vector<const CachedBlock*>* removed) {
  MutexLock lock(mutex_);
  for (uint32_t looked = 0; looked < kWalkPiece && *from < entries_.size(); ++looked, ++*from) {
    const Entry& entry = entries_[*from];
    if (entry.block == nullptr || entry.key.table != table || entry.block->shared()) continue;
    removed->push_back(Remove(*from, HashMix(entry.key.table, entry.key.offset)));
  }
  return *from < entries_.size();
}

void BlockCache::Shard::AddUsage(Usage* usage) {
  bool more = true;
  for (uint32_t from = 0; more;) {
    MutexLock lock(mutex_);
    for (uint32_t looked = 0; looked < kWalkPiece && from < entries_.size(); ++looked, ++from) {
      const CachedBlock* block = entries_[from].block;
      if (block != nullptr && block->shared()) usage->pinned_bytes += block->charge();
    }
    more = from < entries_.size();
  }
  MutexLock lock(mutex_);
  usage->block_bytes += small_.bytes + main_.bytes;
  usage->hits += hits_;
  usage->misses += misses_;
  usage->inserts += inserts_;
  usage->evictions += evictions_;
}

}  // namespace logwood
