#include "db/core.h"

#include <algorithm>

#include "db/damage.h"
#include "db/file_names.h"
#include "util/arena.h"
#include "util/escape.h"

namespace logwood {

namespace {

// A table reader keeps one file descriptor. The process has other uses for the rest.
constexpr uint64_t kOpenTablesMax = 4096;
constexpr uint64_t kOpenTablesMin = 16;
// Of so many damaged places reads tell.
constexpr size_t kDamageToldMax = 1000;

uint32_t OpenTablesMax(const FileSystem& fs) {
  return static_cast<uint32_t>(std::clamp(fs.OpenFilesMax() / 2, kOpenTablesMin, kOpenTablesMax));
}

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
      clock(executor.get()),
      events(std::move(event_log)),
      memtable_pages(std::make_shared<PagePool>(settings.memtable_block_bytes(),
                                                settings.memtable_bytes / 2 * 3)),
      cache(BlockCache::Limits{.capacity_bytes = settings.capacity_bytes,
                               .blocks_bytes_max = settings.cache_bytes,
                               .pins_bytes_max = settings.pins_bytes_max}),
      tables(fs, path, &cache, &statistics.tables, OpenTablesMax(*fs), settings.readers_bytes_max),
      held(&cache),
      views(EmptyView()),
      fork_watch_([](void* self) { static_cast<Core*>(self)->BecomeChild(); }, this) {}

std::shared_ptr<Core> Core::Make(FileSystem* file_system, std::string directory, Settings values,
                                 std::unique_ptr<Executor> threads,
                                 std::unique_ptr<EventLog> event_log) {
  auto core = std::make_unique<Core>(file_system, std::move(directory), std::move(values),
                                     std::move(threads), std::move(event_log));
  return {core.release(), [](Core* done) {
            if (!done->in_child.load(std::memory_order_relaxed)) delete done;
          }};
}

void Core::BecomeChild() {
  in_child.store(true, std::memory_order_relaxed);
  closed.store(true, std::memory_order_release);
}

bool Core::PinsExceedBudget(uint64_t own_bytes) {
  const auto exceeds = [this, own_bytes] {
    if (cache.PinsFull()) return true;
    // Memtables, open tables and jobs may be over it, too; but they are nobody's to let go of.
    const uint64_t pins = cache.held_bytes() + held.bytes();
    return std::min(pins - std::min(pins, own_bytes), cache.bytes_over_capacity()) >
           settings.pins_bytes_over_max;
  };
  if (!exceeds()) return false;
  views.Reclaim();
  held.Recount();
  return exceeds();
}

void Core::NoteDamage(const Status& status) {
  if (!status.Is(StatusCode::kCorruption)) [[likely]]
    return;
  {
    MutexLock lock(damage_mutex_);
    if (damage_told_.size() >= kDamageToldMax) return;
    if (!damage_told_.emplace(status.message()).second) return;
  }
  Damage damage = DamageFrom(status, path, "");
  if (const TableMetaPtr table = TableNamed(damage.file)) {
    SetDamagedTable(*table, &catalogue, &damage);
  }
  Event event = EventOf(damage);
  event.position = visible.load(std::memory_order_relaxed);
  event.status = status;
  event.detail = "a read met damage";
  events->Emit(std::move(event));
}

TableMetaPtr Core::TableNamed(const std::string& file) const {
  const std::optional<ParsedName> name = ParseFileName(file);
  if (!name || name->kind != NameKind::kTable) return nullptr;
  const ViewHolder::Guard view(views);
  for (const auto& level : view->version->shape().levels) {
    for (const TableMetaPtr& table : level) {
      if (table->number == name->number) return table;
    }
  }
  return nullptr;  // a compaction took it away meanwhile
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
  while (grows && visible.load(std::memory_order_seq_cst) < position && in_time &&
         !closed.load(std::memory_order_acquire)) {
    in_time = visible_changed.WaitUntil(visible_mutex, deadline);
  }
  visible_waiters.fetch_sub(1, std::memory_order_seq_cst);
  if (visible.load(std::memory_order_seq_cst) >= position) return Status::Ok();
  if (closed.load(std::memory_order_acquire)) return ClosedError(*this);
  return Status::Timeout("at_least: the database is at position " +
                         std::to_string(visible.load(std::memory_order_relaxed)) +
                         ", the read asked for " + std::to_string(position));
}

Status ClosedError(const Core& core) {
  if (!core.in_child.load(std::memory_order_relaxed)) {
    return Status::Closed("the database is closed");
  }
  return Status::Closed(core.path +
                        ": another process opened it, of which this is a fork; open it " +
                        "here once that one has closed it");
}

Status CheckOpen(const Core& core) {
  return core.closed.load(std::memory_order_acquire) ? ClosedError(core) : Status::Ok();
}

Status NoKeyspace(std::string_view name) {
  return Status::NotFound("keyspace " + Escape(name) + ": there is none with this name");
}

Status Core::ResolveMerges(std::string_view stored_key, const MergedOnto& base,
                           std::span<const std::string_view> merges, uint64_t now_us,
                           std::string* value) const {
  uint32_t keyspace = 0;
  std::string_view key;
  SplitStoredKey(stored_key, &keyspace, &key);
  const MergeOperator* merge_operator = catalogue.operators().Find(keyspace);
  if (merge_operator == nullptr) {
    return catalogue.operators().Missing(keyspace,
                                         catalogue.KeyTextOf(stored_key) + ": its keyspace");
  }
  Status resolved = logwood::ResolveMerges(*merge_operator, base, merges, now_us, value);
  if (!resolved.Is(StatusCode::kInvalidArgument)) [[likely]]
    return resolved;
  return resolved.WithContext(catalogue.KeyTextOf(stored_key));
}

}  // namespace logwood
