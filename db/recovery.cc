#include "db/recovery.h"

#include <algorithm>

#include "db/damage.h"
#include "db/file_names.h"
#include "db/file_ownership.h"
#include "db/fold.h"
#include "db/manifest_scan.h"
#include "db/segment_head.h"
#include "util/escape.h"
#include "util/file_header.h"
#include "util/status_macros.h"
#include "wal/log_format.h"
#include "wal/segments.h"

namespace logwood {

bool HoldsNoDatabase(const DirectoryListing& listing) {
  return !listing.has_root && !listing.lost_root && listing.logs.empty() &&
         listing.tables.empty() &&
         (listing.manifests.empty() || listing.manifests.back() <= kFirstManifestMax);
}

Status CheckNotInDatabase(FileSystem* fs, const std::string& path) {
  for (const std::string& above : fs->DirectoriesAbove(path)) {
    const Result<bool> has_root = BeginsAsOurs(fs, JoinPath(above, kRootFileName));
    if (!has_root.ok() || !*has_root) continue;
    return Status::InvalidArgument("it would lie in the database " + above).WithContext(path);
  }
  return Status::Ok();
}

Result<DirectoryListing> ListDirectory(FileSystem* fs, const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs->List(path));
  DirectoryListing listing;
  for (const std::string& name : names) {
    auto parsed = ParseFileName(name);
    if (!parsed) continue;
    listing.largest_number = std::max(listing.largest_number, parsed->number);
    switch (parsed->kind) {
      case NameKind::kLog:
        listing.logs.push_back(parsed->number);
        break;
      case NameKind::kTable:
        listing.tables.push_back(parsed->number);
        break;
      case NameKind::kManifest:
        listing.manifests.push_back(parsed->number);
        break;
      case NameKind::kRoot:
        listing.has_root = true;
        break;
      case NameKind::kRootNew:
        listing.has_root_new = true;
        break;
      default:
        break;
    }
  }
  std::sort(listing.logs.begin(), listing.logs.end());
  std::sort(listing.tables.begin(), listing.tables.end());
  std::sort(listing.manifests.begin(), listing.manifests.end());
  if (!HoldsNoDatabase(listing)) return listing;
  for (const uint64_t number : listing.manifests) {
    const auto scan = ScanManifest(fs, path, number);
    if (!scan.ok() && !IsDamage(scan.status())) return scan.status();
    if (!scan.ok() || scan->edits.size() < 2) continue;
    // Edits are appended behind ROOT, which a writer may have written since the names were listed.
    ASSIGN_OR_RETURN(const bool has_root, fs->Exists(JoinPath(path, kRootFileName)));
    listing.lost_root |= !has_root;
  }
  return listing;
}

namespace {

Status AddUp(const Edit& edit, TreeState* tree,
             std::map<uint64_t, std::pair<int, TableMeta>>* live) {
  if (edit.history_id) tree->root.history_id = *edit.history_id;
  if (edit.instance_id) tree->root.instance_id = *edit.instance_id;
  if (edit.settings) tree->settings = *edit.settings;
  tree->epochs.insert(tree->epochs.end(), edit.epochs.begin(), edit.epochs.end());
  if (edit.next_file_number) tree->next_file_number = *edit.next_file_number;
  if (edit.tables && edit.tables->position > kPositionsUsableMax) {
    return Status::Corruption("the tables reach to position " +
                              std::to_string(edit.tables->position) + ", which no log gives");
  }
  if (edit.tables) tree->tables = *edit.tables;
  if (edit.first_segment) tree->first_segment = *edit.first_segment;
  if (edit.durable) tree->durable = std::max(tree->durable, *edit.durable);
  if (edit.expired_us) tree->expired_us = std::max(tree->expired_us, *edit.expired_us);
  if (edit.durable_segment) {
    tree->durable_segment = std::max(tree->durable_segment, *edit.durable_segment);
  }
  tree->clean_close = edit.clean_close;  // only the last edit's word counts: invariant 18
  for (const auto& [level, number] : edit.removed) {
    const auto at = live->find(number);
    if (at == live->end() || at->second.first != level) {
      return Status::Corruption("an edit removes " + TableFileName(number) + " from level " +
                                std::to_string(level) + ", where it is not");
    }
    live->erase(at);
  }
  for (const auto& [level, meta] : edit.added) {
    if (!live->insert({meta.number, {level, meta}}).second) {
      return Status::Corruption("an edit adds " + TableFileName(meta.number) +
                                ", which is there already");
    }
  }
  return Status::Ok();
}

// An edit's tables are removed only after the edit that removes them is durable. So where a table
// is gone, what looks like a torn append was whole once, and what it added is the newer state.
Status CheckTailWasTorn(FileSystem* fs, const std::string& path, const TreeState& tree) {
  if (tree.manifest_tail_bytes == 0) return Status::Ok();
  ASSIGN_OR_RETURN(const std::vector<Damage> gone,
                   CheckTableFiles(fs, path, *tree.version, nullptr));
  if (gone.empty()) return Status::Ok();
  return Status::Corruption(JoinPath(path, ManifestFileName(tree.root.manifest)) + ":" +
                            std::to_string(tree.manifest_tail_offset) +
                            ": the last edit cannot be read, and it was durable: " +
                            gone.front().file + " of the state before it is gone");
}

}  // namespace

