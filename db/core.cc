#include "db/core.h"

#include <algorithm>

#include "util/arena.h"

namespace logwood {

namespace {

// A table reader keeps one file descriptor.
constexpr uint32_t kOpenTablesMax = 4096;

std::shared_ptr<const View> EmptyView() {
  auto view = std::make_shared<View>();
  view->active = std::make_shared<Memtable>();
  view->version = std::make_shared<const Version>();
  return view;
}

}  // namespace

Core::Core(FileSystem* file_system, std::string directory, Settings values,
           std::unique_ptr<Executor> threads, std::unique_ptr<EventLog> event_log)
    : fs(file_system),
      path(std::move(directory)),
      settings(std::move(values)),
      executor(std::move(threads)),
      events(std::move(event_log)),
      memtable_pages(
          std::make_shared<PagePool>(Arena::kBlockBytesMax, settings.memtable_bytes / 2 * 3)),
      cache(BlockCache::Limits{.capacity_bytes = settings.capacity_bytes,
                               .blocks_bytes_max = settings.cache_bytes,
                               .pins_bytes_max = settings.pins_bytes_max}),
      tables(fs, path, &cache, &statistics.tables, kOpenTablesMax, settings.readers_bytes_max),
      held(&cache),
      views(EmptyView()) {}

bool Core::PinsExceedBudget() {
  const auto exceeds = [this] {
    if (cache.PinsFull()) return true;
    // Memtables and open tables may be over it, too; but they are nobody's to let go of.
    const uint64_t pins = cache.held_bytes() + held.bytes();
    return std::min(pins, cache.bytes_over_capacity()) > settings.pins_bytes_over_max;
  };
  if (!exceeds()) return false;
  held.Recount();
  return exceeds();
}

void Core::PublishVisible(LogPos position) {
  visible.store(position, std::memory_order_seq_cst);
  // Sequentially consistent with WaitVisible: either it sees the position or we see the waiter.
  if (visible_waiters.load(std::memory_order_seq_cst) == 0) return;
  MutexLock lock(visible_mutex);
  visible_changed.NotifyAll();
}

Status Core::WaitVisible(LogPos position, Deadline deadline) {
  MutexLock lock(visible_mutex);
  visible_waiters.fetch_add(1, std::memory_order_seq_cst);
  bool in_time = true;
  while (visible.load(std::memory_order_seq_cst) < position && in_time &&
         !closed.load(std::memory_order_acquire)) {
    in_time = visible_changed.WaitUntil(visible_mutex, deadline);
  }
  visible_waiters.fetch_sub(1, std::memory_order_seq_cst);
  if (visible.load(std::memory_order_seq_cst) >= position) return Status::Ok();
  if (closed.load(std::memory_order_acquire)) return ClosedError();
  return Status::Timeout("at_least: the database is at position " +
                         std::to_string(visible.load(std::memory_order_relaxed)) +
                         ", the read asked for " + std::to_string(position));
}

Status ClosedError() { return Status::Closed("the database is closed"); }

Status CheckOpen(const Core& core) {
  return core.closed.load(std::memory_order_acquire) ? ClosedError() : Status::Ok();
}

}  // namespace logwood
