// DB::Open: from a directory to a running engine, in the order that survives a crash at any step.
#include <algorithm>
#include <new>
#include <set>

#include "db/catalogue_load.h"
#include "db/damage.h"
#include "db/engine.h"
#include "db/epochs.h"
#include "db/file_names.h"
#include "db/file_ownership.h"
#include "db/flush_job.h"
#include "db/guarded_file_system.h"
#include "db/recovery.h"
#include "db/segment_head.h"
#include "util/check.h"
#include "util/path.h"
#include "util/random.h"
#include "util/status_macros.h"
#include "util/thread_scratch.h"
#include "wal/log_format.h"

namespace logwood {

namespace {

// Below the largest number a name can have by more than one life of a database takes.
constexpr uint64_t kFileNumberStartMax = uint64_t{1} << 55;
constexpr uint64_t kRewriteBytes = 1 << 20;
// Commits that are not in tables yet may lie in so many segments when a database was opened.
constexpr ptrdiff_t kReplayedSegmentsMax = 16;

// One open, step by step. Each step's result is a member the next one uses.
class Opener {
 public:
  Opener(const Options& options, FileSystem* fs, const std::string& path)
      : options_(options),
        guard_(std::make_shared<GuardedFileSystem>(fs)),
        fs_(guard_.get()),
        path_(path) {}

  Result<std::unique_ptr<DB>> Run() {
    RETURN_IF_ERROR(PrepareDirectory());
    RETURN_IF_ERROR(fresh_ ? StartFresh() : LoadExisting());
    RETURN_IF_ERROR(MakeCore());
    uint64_t begin = core_->executor->NowNanos();
    Status replayed = Replay();
    if (replayed.ok()) replayed = SpillFromManySegments();
    if (replayed.ok()) replayed = LoadKeyspaces();
    if (replayed.ok()) ReportTails();
    if (replayed.ok()) replayed = SecureLog();
    if (!replayed.ok()) {
      RemoveSpilled();
      return replayed;
    }
    RETURN_IF_ERROR(StartEpochAndManifest());
    Result<std::vector<Damage>> tables =
        CheckTableFiles(fs_, path_, *live_tree_->version(), &core_->catalogue);
    tables_are_there_ = tables.ok() && tables->empty();
    if (tables.ok()) damages_ = std::move(*tables);
    RemoveLeftovers();
    RETURN_IF_ERROR(StartLog());
    RemoveObsoleteSegments();
    core_->recovery.micros = (core_->executor->NowNanos() - begin) / 1000;
    Report();
    return Finish();
  }

 private:
  Status PrepareDirectory();
  Status CheckFresh() const;
  Status StartFresh();
  Status LoadExisting();
  Status MakeCore();
  Status Replay();
  Status Spill(const SealedMemtable& sealed);
  void RemoveSpilled();
  Status SpillFromManySegments();
  View Replayed() const;
  Status LoadKeyspaces();
  Status SecureLog();
  Result<uint64_t> NewestSoundSegment() const;
  Status MakeDurable(size_t index);
  Status MendHead(size_t index, LogFile* file);
  Status StartEpochAndManifest();
  Status StartLog();
  bool IsForeign(const std::string& name) const;
  void TellRemoved(const std::vector<std::string>& names);
  void RemoveLeftovers();
  void RemoveObsoleteSegments();
  void ReportTails();
  void Report();
  Result<std::unique_ptr<DB>> Finish();
  std::vector<RetainedSegment> OldSegments() const;

