#include "db/read_only.h"

#include <algorithm>
#include <utility>

#include "db/catalogue_load.h"
#include "db/damage.h"
#include "db/file_names.h"
#include "db/held_files.h"
#include "db/manifest.h"
#include "db/recovery.h"
#include "db/statistics_report.h"
#include "db/verify.h"
#include "util/path.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// With a writer at work, files named by the root we read may be gone when we get to them; what the
// new root names is there. Between attempts it is given time, twice as much each time.
constexpr int kAttemptsBesideWriter = 7;
constexpr uint64_t kFirstPauseMicros = 5'000;

Result<std::shared_ptr<Core>> MakeCore(FileSystem* fs, const ReadOnlyOptions& options,
                                       const std::string& path, const TreeState& tree) {
  Options values;
  values.memory_budget_bytes = options.memory_budget_bytes;
  ASSIGN_OR_RETURN(Settings settings, SettingsOf(values, path, tree));
  auto threads = NewThreadPool(1);
  auto events = std::make_unique<EventLog>(fs, threads.get(), "", 0, options.listeners);
  auto core = Core::Make(fs, path, std::move(settings), std::move(threads), std::move(events));
  core->history_id = tree.root.history_id;
  core->instance_id = tree.root.instance_id;
  core->catalogue.SetOwner(tree.root.instance_id, path);
  GiveOperators(options.keyspaces, core.get());
  return core;
}

Status ShowLog(Core* core, const TreeState& tree, LogState* log, Status* catalogue_damage) {
  auto view = std::make_shared<View>();
  view->active = log->active;
  for (auto it = log->sealed.rbegin(); it != log->sealed.rend(); ++it) {
    view->sealed.push_back(it->memtable);
  }
  view->version = tree.version;
  core->views.Install(view);
  core->clock.Reach(log->replay.last_time_us);
  core->clock.Reach(std::max(tree.tables.time_us, tree.expired_us));
  core->visible.store(log->replay.last_position, std::memory_order_release);
  core->grows = false;
  core->recovery = DescribeRecovery(tree, *log);
  return LoadCatalogue(core, *view, log->replay.segments, log->replay.last_position,
                       catalogue_damage);
}

// Whatever the writer removes from now on stays readable here. `tables_missing`: some table was
// gone already.
Status HoldFiles(const std::string& path, const DirectoryListing& listing, const TreeState& tree,
                 HeldFiles* held, bool* tables_missing) {
  for (int level = 0; level < kLevels; ++level) {
    for (const TableMetaPtr& meta : tree.version->shape().levels[level]) {
      // A table that is lost is met by the reads that need it, as without a writer.
      ASSIGN_OR_RETURN(const bool is_there,
                       held->HoldIfThere(JoinPath(path, TableFileName(meta->number))));
      *tables_missing |= !is_there;
    }
  }
  for (uint64_t number : listing.logs) {
    RETURN_IF_ERROR(held->HoldIfThere(JoinPath(path, LogFileName(number))).status());
  }
  return Status::Ok();
}

// What an attempt to open read first: files that are gone, or do not fit, are damage only if it is
// still so.
struct TreeSeen {
  uint64_t manifest = 0;
  size_t edits = 0;
};

bool HasMoved(FileSystem* fs, const std::string& path, const TreeSeen& seen) {
  const auto root = ReadRoot(fs, path, /*for_writing=*/false);
  if (!root.ok()) return root.status().Is(StatusCode::kNotFound);
  if (root->manifest != seen.manifest) return true;
  const auto manifest = ReadManifest(fs, path, root->manifest, /*for_writing=*/false);
  if (!manifest.ok()) return manifest.status().Is(StatusCode::kNotFound);
  return manifest->states.size() != seen.edits;
}

Result<std::unique_ptr<DB>> OpenOnce(FileSystem* fs, const ReadOnlyOptions& options,
                                     const std::string& path, bool* no_database, TreeSeen* seen) {
  ReadOnlyDb::Parts parts;
  std::shared_ptr<HeldFiles> held;
  if (options.ignore_writer) {
    held = std::make_shared<HeldFiles>(fs);
    fs = held.get();
  } else {
    auto lock = fs->Lock(JoinPath(path, kLockFileName), LockMode::kShared);
    if (lock.ok()) {
      parts.lock = std::move(*lock);
    } else if (!lock.status().Is(StatusCode::kNotFound)) {
      return lock.status();
    }
  }
  ASSIGN_OR_RETURN(DirectoryListing listing, ListDirectory(fs, path));
  *no_database = HoldsNoDatabase(listing);
  if (*no_database) {
    return Status::NotFound(path + ": there is no database");
  }
  if (!listing.has_root) {
    return Status::Corruption(JoinPath(path, kRootFileName) +
                              ":0: the directory holds data files but no ROOT");
  }
  ASSIGN_OR_RETURN(TreeState tree, LoadTree(fs, path, /*for_writing=*/false));
  *seen = {tree.root.manifest, tree.states.size()};
  if (held != nullptr) {
    // The manifest may speak of a segment that began since.
    ASSIGN_OR_RETURN(listing, ListDirectory(fs, path));
    RETURN_IF_ERROR(HoldFiles(path, listing, tree, held.get(), &parts.tables_missing));
  }
  ASSIGN_OR_RETURN(parts.core, MakeCore(fs, options, path, tree));
  parts.core->owned_fs = held;
  ReplayIntoOptions replay;
  replay.memtable_bytes = parts.core->settings.memtable_bytes;
  replay.beside_writer = options.ignore_writer;
  replay.progress = options.replay_progress;
  replay.operators = &parts.core->catalogue.operators();
  LoadOperators(parts.core.get(), tree.version);
  ASSIGN_OR_RETURN(LogState log, ReplayIntoMemtables(fs, path, listing, tree, replay));
  if (!log.replay.damage.ok()) {
    if (!options.allow_damaged_log) return log.replay.damage;
    parts.log_damage = LogDamageOf(path, tree, log.replay);
  }
  for (const SegmentSummary& s : log.replay.segments) {
    parts.segments.push_back({s.number, s.first_position, s.last_position, s.length, 0});
  }
  parts.durable = std::min(log.replay.durable_point, log.replay.last_position);
  parts.memtable_bytes = log.active->bytes_used();
  for (const SealedMemtable& sealed : log.sealed) {
    parts.memtable_bytes += sealed.memtable->bytes_used();
  }
  Status catalogue_damage;
  RETURN_IF_ERROR(ShowLog(parts.core.get(), tree, &log, &catalogue_damage));
  RETURN_IF_ERROR(CheckOperatorsFit(options.keyspaces, parts.core->catalogue));
  parts.core->recovery.log_damage = parts.log_damage;
  parts.found = TailEvents(tree, log);
  if (parts.log_damage) parts.found.push_back(EventOf(*parts.log_damage));
  if (!catalogue_damage.ok()) parts.found.push_back(CatalogueDamageEvent(catalogue_damage, path));
  return std::unique_ptr<DB>(std::make_unique<ReadOnlyDb>(std::move(parts)));
}

