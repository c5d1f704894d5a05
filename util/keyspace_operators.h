// KeyspaceOperators: which merge operator each keyspace has, by the catalogue, and whether this
// open was given it.
//
//   operators.Give({own_operator});
//   operators.Record(keyspace, "acme.longest", 1);     // a row of the catalogue
//   if (const MergeOperator* op = operators.Find(keyspace)) Fold(*op);
//
// Threads: Give before all else; Record by one at a time; the rest by any, Find without a lock.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/merge_operator.h"
#include "logwood/status.h"
#include "logwood/types.h"
#include "util/sync.h"

namespace logwood {

class KeyspaceOperators {
 public:
  struct Recorded {
    std::string name;
    uint32_t version = 0;
  };

  KeyspaceOperators() = default;
  ~KeyspaceOperators();
  KeyspaceOperators(const KeyspaceOperators&) = delete;
  KeyspaceOperators& operator=(const KeyspaceOperators&) = delete;

  // Beside those that are built in.
  void Give(std::vector<std::shared_ptr<const MergeOperator>> given) { given_ = std::move(given); }
  void Record(uint32_t keyspace, const Recorded& recorded);
  // Null: it has none, or one that nobody gave.
  const MergeOperator* Find(uint32_t keyspace) const;
  const MergeOperator* FindFor(std::string_view stored_key) const;
  // kInvalidArgument: why Find finds none. `what` names the keyspace.
  Status Missing(uint32_t keyspace, std::string what) const;
  std::optional<Recorded> RecordedOf(uint32_t keyspace) const;
  std::map<uint32_t, Recorded> All() const;

 private:
  static constexpr uint32_t kChunk = 256;
  using Chunk = std::array<std::atomic<const MergeOperator*>, kChunk>;

  std::shared_ptr<const MergeOperator> Given(const Recorded& recorded) const;

  std::vector<std::shared_ptr<const MergeOperator>> given_;
  std::array<std::atomic<Chunk*>, kKeyspacesMax / kChunk + 1> chunks_{};
  mutable Mutex mutex_;
  std::map<uint32_t, Recorded> recorded_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const MergeOperator>> found_ GUARDED_BY(mutex_);  // kept for readers
};

}  // namespace logwood