Result<TreeState> LoadTree(FileSystem* fs, const std::string& path, bool for_writing) {
  TreeState tree;
  ASSIGN_OR_RETURN(tree.root, ReadRoot(fs, path, for_writing));
  const Root root = tree.root;
  ASSIGN_OR_RETURN(ManifestContents contents, ReadManifest(fs, path, root.manifest, for_writing));
  tree.manifest_writer = contents.writer;
  std::map<uint64_t, std::pair<int, TableMeta>> live;
  const std::string name = JoinPath(path, ManifestFileName(root.manifest));
  for (size_t i = 0; i < contents.edits.size(); ++i) {
    const uint64_t offset = contents.offsets[i];
    if (contents.edits[i].settings) tree.settings_offset = offset;
    const Status added = AddUp(contents.edits[i], &tree, &live);
    if (!added.ok()) return added.WithContext(name + ":" + std::to_string(offset));
  }
  if (tree.root.history_id != root.history_id || tree.root.instance_id != root.instance_id) {
    return Status::Corruption(name + ":0: this manifest belongs to another database than ROOT");
  }
  if (tree.epochs.empty()) return Status::Corruption(name + ":0: the manifest names no epoch");
  tree.states = std::move(contents.states);
  tree.manifest_tail_offset = contents.tail_offset;
  tree.manifest_tail_bytes = contents.tail_bytes;
  Edit whole;
  for (auto& [number, placed] : live) whole.added.push_back(std::move(placed));
  auto version = Version().Apply(whole, nullptr);
  if (!version.ok()) return version.status().WithContext(name + ":0");
  tree.version = std::move(*version);
  RETURN_IF_ERROR(CheckTailWasTorn(fs, path, tree));
  return tree;
}

Result<Settings> SettingsOf(const Options& options, const std::string& path,
                            const TreeState& tree) {
  Result<Settings> settings = ResolveSettings(options, tree.settings);
  if (settings.ok() || settings.status().Is(StatusCode::kInvalidArgument)) return settings;
  const std::string where = JoinPath(path, ManifestFileName(tree.root.manifest)) + ":" +
                            std::to_string(tree.settings_offset);
  return WithWriter(settings.status().WithContext(where), tree.manifest_writer);
}

// The newest segment header names the manifest state it followed; a manifest that has fewer edits
// lost some, an older manifest means ROOT is a stale copy (docs/bug-classes.md, 27).
Status CheckManifestNotStale(const std::string& path, const TreeState& tree,
                             const ManifestState& newest) {
  const std::string file = JoinPath(path, ManifestFileName(tree.root.manifest));
  if (newest.number < tree.root.manifest) return Status::Ok();
  if (newest.number > tree.root.manifest) {
    return Status::Corruption(JoinPath(path, kRootFileName) + ":0: ROOT names manifest " +
                              std::to_string(tree.root.manifest) + ", the log follows manifest " +
                              std::to_string(newest.number) + ": ROOT is an older copy");
  }
  bool there = newest.edits >= 1 && newest.edits <= tree.states.size() &&
               tree.states[newest.edits - 1] == newest;
  if (there) return Status::Ok();
  const std::string follows = ": the log follows edit " + std::to_string(newest.edits);
  const std::string held = std::to_string(tree.states.size());
  if (newest.edits > tree.states.size()) {
    // Where there are bytes of the edit they are what is damaged.
    const uint64_t offset = tree.manifest_tail_bytes > 0 ? tree.manifest_tail_offset : 0;
    return Status::Corruption(file + ":" + std::to_string(offset) + follows +
                              " of this manifest, which holds " + held +
                              ": its tail is lost, or it is of another copy of the database");
  }
  return Status::Corruption(file + ":0" + follows +
                            " of another manifest of this number; this one holds " + held +
                            ": log and manifest are of different copies of the database");
}

