// A small multi-version store with optimistic transactions, correct unless a defect is planted:
// what the checker of histories is tried on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/history_workload.h"
#include "util/random.h"
#include "util/sync.h"

namespace logwood::test {

enum class StoreDefect : uint8_t {
  kNone,
  kNoValidation,       // no commit is refused
  kNoReadValidation,   // serializable as if it were snapshot isolation
  kNoRangeValidation,  // of what a scan did not show
  kNoSnapshot,         // each read sees the newest
  kDirtyReads,         // what others have written and not committed is seen
  kAbortedWrites,      // what was refused is there all the same
  kStaleSnapshots,     // some begin a few commits too early
  kTornCommits,        // half of a commit becomes visible later
  kLostCommits,        // one in twenty is acknowledged and not there
  kForgetfulReads,     // a transaction does not see its own writes
  kSwappedElements,    // some elements change places in lists when others are appended
  kShiftedPositions,   // some pairs of commits are told each other's positions
};

class ReferenceStore : public TransactionalStore {
 public:
  explicit ReferenceStore(uint64_t seed, StoreDefect defect = StoreDefect::kNone)
      : defect_(defect), random_(seed) {}
  // One commit in so many does not say how it ended; half of these are there.
  void set_unknown_one_in(uint64_t n) { unknown_one_in_ = n; }
  std::unique_ptr<Transaction> Begin(HistoryLevel level) override;

 private:
  class OpenTransaction;
  using List = std::vector<uint64_t>;  // empty: deleted
  using Range = std::pair<uint64_t, uint64_t>;
  struct Parts {  // of a transaction
    HistoryLevel level = HistoryLevel::kSerializable;
    LogPos snapshot = 0;
    std::map<uint64_t, List> writes = {};
    std::set<uint64_t> reads = {};
    std::vector<Range> ranges = {};  // read
    std::vector<Range> deleted = {};
  };

  const List& At(uint64_t key, LogPos position) const REQUIRES(mutex_);
  List Seen(const Parts& by, uint64_t key) const REQUIRES(mutex_);
  bool IsNewer(uint64_t key, LogPos snapshot) const REQUIRES(mutex_);
  bool IsNewer(const std::vector<Range>& ranges, LogPos snapshot) const REQUIRES(mutex_);
  bool Conflicts(const Parts& of) const REQUIRES(mutex_);
  HistoryOutcome Commit(const Parts& of, LogPos* position) REQUIRES(mutex_);
  void Install(uint64_t key, List list, LogPos position) REQUIRES(mutex_);
  void InstallPending() REQUIRES(mutex_);

  const StoreDefect defect_;
  uint64_t unknown_one_in_ = 0;
  mutable Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  LogPos last_ GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::map<LogPos, List>> versions_ GUARDED_BY(mutex_);
  // Of kDirtyReads, and the second halves of kTornCommits.
  std::map<uint64_t, std::pair<const Parts*, List>> dirty_ GUARDED_BY(mutex_);
  std::vector<std::pair<uint64_t, std::pair<LogPos, List>>> pending_ GUARDED_BY(mutex_);
  uint64_t pending_calls_ GUARDED_BY(mutex_) = 0;
};

}  // namespace logwood::test
