#include "util/keyspace_operators.h"

#include <algorithm>
#include <utility>

#include "util/internal_key.h"

namespace logwood {

namespace {

// Of all operators that are built in.
constexpr uint32_t kBuiltInVersion = 1;

}  // namespace

KeyspaceOperators::~KeyspaceOperators() {
  for (std::atomic<Chunk*>& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
}

std::shared_ptr<const MergeOperator> KeyspaceOperators::Given(const Recorded& recorded) const {
  const auto at = std::find_if(given_.begin(), given_.end(), [&](const auto& given) {
    return given->name() == recorded.name && given->version() == recorded.version;
  });
  if (at != given_.end()) return *at;
  if (recorded.version != kBuiltInVersion) return nullptr;
  return MergeOperator::BuiltIn(recorded.name);
}

void KeyspaceOperators::Record(uint32_t keyspace, const Recorded& recorded) {
  std::shared_ptr<const MergeOperator> found = Given(recorded);
  MutexLock lock(mutex_);
  recorded_[keyspace] = recorded;
  std::atomic<Chunk*>& chunk = chunks_[keyspace / kChunk];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(new Chunk{}, std::memory_order_release);
  }
  (*chunk.load(std::memory_order_relaxed))[keyspace % kChunk].store(found.get(),
                                                                    std::memory_order_release);
  if (found != nullptr && std::find(found_.begin(), found_.end(), found) == found_.end()) {
    found_.push_back(std::move(found));
  }
}

const MergeOperator* KeyspaceOperators::Find(uint32_t keyspace) const {
  if (keyspace >= kKeyspacesMax) return nullptr;
  const Chunk* chunk = chunks_[keyspace / kChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : (*chunk)[keyspace % kChunk].load(std::memory_order_acquire);
}

const MergeOperator* KeyspaceOperators::FindFor(std::string_view stored_key) const {
  uint32_t keyspace = 0;
  std::string_view key;
  return SplitStoredKey(stored_key, &keyspace, &key) ? Find(keyspace) : nullptr;
}

Status KeyspaceOperators::Missing(uint32_t keyspace, std::string what) const {
  const std::optional<Recorded> recorded = RecordedOf(keyspace);
  if (!recorded) {
    return Status::InvalidArgument(std::move(what) +
                                   " has no merge operator: name one in Options::keyspaces");
  }
  return Status::InvalidArgument(std::move(what) + " has the merge operator " + recorded->name +
                                 ", version " + std::to_string(recorded->version) +
                                 ", which this open was not given: name it in Options::keyspaces");
}

std::optional<KeyspaceOperators::Recorded> KeyspaceOperators::RecordedOf(uint32_t keyspace) const {
  MutexLock lock(mutex_);
  const auto at = recorded_.find(keyspace);
  if (at == recorded_.end()) return std::nullopt;
  return at->second;
}

std::map<uint32_t, KeyspaceOperators::Recorded> KeyspaceOperators::All() const {
  MutexLock lock(mutex_);
  return recorded_;
}

}  // namespace logwood