namespace {

// What lies before the commits tells whether there were any.
Status CheckHeaderArea(FileSystem* fs, const std::string& path, const SegmentSummary& segment,
                       bool is_end) {
  if (!segment.empty()) return Status::Ok();
  const std::string file = JoinPath(path, LogFileName(segment.number));
  ASSIGN_OR_RETURN(auto reader, fs->OpenRandomAccess(file));
  ASSIGN_OR_RETURN(const std::optional<HeadFlaw> flaw, FindHeadFlaw(*reader, is_end));
  if (!flaw) return Status::Ok();
  return Status::Corruption(file + ":" + std::to_string(flaw->offset) + ": " + flaw->what +
                            ", and no commit can be read behind it; the segment was durable");
}

// A segment whose header is known to be durable and which the log needs must count (there can be no
// hole before it: older segments were synced first).
Status CheckDurableSegment(FileSystem* fs, const std::string& path, const TreeState& tree,
                           const ReplayResult& replay) {
  if (tree.durable_segment == 0 || tree.durable_segment < tree.first_segment) return Status::Ok();
  for (const SegmentSummary& segment : replay.segments) {
    if (segment.number != tree.durable_segment) continue;
    const bool is_end = &segment == &replay.segments.back() &&
                        (!tree.clean_close || tree.clean_close->segment != segment.number);
    return CheckHeaderArea(fs, path, segment, is_end);
  }
  return Status::Corruption(JoinPath(path, LogFileName(tree.durable_segment)) +
                            ":0: this log segment was durable and is missing or unreadable");
}

// Takes commits in order and fills memtables with them.
class Replayer {
 public:
  explicit Replayer(const ReplayIntoOptions& options, LogState* state)
      : options_(options), state_(state) {}

  Status Apply(const CommitRecord& record) {
    KeyspaceOperators* const operators = options_.operators;
    if (operators != nullptr && (record.flags & kFlagCatalogue) != 0) {
      Catalogue::RecordOperators(record.operations, operators);
    }
    RETURN_IF_ERROR(InsertFolded(record.operations, {record.position, record.time_us},
                                 state_->active.get(), operators));
    if (state_->active->bytes_used() < options_.memtable_bytes) return Status::Ok();
    TablesState end{record.position, record.time_us, record.history_hash};
    state_->sealed.push_back({std::move(state_->active), end});
    state_->active = std::make_shared<Memtable>(options_.memtable_pages);
    if (!options_.spill || state_->sealed.size() <= options_.sealed_max) return Status::Ok();
    RETURN_IF_ERROR(options_.spill(state_->sealed.front()));
    state_->sealed.erase(state_->sealed.begin());
    return Status::Ok();
  }

 private:
  const ReplayIntoOptions& options_;
  LogState* state_;
};

}  // namespace

Result<ReplayResult> ReplayTree(FileSystem* fs, const std::string& path,
                                const DirectoryListing& listing, const TreeState& tree,
                                const std::function<Status(const CommitRecord&)>& apply,
                                const std::function<void(uint64_t, uint64_t)>& progress) {
  ReplayOptions options;
  options.directory = path;
  options.segments = listing.logs;
  options.history_id = tree.root.history_id;
  options.instance_id = tree.root.instance_id;
  options.first_segment = tree.first_segment;
  options.from = tree.tables.position + 1;
  options.hash_before = tree.tables.history_hash;
  for (const Epoch& epoch : tree.epochs) {
    options.epochs.push_back({epoch.number, epoch.first_position});
  }
  options.clean_end = tree.clean_close;
  options.durable_segment = tree.durable_segment;
  options.progress = progress;
  options.durable_at_least = std::max(tree.durable, tree.tables.position);
  ASSIGN_OR_RETURN(ReplayResult replay, ReplayLog(fs, options, apply));
  Status missing = CheckDurableSegment(fs, path, tree, replay);
  if (missing.ok()) return replay;
  if (!IsDamage(missing)) return missing;
  const std::string durable = LogFileName(tree.durable_segment);
  if (!replay.damage.ok()) {
    // What cannot be read may be what that segment followed on, or held.
    if (replay.damage_file != durable) {
      replay.damage = Status(replay.damage.code(), std::string(replay.damage.message()) +
                                                       "; behind it " + durable + " was durable");
    }
  } else if (replay.tail) {
    // What ends the log before that segment is no tail then.
    replay.damage =
        Status::Corruption(replay.tail->reason + "; behind it " + durable + " was durable");
    replay.damage_file = replay.tail->file;
    replay.tail.reset();
  } else {
    replay.damage = std::move(missing);
    replay.damage_file = durable;
  }
  return replay;
}

Damage LogDamageOf(const std::string& path, const TreeState& tree, const ReplayResult& replay) {
  Damage damage = DamageFrom(replay.damage, path, replay.damage_file);
  const LogPos next = replay.last_position + 1;
  if (replay.durable_point >= next) {
    damage.first_position = next;
    damage.last_position = replay.durable_point;
  } else if (!tree.clean_close) {
    damage.first_position = next;  // what no one says was durable may have been there
  }
  return damage;
}