  const Options& options_;
  const std::shared_ptr<GuardedFileSystem> guard_;
  FileSystem* const fs_;
  const std::string path_;
  bool fresh_ = false;
  std::unique_ptr<FileLock> lock_;
  DirectoryListing listing_;
  TreeState tree_;
  Settings settings_;
  std::shared_ptr<Core> core_;
  LogState log_state_;
  Edit spilled_;  // tables made while replaying
  uint64_t next_number_ = 1;
  uint64_t durable_segment_ = 0;         // what the new manifest says of it
  std::vector<uint64_t> not_continued_;  // segments without commits at the log's end
  std::unique_ptr<Tree> live_tree_;
  std::unique_ptr<CommitLog> log_;
  std::vector<Damage> damages_;  // of table files, as seen from outside
  bool tables_are_there_ = false;
  Status catalogue_damage_;  // the keyspaces were read from the log instead
};

Status Opener::PrepareDirectory() {
  RETURN_IF_ERROR(CheckDatabasePath(path_));
  ASSIGN_OR_RETURN(bool exists, fs_->Exists(path_));
  if (!exists && !options_.create_if_missing) {
    return Status::NotFound(path_ + ": there is no database (create_if_missing is false)");
  }
  // Values out of range are refused before anything is created.
  if (options_.snapshot_age_warning < std::chrono::seconds(0)) {
    return Status::InvalidArgument("snapshot_age_warning: it is negative");
  }
  RETURN_IF_ERROR(ResolveSettings(options_, std::nullopt).status());
  RETURN_IF_ERROR(CheckKeyspaceOptions(options_.keyspaces));
  ASSIGN_OR_RETURN(const bool has_root, fs_->Exists(JoinPath(path_, kRootFileName)));
  if (exists && !has_root) {
    ASSIGN_OR_RETURN(listing_, ListDirectory(fs_, path_));
  }
  if (!has_root && HoldsNoDatabase(listing_)) {
    // Nothing is left in a directory that is none of ours, not even LOCK.
    if (!options_.create_if_missing) return CheckFresh();
    RETURN_IF_ERROR(CheckNotInDatabase(fs_, path_));
  }
  if (!exists) {
    const Status made = fs_->CreateDirectory(path_);
    // That would say that there is no database: here none can be made (a link to nowhere above).
    if (made.Is(StatusCode::kNotFound)) return Status::IoError(made.message());
    RETURN_IF_ERROR(Status(made));
  }
  ASSIGN_OR_RETURN(lock_, fs_->Lock(JoinPath(path_, kLockFileName), LockMode::kExclusive));
  // Behind the lock: before it, another process might put another directory in this one's place.
  RETURN_IF_ERROR(guard_->Guard(path_));
  ASSIGN_OR_RETURN(listing_, ListDirectory(fs_, path_));
  fresh_ = !listing_.has_root;
  if (!fresh_ && options_.error_if_exists) {
    return Status::AlreadyExists(path_ + ": there is a database (error_if_exists is true)");
  }
  if (!fresh_) return Status::Ok();
  RETURN_IF_ERROR(CheckFresh());
  // Who made the directory may have died before its name was durable.
  return exists ? fs_->CreateDirectory(path_) : Status::Ok();
}

// Invariant 19.
Status Opener::CheckFresh() const {
  if (HoldsNoDatabase(listing_)) {
    if (options_.create_if_missing) return Status::Ok();
    return Status::NotFound(path_ + ": there is no database (create_if_missing is false)");
  }
  return Status::Corruption(JoinPath(path_, kRootFileName) +
                            ":0: the directory holds data files but no ROOT; it will not be taken "
                            "for an empty database");
}

Status Opener::StartFresh() {
  ASSIGN_OR_RETURN(settings_, ResolveSettings(options_, std::nullopt));
  if (!listing_.manifests.empty() && listing_.manifests.front() == next_number_) {
    // What the making of a database left that was cut short is written again. Another's is not.
    ASSIGN_OR_RETURN(const bool ours, MayBeOurs(fs_, path_, ManifestFileName(next_number_)));
    if (!ours) next_number_ = kFirstManifestMax;
  }
  tree_.root.history_id = NewId();
  tree_.root.instance_id = NewId();
  tree_.epochs.push_back(Epoch{1, NewId().low, 1});
  tree_.version = std::make_shared<const Version>();
  return Status::Ok();
}

Status Opener::LoadExisting() {
  ASSIGN_OR_RETURN(tree_, LoadTree(fs_, path_, /*for_writing=*/true));
  ASSIGN_OR_RETURN(settings_, SettingsOf(options_, path_, tree_));
  next_number_ = std::max(tree_.next_file_number, listing_.largest_number + 1);
  if (next_number_ > kFileNumberStartMax) {
    return Status::Corruption(path_ + ": it holds a file with number " +
                              std::to_string(next_number_ - 1) +
                              ", which no database comes to: a foreign file, to be removed");
  }
  return Status::Ok();
}

Status Opener::MakeCore() {
  auto threads = NewThreadPool(settings_.background_threads);
  RETURN_IF_ERROR(threads->Start().WithContext(path_));
  auto events = std::make_unique<EventLog>(fs_, threads.get(), path_, settings_.event_log_bytes,
                                           options_.listeners);
  core_ = Core::Make(fs_, path_, settings_, std::move(threads), std::move(events));
  core_->owned_fs = guard_;
  core_->history_id = tree_.root.history_id;
  core_->instance_id = tree_.root.instance_id;
  core_->catalogue.SetOwner(tree_.root.instance_id, path_);
  GiveOperators(options_.keyspaces, core_.get());
  return Status::Ok();
}

// While replaying, memtables that do not fit into memory become tables; they join the version with
// the manifest that this open writes.
Status Opener::Spill(const SealedMemtable& sealed) {
  SinkOptions sink;
  sink.fs = fs_;
  sink.directory = path_;
  sink.table = settings_.table_options();
  sink.next_number = [this] { return next_number_++; };
  sink.created_us = sealed.end.time_us;
  MemoryAccount account(&core_->cache, MemoryAccount::Of::kJob);
  sink.account = &account;
  SurvivalRules keep_newest;
  keep_newest.operators = &core_->catalogue.operators();
  ASSIGN_OR_RETURN(SinkResult result, RunFlush({&sealed, 1}, keep_newest, sink));
  for (TableMeta& meta : result.tables) spilled_.added.emplace_back(0, std::move(meta));
  spilled_.tables = sealed.end;
  return Status::Ok();
}

// An open that fails again and again must not fill the disk.
void Opener::RemoveSpilled() {
  for (const auto& [level, table] : spilled_.added) {
    static_cast<void>(fs_->Remove(JoinPath(path_, TableFileName(table.number))));
  }
}

Status Opener::Replay() {
  if (fresh_) {
    log_state_.active = std::make_shared<Memtable>(core_->memtable_pages);
    return Status::Ok();
  }
  ReplayIntoOptions replay;
  replay.memtable_bytes = settings_.memtable_bytes;
  replay.sealed_max = 1;
  replay.progress = options_.replay_progress;
  replay.memtable_pages = core_->memtable_pages;
  replay.spill = [this](const SealedMemtable& sealed) { return Spill(sealed); };
  replay.operators = &core_->catalogue.operators();
  LoadOperators(core_.get(), tree_.version);
  ASSIGN_OR_RETURN(log_state_, ReplayIntoMemtables(fs_, path_, listing_, tree_, replay));
  return log_state_.replay.damage;
}

// Who opens the database for one write and closes it again leaves a short segment each time. Every
// later open has to read and sync them all, so beyond some number what they hold becomes tables and
// they go. Here and not in the background: such an open may be closed before that came to it.
Status Opener::SpillFromManySegments() {
  const ReplayResult& replay = log_state_.replay;
  const auto needed = std::count_if(
      replay.segments.begin(), replay.segments.end(), [this](const SegmentSummary& segment) {
        return segment.last_position > tree_.tables.position && !segment.empty();
      });
  if (needed <= kReplayedSegmentsMax) return Status::Ok();
  const TablesState end{replay.last_position, replay.last_time_us, replay.history_hash};
  log_state_.sealed.push_back({std::move(log_state_.active), end});
  log_state_.active = std::make_shared<Memtable>();
  for (const SealedMemtable& sealed : log_state_.sealed) RETURN_IF_ERROR(Spill(sealed));
  log_state_.sealed.clear();
  return Status::Ok();
}

// Before anything is written, since it may fail; and while all segments are there: the newest may
// hold no commit, and yet the only catalogue.
View Opener::Replayed() const {
  View view{log_state_.active, {}, tree_.version};
  for (const SealedMemtable& sealed : log_state_.sealed) {
    view.sealed.insert(view.sealed.begin(), sealed.memtable);
  }
  return view;
}

Status Opener::LoadKeyspaces() {
  ASSIGN_OR_RETURN(tree_.version, tree_.version->Apply(spilled_, nullptr));
  RETURN_IF_ERROR(LoadCatalogue(core_.get(), Replayed(), log_state_.replay.segments,
                                log_state_.replay.last_position, &catalogue_damage_));
  return CheckOperatorsFit(options_.keyspaces, core_->catalogue);
}

// Invariant 14: what was replayed is made durable before anything refers to it or builds on it;
// what lies behind the log's end is removed before positions are given again. All of it may be
// repeated. Names that came or went wait for the sync of the directory that precedes the new ROOT.
Status Opener::SecureLog() {
  for (size_t i = 0; i < log_state_.replay.segments.size(); ++i) {
    // Of one without commits the head counts: the manifest will name it, or a later one, as
    // durable.
    const SegmentSummary& segment = log_state_.replay.segments[i];
    if (std::max(segment.first_position, segment.last_position) <= tree_.tables.position) continue;
    RETURN_IF_ERROR(MakeDurable(i));
  }
  // Segments at the end that hold nothing (an earlier open made them and wrote no commit) are not
  // continued, or they would pile up behind one that is still needed. Their files go when
  // nothing refers to them any more. But where the one before is damaged the first of them stays:
  // the next segment needs one to follow.
  std::vector<SegmentSummary>& segments = log_state_.replay.segments;
  size_t kept = segments.size();
  while (kept > 0 && segments[kept - 1].empty()) --kept;
  if (kept > 0 && kept < segments.size() && !segments[kept - 1].whole) ++kept;
  for (size_t i = kept; i < segments.size(); ++i) not_continued_.push_back(segments[i].number);
  segments.resize(kept);
  ASSIGN_OR_RETURN(durable_segment_, NewestSoundSegment());
  for (uint64_t number : log_state_.replay.discarded) {
    RETURN_IF_ERROR(fs_->Remove(JoinPath(path_, LogFileName(number))));
  }
  // Left over from a crash. If it cannot go, ROOT cannot be switched: say so before writing more.
  if (listing_.has_root_new) {
    const std::string root_new = JoinPath(path_, kRootNewFileName);
    const Status removed = fs_->Remove(root_new);
    if (!removed.ok()) {
      return Status(removed.code(), std::string(removed.message()) +
                                        "; ROOT is switched by way of this name: move it away");
    }
  }
  return Status::Ok();
}

// The newest segment that the manifest can name as durable: the next open relies on it. With
// commits (in tables, or SecureLog saw to them), or with its head as it was meant.
Result<uint64_t> Opener::NewestSoundSegment() const {
  const std::vector<SegmentSummary>& segments = log_state_.replay.segments;
  for (size_t i = segments.size(); i-- > 0;) {
    const SegmentSummary& segment = segments[i];
    if (!segment.whole) continue;
    if (!segment.empty()) return segment.number;
    ASSIGN_OR_RETURN(auto file,
                     fs_->OpenRandomAccess(JoinPath(path_, LogFileName(segment.number))));
    ASSIGN_OR_RETURN(const std::optional<HeadFlaw> flaw, FindHeadFlaw(*file, /*is_end=*/true));
    if (!flaw) return segment.number;
  }
  return 0;
}

Status Opener::StartEpochAndManifest() {
  core_->recovery = fresh_ ? RecoveryInfo{} : DescribeRecovery(tree_, log_state_);
  const LogPos last = log_state_.replay.last_position;
  if (!fresh_ && !tree_.clean_close) {
    // Positions beyond what we found may have been seen by somebody: history may fork here.
    tree_.epochs.push_back(Epoch{tree_.epochs.back().number + 1, NewId().low, last + 1});
  }
  const auto& segments = log_state_.replay.segments;
  const LogPos log_begin = segments.empty() ? last + 1 : segments.front().first_position;
  tree_.epochs = RememberedEpochs(std::move(tree_.epochs), log_begin);
  core_->recovery.epoch = tree_.epochs.back().number;
  VersionSet::Start start;
  start.fs = fs_;
  start.directory = path_;
  start.root = tree_.root;
  start.settings = settings_.EncodeStored();
  start.epochs = tree_.epochs;
  start.tables = spilled_.tables.value_or(tree_.tables);
  start.version = tree_.version;
  start.next_file_number = next_number_;
  start.durable = last;  // SecureLog saw to it
  start.expired_us = tree_.expired_us;
  // The oldest segment with a commit that is not in tables; none: the one about to be made.
  start.first_segment = 0;
  for (const SegmentSummary& segment : log_state_.replay.segments) {
    if (segment.last_position <= start.tables.position) continue;
    start.first_segment = segment.number;
    break;
  }
  start.durable_segment = durable_segment_;
  bool may_show = false;
  auto versions = VersionSet::Create(std::move(start), &may_show);
  if (!versions.ok()) {
    if (!may_show) RemoveSpilled();
    return versions.status();
  }
  live_tree_ = std::make_unique<Tree>(core_.get(), std::move(*versions),
                                      std::move(log_state_.sealed), log_state_.active);
  core_->clock.Reach(log_state_.replay.last_time_us);
  core_->clock.Reach(std::max(tree_.tables.time_us, tree_.expired_us));
  core_->visible.store(last, std::memory_order_release);
  return Status::Ok();
}

// After an unclean close a sync alone proves nothing: if an earlier one failed, the kernel may have
// kept the bytes in memory marked as clean, and they are what replay read. Storing the same bytes
// again makes them dirty, so that this sync really writes them. Bytes that do not change cannot
// tear.
Status Opener::MakeDurable(size_t index) {
  SegmentSummary& segment = log_state_.replay.segments[index];
  const std::string path = JoinPath(path_, LogFileName(segment.number));
  ASSIGN_OR_RETURN(auto file, fs_->OpenLogFile(path));
  // Of one without commits, which ends before it begins, the head is what counts.
  const LogPos end = std::max(segment.first_position, segment.last_position);
  if (!tree_.clean_close && end > log_state_.replay.durable_point) {
    RETURN_IF_ERROR(MendHead(index, file.get()));
    ASSIGN_OR_RETURN(auto reader, fs_->OpenRandomAccess(path));
    if (segment.empty()) {
      ASSIGN_OR_RETURN(segment.file_bytes, reader->Size());
      segment.length = std::min(segment.file_bytes, std::max(segment.length, kCatalogueOffset));
    }
    std::string chunk(std::min<uint64_t>(kRewriteBytes, segment.length), '\0');
    for (uint64_t at = 0; at < segment.length; at += chunk.size()) {
      size_t want = static_cast<size_t>(std::min<uint64_t>(chunk.size(), segment.length - at));
      ASSIGN_OR_RETURN(size_t got, reader->Read(at, want, chunk.data()));
      if (got != want) return Status::IoError(path + ": it became shorter while it was read");
      RETURN_IF_ERROR(file->Store(at, std::string_view(chunk).substr(0, got)));
    }
  }
  RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

// Only of what no sync was ever promised: elsewhere it would hide damage.
Status Opener::MendHead(size_t index, LogFile* file) {
  const std::vector<SegmentSummary>& segments = log_state_.replay.segments;
  const SegmentSummary& segment = segments[index];
  const bool synced = segment.first_position <= log_state_.replay.durable_point ||
                      segment.number <= tree_.durable_segment;
  if (synced) return Status::Ok();
  SegmentHeadMend mend;
  mend.fs = fs_;
  mend.directory = path_;
  mend.segments.assign(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(index) + 1);
  mend.load = [this](LogPos position, Catalogue* catalogue) {
    auto tree = Replayed().NewIterator(&core_->tables, {}, Catalogue::Range(), kPositionMax);
    return catalogue->Load(tree.get(), position);
  };
  return MendSegmentHead(mend, file);
}

std::vector<RetainedSegment> Opener::OldSegments() const {
  std::vector<RetainedSegment> old;
  for (const SegmentSummary& s : log_state_.replay.segments) {
    old.push_back({s.number, s.first_position, s.last_position, s.length, s.last_time_us});
  }
  return old;
}

Status Opener::StartLog() {
  const LogPos last = log_state_.replay.last_position;
  CommitLog::Options options;
  options.fs = fs_;
  options.directory = path_;
  options.executor = core_->executor.get();
  options.statistics = &core_->statistics;
  options.next_header = [core = core_.get(), versions = &live_tree_->versions()] {
    SegmentHeader header;
    header.number = versions->NewFileNumber();
    header.file_id = NewId();
    header.history_id = core->history_id;
    header.instance_id = core->instance_id;
    header.epoch = versions->current_epoch();
    header.epoch_tag = versions->current_epoch_tag();
    header.manifest = versions->manifest_state();
    header.catalogue_position = core->catalogue.position();
    header.catalogue = core->catalogue.Encode();
    return header;
  };
  options.slow_sync = [core = core_.get()](uint64_t micros, bool under_way) {
    Event event;
    event.kind = EventKind::kSlowSync;
    event.position = core->visible.load(std::memory_order_relaxed);
    event.micros = micros;
    event.detail = under_way ? "a sync of the log is still under way" : "a sync of the log ended";
    core->events->Emit(std::move(event));
  };
  CommitLog::Start start;
  start.last_position = last;
  start.last_time_us = log_state_.replay.last_time_us;
  start.history_hash = log_state_.replay.history_hash;
  start.segments = OldSegments();
  // One that was cut within its header ends nowhere: the chain begins anew behind it.
  if (!log_state_.replay.segments.empty() &&
      log_state_.replay.segments.back().length >= kCatalogueOffset) {
    start.predecessor = log_state_.replay.segments.back().number;
    start.predecessor_length = log_state_.replay.segments.back().length;
  }
  ASSIGN_OR_RETURN(log_, CommitLog::Open(std::move(options), start));
  return Status::Ok();
}

// By its first bytes; also what cannot be read.
bool Opener::IsForeign(const std::string& name) const {
  const Result<bool> ours = MayBeOurs(fs_, path_, name);
  return !ours.ok() || !*ours;
}

// Before they are removed, as with tails.
void Opener::TellRemoved(const std::vector<std::string>& names) {
  constexpr size_t kNamedMax = 20;
  if (names.empty()) return;
  Event event;
  event.kind = EventKind::kFilesRemoved;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) {
    event.detail += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kNamedMax) {
    event.detail += " and " + std::to_string(names.size() - kNamedMax) + " more";
  }
  core_->events->Emit(std::move(event));
}

// Manifests and tables. Only now, when ROOT and the manifest are durable, does nothing refer to
// these any more. Before anything else can fail: who is opened again and again without success must
// not fill the disk. Best effort: what stays is removed by a later open.
void Opener::RemoveLeftovers() {
  // Invariant 17. With tables missing ROOT or the manifest may be an older copy; then another is
  // the only one that knows, and tables that it does not know are the newer data.
  if (!tables_are_there_) return;
  std::vector<std::string> names, replaced;
  for (uint64_t number : listing_.manifests) {
    if (number == live_tree_->versions().manifest_state().number) continue;
    // This open has put another in the place of that of before: no leftover.
    auto& list = number == tree_.root.manifest ? replaced : names;
    list.push_back(ManifestFileName(number));
  }
  std::set<uint64_t> live;
  for (const auto& level : live_tree_->version()->shape().levels) {
    for (const TableMetaPtr& meta : level) live.insert(meta->number);
  }
  for (uint64_t number : listing_.tables) {
    if (!live.contains(number)) names.push_back(TableFileName(number));
  }
  // Others' files of such names are nobody's to remove.
  std::erase_if(names, [this](const std::string& name) { return IsForeign(name); });
  TellRemoved(names);
  names.insert(names.end(), replaced.begin(), replaced.end());
  for (const std::string& name : names) static_cast<void>(fs_->Remove(JoinPath(path_, name)));
}

// Those without commits that are not continued; what replay did not count SecureLog removed. Best
// effort.
void Opener::RemoveObsoleteSegments() {
  for (const uint64_t number : not_continued_) {
    static_cast<void>(fs_->Remove(JoinPath(path_, LogFileName(number))));
  }
}

// Before anything of them is removed: an open that fails or is killed behind that leaves no trace.
void Opener::ReportTails() {
  for (Event& tail : TailEvents(tree_, log_state_)) core_->events->Emit(std::move(tail));
  std::vector<std::string> others;
  for (uint64_t number : log_state_.replay.cut_off) {
    others.push_back(LogFileName(number) + " (a segment before one that is gone)");
  }
  for (uint64_t number : log_state_.replay.foreign) {
    others.push_back(LogFileName(number) + " (a segment of another database)");
  }
  for (uint64_t number : log_state_.replay.misnamed) {
    others.push_back(LogFileName(number) + " (a segment of another number)");
  }
  for (uint64_t number : log_state_.replay.discarded) {
    if (IsForeign(LogFileName(number))) {
      others.push_back(LogFileName(number) + " (no segment, by its first bytes)");
    }
  }
  if (listing_.has_root_new && IsForeign(kRootNewFileName)) {
    others.push_back(std::string(kRootNewFileName) + " (no ROOT, by its first bytes)");
  }
  TellRemoved(others);
}

void Opener::Report() {
  for (const Damage& damage : damages_) core_->events->Emit(EventOf(damage));
  if (!catalogue_damage_.ok()) {
    core_->events->Emit(CatalogueDamageEvent(catalogue_damage_, path_));
  }
  Event opened = OpenedEvent(core_->recovery, log_state_.replay.last_position);
  if (fresh_) opened.detail = "created";
  core_->events->Emit(std::move(opened));
}

Result<std::unique_ptr<DB>> Opener::Finish() {
  Engine::Parts parts;
  parts.core = core_;
  parts.lock = std::move(lock_);
  parts.tree = std::move(live_tree_);
  parts.log = std::move(log_);
  parts.snapshot_age_warning = options_.snapshot_age_warning;
  parts.keyspaces = {options_.keyspaces.begin(), options_.keyspaces.end()};
  auto engine = std::make_unique<Engine>(std::move(parts));
  RETURN_IF_ERROR(engine->RecordOperators());
  return std::unique_ptr<DB>(std::move(engine));
}

}  // namespace

Result<std::unique_ptr<DB>> DB::Open(const Options& options, const std::string& path) {
  FileSystem* fs = options.file_system != nullptr ? options.file_system : FileSystem::Posix();
  std::string absolute;
  if (!path.empty()) {
    ASSIGN_OR_RETURN(absolute, fs->AbsolutePath(path));
  }
  return Opener(options, fs, WithoutLastSlashes(std::move(absolute))).Run();
}

Status DB::Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
               std::string* value) {
  if (value == nullptr) return Status::InvalidArgument("value: it is null");
  PinnedValue& pinned = ThreadScratch<PinnedValue, struct GetIntoString>();
  RETURN_IF_ERROR(Get(options, keyspace, key, &pinned));
  Status copied;
  try {
    value->assign(pinned.view());
  } catch (const std::bad_alloc&) {
    copied =
        Status::Busy("no memory for a value of " + std::to_string(pinned.view().size()) + " bytes");
  }
  pinned.Reset();
  return copied;
}

}  // namespace logwood
