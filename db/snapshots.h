// Snapshots: which positions must stay readable, and at which time each sees its own. The list is
// small; a lock guards it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "util/executor.h"
#include "util/sync.h"

namespace logwood {

struct Core;

class SnapshotImpl final : public Snapshot {
 public:
  ~SnapshotImpl() override;
  LogPos position() const override { return position_; }
  std::string_view owner() const override { return owner_; }
  std::chrono::microseconds age() const override;
  const Core* core() const { return core_.get(); }
  // What has expired by then is not there.
  uint64_t time_us() const { return time_us_; }

 private:
  friend class SnapshotList;
  std::chrono::microseconds AgeAt(Deadline now) const {
    return std::chrono::duration_cast<std::chrono::microseconds>(now - made_);
  }

  std::shared_ptr<Core> core_;  // alive as long as its snapshots
  LogPos position_ = 0;
  uint64_t time_us_ = 0;
  uint64_t number_ = 0;  // in the order in which they were taken
  std::string owner_;
  Deadline made_;
  bool warned_ = false;
};

class SnapshotList {
 public:
  // Reads the position under the list's lock, so that no compaction that began earlier without this
  // snapshot can drop what it sees: such a job only read entries at or below this position.
  std::shared_ptr<const Snapshot> Take(std::shared_ptr<Core> core, std::string_view owner);

  // Ascending, without repetition; of several at one position the time of the first.
  struct Seen {
    std::vector<LogPos> positions;
    std::vector<uint64_t> times_us;
  };
  Seen All() const;
  // `released` is called, with the list's lock, when one goes that All has told of: what it alone
  // kept may go. Null: no more.
  void WhenReleased(std::function<void()> released);
  size_t count() const;
  LogPos oldest() const;  // 0: none
  // "position 17, owner backup, age 1.2 h" of each snapshot that became older than `age`.
  std::vector<std::string> NewlyOlderThan(std::chrono::seconds age);
  // How long until NewlyOlderThan tells of one of those there are now; nullopt: it will of none.
  std::optional<std::chrono::microseconds> UntilOlderThan(std::chrono::seconds age) const;

 private:
  friend class SnapshotImpl;
  void Release(SnapshotImpl* snapshot);
  // REQUIRES: there are any.
  Deadline NowLocked() const REQUIRES(mutex_);

  mutable Mutex mutex_;
  // By position and number: an order by addresses would be another one each time.
  std::map<std::pair<LogPos, uint64_t>, SnapshotImpl*> live_ GUARDED_BY(mutex_);
  uint64_t taken_ GUARDED_BY(mutex_) = 0;
  mutable uint64_t told_ GUARDED_BY(mutex_) = 0;  // the last one that All told of
  std::function<void()> released_ GUARDED_BY(mutex_);
};

}  // namespace logwood