// What an open beside a writer met may be damage, or files that the writer removed meanwhile.
bool MeetsDamage(const Result<std::unique_ptr<DB>>& opened) {
  if (!opened.ok()) return IsDamage(opened.status());
  const auto& db = static_cast<const ReadOnlyDb&>(**opened);
  return db.tables_missing() || db.log_damaged();
}

// Whether it saw a state that stood still, without a commit that was just being stored.
bool SeesStill(const Result<std::unique_ptr<DB>>& opened) {
  return opened.ok() && !MeetsDamage(opened) &&
         static_cast<const ReadOnlyDb&>(**opened).GetRecoveryInfo().unproven_tail_bytes == 0;
}

// The open that counts: of attempts that are given up nobody hears.
Result<std::unique_ptr<DB>> Told(Result<std::unique_ptr<DB>> opened) {
  if (opened.ok()) static_cast<ReadOnlyDb&>(**opened).TellOpened();
  return opened;
}

}  // namespace

Result<std::unique_ptr<DB>> DB::OpenReadOnly(const ReadOnlyOptions& options,
                                             const std::string& path) {
  FileSystem* fs = options.file_system != nullptr ? options.file_system : FileSystem::Posix();
  RETURN_IF_ERROR(CheckDatabasePath(path));
  RETURN_IF_ERROR(CheckKeyspaceOptions(options.keyspaces));
  ASSIGN_OR_RETURN(std::string absolute, fs->AbsolutePath(path));
  absolute = WithoutLastSlashes(std::move(absolute));
  bool no_database = false;
  TreeSeen seen;
  ASSIGN_OR_RETURN(const bool exists, fs->Exists(absolute));
  if (!exists) return Status::NotFound(absolute + ": there is no database");
  auto opened = OpenOnce(fs, options, absolute, &no_database, &seen);
  if (!options.ignore_writer || no_database) return Told(std::move(opened));
  const auto clock = NewThreadPool(1);
  uint64_t pause = kFirstPauseMicros;
  for (int attempt = 1; attempt < kAttemptsBesideWriter && !SeesStill(opened); ++attempt) {
    clock->SleepMicros(pause);
    pause *= 2;
    opened = OpenOnce(fs, options, absolute, &no_database, &seen);
  }
  const bool is_gone = opened.status().Is(StatusCode::kNotFound);
  if (is_gone || (MeetsDamage(opened) && HasMoved(fs, absolute, seen))) {
    return Status::Busy(absolute + ": a writer removes files while they are opened; try again" +
                        (opened.ok() ? "" : " (" + std::string(opened.status().message()) + ")"));
  }
  return Told(std::move(opened));
}

void ReadOnlyDb::TellOpened() {
  EventLog* const events = parts_.core->events.get();
  for (Event& event : parts_.found) events->Emit(std::move(event));
  parts_.found.clear();
  events->Emit(OpenedEvent(parts_.core->recovery, LastPosition()));
  told_opened_ = true;
}

Status ReadOnlyDb::Refuse() const {
  RETURN_IF_ERROR(CheckOpen(*parts_.core));
  return Status::ReadOnly("the database is open for reading only");
}

Status ReadOnlyDb::Close() {
  if (parts_.core->closed.exchange(true)) return ClosedError(*parts_.core);
  parts_.core->executor->Shutdown();
  if (told_opened_) {
    Event event;
    event.kind = EventKind::kClosed;
    event.position = LastPosition();
    parts_.core->events->Emit(std::move(event));
  }
  parts_.lock.reset();
  return Status::Ok();
}

Result<Keyspace> ReadOnlyDb::OpenOrCreateKeyspace(const WriteOptions&, std::string_view name,
                                                  LogPos* position) {
  RETURN_IF_ERROR(CheckOpen(*parts_.core));
  const std::optional<KeyspaceInfo> info = parts_.core->catalogue.Find(name);
  if (!info) return Refuse();
  if (position != nullptr) *position = info->created;
  return info->keyspace;
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
  if (parts_.core->in_child.load(std::memory_order_relaxed)) return {};
  Stats stats = ReportStatistics(*parts_.core);
  stats.durable_position = parts_.durable;
  stats.memory.memtable_bytes = parts_.memtable_bytes;
  stats.memory.used_bytes += parts_.memtable_bytes;
  for (const RetainedSegment& segment : parts_.segments) {
    ++stats.log_segments;
    stats.log_bytes += segment.bytes;
  }
  return stats;
}

}  // namespace logwood