Result<LogState> ReplayIntoMemtables(FileSystem* fs, const std::string& path,
                                     const DirectoryListing& listing, const TreeState& tree,
                                     const ReplayIntoOptions& options) {
  LogState state;
  state.active = std::make_shared<Memtable>(options.memtable_pages);
  Replayer replayer(options, &state);
  const auto apply = [&replayer](const CommitRecord& record) { return replayer.Apply(record); };
  ASSIGN_OR_RETURN(state.replay, ReplayTree(fs, path, listing, tree, apply, options.progress));
  Status stale = CheckManifestNotStale(path, tree, state.replay.newest_manifest);
  if (!stale.ok() && options.beside_writer) {
    // Edits that came since the tree was read are no lost ones: the log was read behind them.
    ASSIGN_OR_RETURN(const TreeState now, LoadTree(fs, path, /*for_writing=*/false));
    if (now.root.manifest == tree.root.manifest) {
      stale = CheckManifestNotStale(path, now, state.replay.newest_manifest);
    }
  }
  RETURN_IF_ERROR(std::move(stale));
  if (state.replay.last_position < tree.tables.position) {
    state.replay.last_position = tree.tables.position;
  }
  if (state.replay.last_position == tree.tables.position) {
    state.replay.last_time_us = std::max(state.replay.last_time_us, tree.tables.time_us);
    state.replay.history_hash = tree.tables.history_hash;
    state.replay.history_hash_known = true;
  }
  return state;
}

Result<std::vector<Damage>> CheckTableFiles(FileSystem* fs, const std::string& path,
                                            const Version& version, const Catalogue* names) {
  std::vector<Damage> damages;
  for (int level = 0; level < kLevels; ++level) {
    for (const TableMetaPtr& meta : version.shape().levels[level]) {
      auto size = fs->FileSize(JoinPath(path, TableFileName(meta->number)));
      if (size.ok() && *size == meta->size) continue;
      if (!size.ok() && !IsDamage(size.status())) return size.status();
      Damage damage;
      damage.file = TableFileName(meta->number);
      damage.what = size.ok() ? "the table has " + std::to_string(*size) +
                                    " bytes, the manifest says " + std::to_string(meta->size)
                              : "the table is missing";
      damage.offset = size.ok() ? std::min(*size, meta->size) : 0;
      SetDamagedTable(*meta, names, &damage);
      damages.push_back(std::move(damage));
    }
  }
  return damages;
}

RecoveryInfo DescribeRecovery(const TreeState& tree, const LogState& log) {
  RecoveryInfo info;
  info.tables_position = tree.tables.position;
  info.replayed_commits = log.replay.commits;
  info.replayed_first = log.replay.commits == 0 ? 0 : tree.tables.position + 1;
  info.replayed_last = log.replay.commits == 0 ? 0 : log.replay.last_position;
  info.replayed_bytes = log.replay.bytes;
  info.segments = log.replay.segments.size();
  info.durable_point = log.replay.durable_point;
  if (log.replay.tail) {
    info.unproven_tail_bytes = log.replay.tail->bytes;
    info.unproven_tail_file = log.replay.tail->file;
    info.unproven_tail_offset = log.replay.tail->offset;
    info.unproven_tail_commits = log.replay.tail->commits;
  }
  info.clean = tree.clean_close.has_value();
  info.epoch = tree.epochs.back().number;
  return info;
}

std::vector<Event> TailEvents(const TreeState& tree, const LogState& log) {
  std::vector<Event> events;
  Event tail;
  tail.kind = EventKind::kUnprovenTail;
  tail.position = log.replay.last_position;
  if (tree.manifest_tail_bytes > 0) {
    tail.file = ManifestFileName(tree.root.manifest);
    tail.offset = tree.manifest_tail_offset;
    tail.bytes_in = tree.manifest_tail_bytes;
    tail.detail = "an edit that nothing proves durable, torn or not whole";
    events.push_back(tail);
  }
  if (const auto& cut = log.replay.tail) {
    tail.file = cut->file;
    tail.offset = cut->offset;
    tail.bytes_in = cut->bytes;
    tail.detail = cut->reason;
    if (cut->commits > 0)
      tail.detail += "; whole commits behind it, which only salvage copies, before a write-open: " +
                     std::to_string(cut->commits);
    events.push_back(tail);
  }
  return events;
}

Event OpenedEvent(const RecoveryInfo& info, LogPos position) {
  Event opened;
  opened.kind = EventKind::kOpened;
  opened.position = position;
  opened.bytes_in = info.replayed_bytes;
  opened.micros = info.micros;
  opened.detail = std::string(info.clean ? "closed cleanly before" : "not closed before") +
                  "; replayed " + WithCommas(info.replayed_commits) + " commits";
  return opened;
}

}  // namespace logwood
