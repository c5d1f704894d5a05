#include "db/read_only.h"

#include <algorithm>
#include <utility>

#include "db/file_names.h"
#include "db/recovery.h"
#include "db/statistics_report.h"
#include "db/verify.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// With a writer at work, files named by the root we read may be gone when we get to them; what the
// new root names is there.
constexpr int kAttemptsBesideWriter = 5;

Result<std::shared_ptr<Core>> MakeCore(FileSystem* fs, const ReadOnlyOptions& options,
                                       const std::string& path, const TreeState& tree) {
  Options values;
  values.memory_budget_bytes = options.memory_budget_bytes;
  ASSIGN_OR_RETURN(Settings settings, ResolveSettings(values, tree.settings));
  auto threads = NewThreadPool(1);
  auto events = std::make_unique<EventLog>(fs, threads.get(), "", 0, values.listeners);
  auto core =
      std::make_shared<Core>(fs, path, std::move(settings), std::move(threads), std::move(events));
  core->history_id = tree.root.history_id;
  core->instance_id = tree.root.instance_id;
  core->catalogue.SetOwner(static_cast<uint32_t>(tree.root.instance_id.low) | 1);
  return core;
}

// Nothing is written, so what is not in tables must fit; the rest of the budget is for reading
// them.
uint64_t ReplayBytesMax(uint64_t budget_bytes) { return budget_bytes / 4 * 3; }

Status LogTooLarge(const std::string& path, uint64_t log_bytes, uint64_t budget_bytes) {
  constexpr uint64_t kMiB = 1 << 20;
  const uint64_t needed = (log_bytes / 3 * 4 / kMiB + 1) * kMiB;
  return Status::InvalidArgument(
      "memory_budget_bytes: it is " + std::to_string(budget_bytes) + "; to read " + path +
      ", whose log holds commits that take " + std::to_string(log_bytes) +
      " bytes of memory and are not in tables, it must be at least " + std::to_string(needed) +
      " (opening for writing makes tables of them)");
}

Status ShowLog(Core* core, const TreeState& tree, LogState* log) {
  auto view = std::make_shared<View>();
  view->active = log->active;
  for (auto it = log->sealed.rbegin(); it != log->sealed.rend(); ++it) {
    view->sealed.push_back(it->memtable);
  }
  view->version = tree.version;
  core->cache.AdjustReserved(static_cast<int64_t>(log->memory_bytes));
  core->views.Install(view);
  core->visible.store(log->replay.last_position, std::memory_order_release);
  core->recovery = DescribeRecovery(tree, *log);
  auto catalogue = view->NewIterator(&core->tables, {}, Catalogue::Range());
  return core->catalogue.Load(catalogue.get(), log->replay.last_position);
}

// What cannot be read any more: everything from the damage up to what was durable.
Damage DamageOf(const ReplayResult& replay) {
  Damage damage;
  damage.file = replay.damage_file;
  damage.offset = replay.damage_offset;
  damage.what = std::string(replay.damage.message());
  damage.first_position = replay.last_position + 1;
  damage.last_position = std::max(replay.durable_point, damage.first_position);
  return damage;
}

Result<std::unique_ptr<DB>> OpenOnce(FileSystem* fs, const ReadOnlyOptions& options,
                                     const std::string& path) {
  ReadOnlyDb::Parts parts;
  if (!options.ignore_writer) {
    auto lock = fs->Lock(JoinPath(path, kLockFileName), LockMode::kShared);
    if (lock.ok()) {
      parts.lock = std::move(*lock);
    } else if (!lock.status().Is(StatusCode::kNotFound)) {
      return lock.status();
    }
  }
  ASSIGN_OR_RETURN(DirectoryListing listing, ListDirectory(fs, path));
  if (HoldsNoDatabase(listing)) {
    return Status::NotFound(path + ": there is no database");
  }
  if (!listing.has_root) {
    return Status::Corruption(JoinPath(path, kRootFileName) +
                              ":0: the directory holds data files but no ROOT");
  }
  ASSIGN_OR_RETURN(TreeState tree, LoadTree(fs, path, /*for_writing=*/false));
  ASSIGN_OR_RETURN(parts.core, MakeCore(fs, options, path, tree));
  ReplayIntoOptions replay;
  replay.memtable_bytes = parts.core->settings.memtable_bytes;
  replay.memory_bytes_max = ReplayBytesMax(options.memory_budget_bytes);
  ASSIGN_OR_RETURN(LogState log, ReplayIntoMemtables(fs, path, listing, tree, replay));
  if (!log.replay.damage.ok()) {
    if (!options.allow_damaged_log) return log.replay.damage;
    parts.log_damage = DamageOf(log.replay);
  }
  if (log.memory_bytes > replay.memory_bytes_max) {
    return LogTooLarge(path, log.memory_bytes, options.memory_budget_bytes);
  }
  for (const SegmentSummary& s : log.replay.segments) {
    parts.segments.push_back({s.number, s.first_position, s.last_position, s.length, 0});
  }
  parts.durable = log.replay.durable_point;
  RETURN_IF_ERROR(ShowLog(parts.core.get(), tree, &log));
  return std::unique_ptr<DB>(std::make_unique<ReadOnlyDb>(std::move(parts)));
}

}  // namespace

Result<std::unique_ptr<DB>> DB::OpenReadOnly(const ReadOnlyOptions& options,
                                             const std::string& path) {
  FileSystem* fs = options.file_system != nullptr ? options.file_system : FileSystem::Posix();
  ASSIGN_OR_RETURN(const std::string absolute, fs->AbsolutePath(path));
  auto opened = OpenOnce(fs, options, absolute);
  for (int attempt = 1; attempt < kAttemptsBesideWriter && options.ignore_writer; ++attempt) {
    // A commit that the writer is just storing looks like a tail, and is whole the next time.
    if (opened.ok() && (*opened)->GetRecoveryInfo().unproven_tail_bytes == 0) break;
    if (opened.status().Is(StatusCode::kInvalidArgument)) break;
    opened = OpenOnce(fs, options, absolute);
  }
  return opened;
}

Status ReadOnlyDb::Refuse() const {
  RETURN_IF_ERROR(CheckOpen(*parts_.core));
  return Status::ReadOnly("the database is open for reading only");
}

Status ReadOnlyDb::Close() {
  if (parts_.core->closed.exchange(true)) return ClosedError();
  parts_.core->executor->Shutdown();
  parts_.lock.reset();
  return Status::Ok();
}

Status ReadOnlyDb::Verify(const std::function<void(const Damage&)>& report,
                          const std::function<void(uint64_t, uint64_t)>& progress) {
  RETURN_IF_ERROR(CheckOpen(*parts_.core));
  VerifyInput input;
  input.last_position = LastPosition();
  input.segments = parts_.segments;
  input.log = parts_.log_damage;
  return VerifyDatabase(*parts_.core, input, report, progress);
}

Stats ReadOnlyDb::GetStats() {
  Stats stats = ReportStatistics(*parts_.core);
  stats.durable_position = parts_.durable;
  const std::shared_ptr<const View> view = parts_.core->views.Share();
  stats.memory.memtable_bytes = view->active->bytes_used();
  for (const auto& memtable : view->sealed) stats.memory.memtable_bytes += memtable->bytes_used();
  for (const RetainedSegment& segment : parts_.segments) {
    ++stats.log_segments;
    stats.log_bytes += segment.bytes;
  }
  return stats;
}

}  // namespace logwood
