// Core: what reads need, shared by the live database, the read-only opener and every handle given
// out. It lives as long as the last of them, so a handle that outlives DB::Close finds `closed` set
// and answers kClosed instead of touching freed memory.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "db/catalogue.h"
#include "db/dead_ranges.h"
#include "db/event_log.h"
#include "db/held_memtables.h"
#include "db/record_clock.h"
#include "db/settings.h"
#include "db/snapshots.h"
#include "db/statistics.h"
#include "db/view_holder.h"
#include "logwood/db.h"
#include "table/block_cache.h"
#include "table/table_cache.h"
#include "util/executor.h"
#include "util/fork_watch.h"
#include "util/merge_value.h"
#include "util/sync.h"

namespace logwood {

struct Core {
  // Left alone by whoever lets go of it last in a child made by fork: its threads are not there,
  // its locks may be held for ever, and its files are the parent's.
  static std::shared_ptr<Core> Make(FileSystem* file_system, std::string directory, Settings values,
                                    std::unique_ptr<Executor> threads,
                                    std::unique_ptr<EventLog> event_log);
  Core(FileSystem* file_system, std::string directory, Settings values,
       std::unique_ptr<Executor> threads, std::unique_ptr<EventLog> event_log);

  // Set by an open that put its own file system around the user's.
  std::shared_ptr<FileSystem> owned_fs;
  FileSystem* const fs;
  const std::string path;
  const Settings settings;
  const std::unique_ptr<Executor> executor;  // shut down by Close; still tells the time
  RecordClock clock;
  const std::unique_ptr<EventLog> events;
  Statistics statistics;
  const std::shared_ptr<PagePool> memtable_pages;
  BlockCache cache;
  TableCache tables;
  HeldMemtables held;
  Catalogue catalogue;
  SnapshotList snapshots;
  Id128 history_id, instance_id;
  RecoveryInfo recovery;

  std::atomic<bool> closed{false};
  // With `closed`: this process is a child of the one that opened the database.
  std::atomic<bool> in_child{false};
  // The newest commit reads may see. Stored (release) by the write leader after the entries are in
  // the memtable; loaded (acquire) by reads after they took their view.
  std::atomic<LogPos> visible{0};  // invariant 8
  bool grows = true;               // false: opened read-only, no commit will come
  // For ReadOptions::at_least.
  Mutex visible_mutex;
  CondVar visible_changed;
  std::atomic<uint32_t> visible_waiters{0};
  void PublishVisible(LogPos position);
  Status WaitVisible(LogPos position, Deadline deadline);

  // The value of a key that has these merges, the newest first, over this base
  // (util/merge_value.h), at that time. kInvalidArgument, with key and keyspace: its operator was
  // not given, or
  // refuses.
  Status ResolveMerges(std::string_view stored_key, const MergedOnto& base,
                       std::span<const std::string_view> merges, uint64_t now_us,
                       std::string* value) const;

  // Tells of damage that a read met, once for each place, with the keys of the table where it lies.
  // Not from inside a view's Guard.
  void NoteDamage(const Status& status);

  DeadRangeOffers dead_ranges;
  // When the next movement over many deleted entries may be told of (db/stepped_over.h).
  std::atomic<uint64_t> stepped_over_told_from{0};

  // Whether readers hold more memory than the budget has for them: then no new iterator, and values
  // are copied instead of pinned. Of what lies outside of the cache, `own_bytes` are the caller's
  // and count for nothing: nobody is refused because of itself.
  bool PinsExceedBudget(uint64_t own_bytes = 0);

  ViewHolder views;  // behind `cache`: its tables let go of that first

 private:
  void BecomeChild();
  TableMetaPtr TableNamed(const std::string& file) const;

  Mutex damage_mutex_;
  std::set<std::string, std::less<>> damage_told_ GUARDED_BY(damage_mutex_);

  ForkWatch fork_watch_;
};

// kClosed, or ok.
Status CheckOpen(const Core& core);
Status ClosedError(const Core& core);
// kNotFound.
Status NoKeyspace(std::string_view name);

}  // namespace logwood
