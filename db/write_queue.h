// WriteQueue: concurrent writers become groups. The first in the queue leads: it takes those behind
// it into its group, commits all of them with one log write, and wakes them.
//
// A writer that must wait spins for a few microseconds first: a group without a sync is done sooner
// than a sleeping thread wakes up.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "logwood/status.h"
#include "logwood/types.h"
#include "util/sync.h"

namespace logwood {

// One batch on its way. Lives on the stack of the thread that writes it.
struct PendingWrite {
  // In.
  std::string_view operations, note;
  uint32_t operation_count = 0;
  uint32_t range_count = 0;  // of them range deletes
  size_t data_bytes = 0;     // keys and values, for the statistics
  uint32_t flags = 0;
  bool check_keyspaces = false;  // it names keyspaces beyond "default"
  bool joins_no_group = false;   // later writes are checked against what it did
  // Asked with no other write under way, before it has a position: not ok, and it is refused. With
  // joins_no_group.
  const std::function<Status()>* condition = nullptr;
  // Out.
  LogPos position = 0;
  Status status;

  uint64_t bytes() const { return operations.size() + note.size() + 64; }
  uint64_t memory_bytes() const {
    return bytes() + operation_count * kOperationMemoryBytes +
           range_count * kRangeDeleteMemoryBytes;
  }

 private:
  friend class WriteQueue;
  enum class State : uint8_t { kWaiting, kLeads, kDone };
  std::atomic<State> state_{State::kWaiting};
  PendingWrite* next_ = nullptr;
  CondVar* wake_ = nullptr;  // while it sleeps; guarded by the queue's mutex
};

class WriteQueue {
 public:
  // Commits a group: sets position and status of each. Called by one thread at a time.
  using CommitGroup = std::function<void(const std::vector<PendingWrite*>&)>;
  explicit WriteQueue(CommitGroup commit) : commit_(std::move(commit)) {}

  // Returns when `write` was committed or refused; see its status. An exception (there is no
  // memory) ends the program here: half of a commit must not be seen, and who waits for a leader
  // that is gone would wait for ever (invariant 28).
  void Run(PendingWrite* write) noexcept;
  // Runs `action` as a leader would, with no group in flight. `if_idle`: not where that takes
  // waiting for others.
  void RunAlone(const std::function<void()>& action, bool if_idle = false) noexcept;

 private:
  // Returns when it leads (true) or is done; lets go of the mutex meanwhile.
  bool Join(PendingWrite* write) REQUIRES(mutex_);
  void Gather() REQUIRES(mutex_);
  void FinishGroup(size_t size) REQUIRES(mutex_);

  const CommitGroup commit_;
  Mutex mutex_;
  PendingWrite* first_ GUARDED_BY(mutex_) = nullptr;
  PendingWrite* last_ GUARDED_BY(mutex_) = nullptr;
  std::vector<PendingWrite*> group_;  // the leader's; reused
};

}  // namespace logwood
