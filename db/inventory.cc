#include "db/inventory.h"

#include <algorithm>
#include <map>

#include "db/damage.h"
#include "db/file_names.h"
#include "db/manifest.h"
#include "db/manifest_scan.h"
#include "db/settings.h"
#include "util/status_macros.h"
#include "wal/segments.h"

namespace logwood {

namespace {

class InventoryTaker {
 public:
  InventoryTaker(FileSystem* fs, const std::string& path) : fs_(fs), path_(path) {}

  Result<Inventory> Run() {
    ASSIGN_OR_RETURN(inventory_.listing, ListDirectory(fs_, path_));
    if (HoldsNoDatabase(inventory_.listing)) {
      return Status::NotFound(path_ + ": there is no database");
    }
    RETURN_IF_ERROR(SurveySegments());
    RETURN_IF_ERROR(ReadTree());
    RETURN_IF_ERROR(SortOutSegments());
    RETURN_IF_ERROR(SortOutTables());
    return std::move(inventory_);
  }

 private:
  Status SurveySegments();
  Status ReadTree();
  Status ReadTreeFromRoot();
  Status ReadTreeAround();
  Result<bool> TryManifest(uint64_t number);
  void AddUp(const ManifestScan& scan);
  void AddUp(const Edit& edit);
  Status SortOutSegments();
  void FollowChain();
  bool WasFollowed(uint64_t segment) const;
  void BoundByEpochs(Inventory::Segment* segment) const;
  bool Precedes(Inventory::Segment* older, const Inventory::Segment& newer);
  Status TellUnreadable();
  Status TellGone(uint64_t number, std::string what);
  Status SortInMisnamed(Inventory::Segment segment);
  LogPos Durable() const;
  static Result<LogPos> LastPosition(const Inventory::Segment& segment, uint64_t* hash = nullptr);
  Result<bool> AnOpenRemovesLeftovers() const;
  Status SortOutTables();
  void AddDamage(Damage damage);
  void AddDamage(std::string file, uint64_t offset, std::string what) {
    Damage damage;
    damage.file = std::move(file);
    damage.offset = offset;
    damage.what = std::move(what);
    AddDamage(std::move(damage));
  }
  // The newest segment's word for which manifest it follows.
  ManifestState NewestManifest() const;

  FileSystem* const fs_;
  const std::string path_;
  Inventory inventory_;
  std::map<uint64_t, std::pair<int, TableMeta>> live_;
  std::vector<uint64_t> removed_;
  std::map<uint64_t, std::string> unreadable_;  // segments, and why
  LogPos marked_durable_ = 0;  // by any segment of this instance, under whatever name
};

// One place is told once.
void InventoryTaker::AddDamage(Damage damage) {
  for (const Damage& told : inventory_.damages) {
    if (told.file == damage.file && told.offset == damage.offset) return;
  }
  inventory_.damages.push_back(std::move(damage));
}

Status InventoryTaker::SurveySegments() {
  for (uint64_t number : inventory_.listing.logs) {
    auto survey = SegmentSurvey::Open(fs_, JoinPath(path_, LogFileName(number)));
    if (survey.status().Is(StatusCode::kNotFound)) continue;  // removed meanwhile
    RETURN_IF_ERROR(survey.status());
    const SegmentProbe& probe = (*survey)->probe();
    if (probe.kind == SegmentProbe::Kind::kUnsupported) return probe.status;
    inventory_.segments.push_back({number, std::move(*survey), {}});
  }
  return Status::Ok();
}

ManifestState InventoryTaker::NewestManifest() const {
  for (auto it = inventory_.segments.rbegin(); it != inventory_.segments.rend(); ++it) {
    const SegmentSurvey& survey = *it->survey;
    if (!survey.has_header() || survey.number() != it->number) continue;
    const SegmentHeader& header = survey.probe().header();
    // Where ROOT can be read it says whose segments they must be.
    const Root& root = inventory_.tree.root;
    const bool is_foreign =
        header.instance_id != root.instance_id || header.history_id != root.history_id;
    if (root.instance_id == Id128{} || !is_foreign) return header.manifest;
  }
  return {};
}

Status InventoryTaker::ReadTree() {
  Status strict = ReadTreeFromRoot();
  if (strict.ok() || !IsDamage(strict)) return strict;
  AddDamage(DamageFrom(strict, path_, kRootFileName));
  return ReadTreeAround();
}

// As an open reads it.
Status InventoryTaker::ReadTreeFromRoot() {
  if (!inventory_.listing.has_root) {
    const std::vector<uint64_t>& there = inventory_.listing.manifests;
    return Status::Corruption(
        JoinPath(path_, kRootFileName) + ":0: the file is missing" +
        (there.empty() ? "" : "; " + ManifestFileName(there.back()) + " is there without it"));
  }
  ASSIGN_OR_RETURN(TreeState tree, LoadTree(fs_, path_, /*for_writing=*/false));
  inventory_.tree.root = tree.root;
  RETURN_IF_ERROR(CheckManifestNotStale(path_, tree, NewestManifest()));
  inventory_.certain = true;
  inventory_.tables_are_certain = true;
  inventory_.manifest = tree.root.manifest;
  for (int level = 0; level < kLevels; ++level) {
    for (const TableMetaPtr& meta : tree.version->shape().levels[level]) {
      inventory_.tables.emplace_back(level, *meta);
    }
  }
  if (tree.manifest_tail_bytes > 0) {
    Damage note;
    note.file = ManifestFileName(tree.root.manifest);
    note.offset = tree.manifest_tail_offset;
    note.what =
        std::to_string(tree.manifest_tail_bytes) +
        " bytes at the end are no whole edit: one that nothing proves durable, or the mark of a "
        "clean close";
    inventory_.notes.push_back(std::move(note));
  }
  // An open refuses them, unless they are only out of range and its options say otherwise; all else
  // is there.
  Status settings = SettingsOf(Options(), path_, tree).status();
  if (!settings.ok() && !IsDamage(settings)) return settings;
  if (!settings.ok()) AddDamage(DamageFrom(settings, path_, ManifestFileName(tree.root.manifest)));
  inventory_.tree = std::move(tree);
  return Status::Ok();
}

// The manifest that the log or ROOT names, else the newest that says anything.
Status InventoryTaker::ReadTreeAround() {
  std::vector<uint64_t> candidates = inventory_.listing.manifests;
  std::reverse(candidates.begin(), candidates.end());
  const auto prefer = [&](uint64_t number) {
    const auto at = std::find(candidates.begin(), candidates.end(), number);
    if (at != candidates.end()) std::rotate(candidates.begin(), at, at + 1);
  };
  auto root = ReadRoot(fs_, path_, /*for_writing=*/false);
  if (!root.ok() && !IsDamage(root.status())) return root.status();
  if (root.ok()) prefer(root->manifest);
  // Whose the segments are, ROOT says all the same.
  if (root.ok()) inventory_.tree.root = *root;
  prefer(NewestManifest().number);
  for (uint64_t number : candidates) {
    ASSIGN_OR_RETURN(const bool used, TryManifest(number));
    if (used) return Status::Ok();
  }
  if (!root.ok() && candidates.empty()) AddDamage("manifest", 0, "no manifest is there");
  return Status::Ok();
}

Result<bool> InventoryTaker::TryManifest(uint64_t number) {
  auto scan = ScanManifest(fs_, path_, number);
  if (!scan.ok() && !IsDamage(scan.status())) return scan.status();
  const std::string file = ManifestFileName(number);
  if (!scan.ok() || scan->edits.empty()) {
    AddDamage(file, 0, scan.ok() ? "no edit of it can be read" : scan.status().ToString());
    return false;
  }
  const ManifestState newest = NewestManifest();
  // Where the log follows an edit that is not there: a lost one, or one of another copy's manifest.
  const bool follows = newest.number != number ||
                       std::count(scan->chains.begin(), scan->chains.end(), newest.chain) != 0;
  const bool lost_tail = !follows && newest.edits > scan->state.edits;
  for (const ManifestScan::Gap& gap : scan->gaps) AddDamage(file, gap.offset, gap.what);
  if (scan->tail.offset != 0 || lost_tail) {
    AddDamage(file, scan->tail.offset != 0 ? scan->tail.offset : 0,
              "the last edits may be lost from here on");
  }
  inventory_.manifest = number;
  inventory_.tables_are_certain = scan->header_ok && scan->gaps.empty() && scan->tail.offset == 0 &&
                                  follows && number >= newest.number;
  AddUp(*scan);
  return true;
}

// As much of the state as the edits that can be read say. What one of them brings and a lost one
// took away again seems to be there still; its file then is not, as a rule.
void InventoryTaker::AddUp(const ManifestScan& scan) {
  for (const Edit& edit : scan.edits) AddUp(edit);
  for (const auto& [number, placed] : live_) inventory_.tables.push_back(placed);
}

void InventoryTaker::AddUp(const Edit& edit) {
  TreeState& tree = inventory_.tree;
  // What ROOT says of these stands.
  if (edit.history_id && tree.root.manifest == 0) tree.root.history_id = *edit.history_id;
  if (edit.instance_id && tree.root.manifest == 0) tree.root.instance_id = *edit.instance_id;
  if (edit.settings) tree.settings = *edit.settings;
  tree.epochs.insert(tree.epochs.end(), edit.epochs.begin(), edit.epochs.end());
  if (edit.next_file_number) tree.next_file_number = *edit.next_file_number;
  if (edit.tables) tree.tables = *edit.tables;
  if (edit.first_segment) tree.first_segment = *edit.first_segment;
  if (edit.durable) tree.durable = std::max(tree.durable, *edit.durable);
  if (edit.expired_us) tree.expired_us = std::max(tree.expired_us, *edit.expired_us);
  if (edit.durable_segment) {
    tree.durable_segment = std::max(tree.durable_segment, *edit.durable_segment);
  }
  tree.clean_close = edit.clean_close;
  for (const auto& [level, number] : edit.removed) {
    live_.erase(number);
    removed_.push_back(number);
  }
  for (const auto& [level, meta] : edit.added) {
    live_[meta.number] = {level, meta};
    std::erase(removed_, meta.number);
  }
}

// Which segments are this database's: those of its instance under their own number. Where neither
// ROOT nor manifest say which instance and history that is, the newest segment does.
Status InventoryTaker::SortOutSegments() {
  Id128& instance = inventory_.tree.root.instance_id;
  Id128& history = inventory_.tree.root.history_id;
  for (auto it = inventory_.segments.rbegin(); it != inventory_.segments.rend(); ++it) {
    const SegmentSurvey& survey = *it->survey;
    if (instance == Id128{} && survey.identified()) instance = survey.instance_id();
    if (history == Id128{} && survey.has_header() && survey.instance_id() == instance) {
      history = survey.probe().header().history_id;
    }
  }
  std::vector<Inventory::Segment> own, misnamed;
  for (Inventory::Segment& segment : inventory_.segments) {
    const std::string name = LogFileName(segment.number);
    const SegmentSurvey& survey = *segment.survey;
    if (!survey.identified()) {
      unreadable_[segment.number] =
          survey.probe().kind == SegmentProbe::Kind::kBlank
              ? "the file is blank"
              : "neither its header nor its slots say which segment it is";
    } else if (survey.instance_id() != instance) {
      // Without a clean close a crash may have left it there; whether one did, replay knows.
      Damage foreign;
      foreign.file = name;
      foreign.what = "a segment of another database or instance";
      if (inventory_.tree.clean_close) {
        AddDamage(std::move(foreign));
      } else {
        inventory_.notes.push_back(std::move(foreign));
      }
    } else {
      marked_durable_ = std::max(marked_durable_, survey.durable_point());
      auto& list = survey.number() != segment.number ? misnamed : own;
      list.push_back(std::move(segment));
    }
  }
  inventory_.segments = std::move(own);
  for (Inventory::Segment& segment : misnamed) {
    RETURN_IF_ERROR(SortInMisnamed(std::move(segment)));
  }
  std::sort(inventory_.segments.begin(), inventory_.segments.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  FollowChain();
  return TellUnreadable();
}

// A segment in a file of another's name. A crash may leave such bytes in a new file: of one that is
// there under its own name, that nothing needs any more, or that a recovery discarded, after which
// its positions were given again in a later epoch.
Status InventoryTaker::SortInMisnamed(Inventory::Segment segment) {
  const uint64_t held = segment.survey->number();
  std::string what = "it holds segment " + std::to_string(held) + ": files were swapped or renamed";
  const bool twice =
      std::any_of(inventory_.segments.begin(), inventory_.segments.end(),
                  [held](const Inventory::Segment& other) { return other.number == held; });
  ASSIGN_OR_RETURN(const LogPos last_position, LastPosition(segment));
  const LogPos first = segment.survey->first_position();
  const TreeState& tree = inventory_.tree;
  bool counts = !inventory_.certain || held <= tree.durable_segment || first <= Durable();
  if (inventory_.certain && segment.survey->has_header()) {
    const uint64_t epoch = segment.survey->probe().header().epoch;
    counts = std::none_of(tree.epochs.begin(), tree.epochs.end(), [&](const Epoch& later) {
      return later.number > epoch && later.first_position <= first;
    });
  }
  const bool needed = counts && last_position >= first && last_position > tree.tables.position;
  if (twice || !needed) {
    unreadable_[segment.number] = std::move(what);
    return Status::Ok();
  }
  AddDamage(LogFileName(segment.number), 0, std::move(what));
  segment.number = held;
  inventory_.segments.push_back(std::move(segment));
  return Status::Ok();
}

// From the newest back along what each header says of its predecessor: segments between the two
// were discarded by an earlier recovery, and so were the predecessor's bytes behind the length
// given. Where a header cannot be read, the next older segment is taken for the predecessor.
void InventoryTaker::FollowChain() {
  std::vector<Inventory::Segment> chain;  // newest first
  while (!inventory_.segments.empty()) {
    Inventory::Segment segment = std::move(inventory_.segments.back());
    inventory_.segments.pop_back();
    if (chain.empty() || Precedes(&segment, chain.back())) chain.push_back(std::move(segment));
  }
  std::reverse(chain.begin(), chain.end());
  inventory_.segments = std::move(chain);
  std::vector<Inventory::Segment>& segments = inventory_.segments;
  for (Inventory::Segment& segment : segments) {
    if (!segment.limits.last_position && WasFollowed(segment.number)) BoundByEpochs(&segment);
  }
  const std::optional<LogEnd>& end = inventory_.tree.clean_close;
  if (segments.empty() || !end || end->segment != segments.back().number) return;
  segments.back().limits = {end->length, end->last_position};
}

// Whether a newer segment was there. An open begins an epoch before it begins the segment: of one
// that failed in between the log went on in no other.
bool InventoryTaker::WasFollowed(uint64_t segment) const {
  return segment < std::max(NewestNamedSegment(inventory_.tree), inventory_.segments.back().number);
}

// A recovery discarded what its segment held from the first position of a later epoch on: those
// were given again, in a segment that is gone.
void InventoryTaker::BoundByEpochs(Inventory::Segment* segment) const {
  if (!segment->survey->has_header()) return;
  const uint64_t epoch = segment->survey->probe().header().epoch;
  LogPos& position_max = segment->limits.position_max;
  for (const Epoch& later : inventory_.tree.epochs) {
    if (later.number > epoch) position_max = std::min(position_max, later.first_position - 1);
  }
}

// Whether `older`, the next older segment, belongs to the log that `newer` continues; sets how much
// of it counts.
bool InventoryTaker::Precedes(Inventory::Segment* older, const Inventory::Segment& newer) {
  older->limits.last_position = newer.survey->first_position() - 1;
  older->limits.position_max = *older->limits.last_position;
  if (!newer.survey->has_header()) return true;
  const SegmentHeader& header = newer.survey->probe().header();
  if (header.predecessor < older->number) return false;
  if (header.predecessor == older->number) {
    older->limits.length_max = header.predecessor_length;
    return true;
  }
  older->limits.last_position.reset();  // the one between them is gone
  return true;
}

// Segments that are missing and those nobody can read. One older than all that can be read may have
// been removed because nothing needs it; a file of its name that says nothing rotted all the same.
Status InventoryTaker::TellUnreadable() {
  const std::vector<uint64_t>& there = inventory_.listing.logs;
  for (size_t i = 1; i < inventory_.segments.size(); ++i) {
    const SegmentSurvey& survey = *inventory_.segments[i].survey;
    const uint64_t before = survey.has_header() ? survey.probe().header().predecessor : 0;
    if (before > inventory_.segments[i - 1].number &&
        !std::binary_search(there.begin(), there.end(), before)) {
      unreadable_[before] = "the file is missing";
    }
  }
  for (auto& [number, what] : unreadable_) RETURN_IF_ERROR(TellGone(number, std::move(what)));
  return Status::Ok();
}

Status InventoryTaker::TellGone(uint64_t number, std::string what) {
  const auto next = std::find_if(inventory_.segments.begin(), inventory_.segments.end(),
                                 [&](const auto& segment) { return segment.number > number; });
  const bool is_last = next == inventory_.segments.end();
  if (!is_last && next->survey->has_header() &&
      next->survey->probe().header().predecessor < number) {
    return Status::Ok();  // an earlier recovery discarded it
  }
  Damage damage;
  damage.file = LogFileName(number);
  damage.what = std::move(what);
  damage.first_position = 1;
  uint64_t hash = 0;
  if (next != inventory_.segments.begin()) {
    ASSIGN_OR_RETURN(const LogPos before, LastPosition(*std::prev(next), &hash));
    damage.first_position = before + 1;
  }
  damage.last_position = is_last ? inventory_.tree.durable : next->survey->first_position() - 1;
  // A segment that nothing was committed to is no loss.
  const bool held_commits = damage.first_position <= damage.last_position;
  const bool is_there =
      std::binary_search(inventory_.listing.logs.begin(), inventory_.listing.logs.end(), number);
  if (!held_commits) damage.first_position = damage.last_position = 0;
  const TreeState& tree = inventory_.tree;
  const bool was_durable = number <= tree.durable_segment ||
                           (held_commits && !is_last && damage.last_position <= Durable());
  // Those that nothing needs any more are being removed. What a sync failed to write of one may be
  // gone, and a crash may bring an older one back alone.
  const bool is_waiting = WaitsForRemoval(tree, number);
  const bool is_needed = damage.last_position > tree.tables.position || (is_there && !is_waiting);
  // Nothing is left half written behind a clean close; but a file that could not be removed may be
  // older than some that were.
  const bool was_closed = tree.clean_close && number <= tree.clean_close->segment;
  if ((was_closed && is_there) || ((was_closed || was_durable) && is_needed)) {
    AddDamage(std::move(damage));
  } else {
    if (!is_there) {
      damage.what += damage.last_position <= tree.tables.position
                         ? ", and nothing needs it: what it held is in tables"
                         : ", and it was never durable";
      if (next->survey->has_header() && next->survey->probe().header().history_hash != hash) {
        damage.what += "; " + LogFileName(std::prev(next)->number) +
                       ", before it, may be of another copy of the database";
      }
    }
    inventory_.notes.push_back(std::move(damage));
  }
  return Status::Ok();
}

// Of what can be read of it; 0: nothing can. `hash`: the history hash there, where there is one.
Result<LogPos> InventoryTaker::LastPosition(const Inventory::Segment& segment, uint64_t* hash) {
  const auto take = [hash](const CommitRecord& record) {
    if (hash != nullptr) *hash = record.history_hash;
    return Status::Ok();
  };
  const auto read = segment.survey->Read(segment.limits, take, [](const SegmentFlaw&) {});
  if (!read.ok() && !IsDamage(read.status())) return read.status();
  return read.ok() ? read->last_position : 0;
}

// What was never durable, a crash may take away.
LogPos InventoryTaker::Durable() const {
  const TreeState& tree = inventory_.tree;
  return std::max({tree.durable, tree.tables.position, marked_durable_});
}

// Where a table is missing or cut it keeps them.
Result<bool> InventoryTaker::AnOpenRemovesLeftovers() const {
  if (!inventory_.certain) return false;
  ASSIGN_OR_RETURN(const std::vector<Damage> wrong,
                   CheckTableFiles(fs_, path_, *inventory_.tree.version, nullptr));
  return wrong.empty();
}

// Where a table is missing the manifest may be an older copy: then those it does not know count.
Status InventoryTaker::SortOutTables() {
  const std::vector<uint64_t>& there = inventory_.listing.tables;
  const bool one_is_missing =
      std::any_of(inventory_.tables.begin(), inventory_.tables.end(), [&](const auto& table) {
        return !std::binary_search(there.begin(), there.end(), table.second.number);
      });
  for (uint64_t number : inventory_.listing.tables) {
    const bool known = std::any_of(inventory_.tables.begin(), inventory_.tables.end(),
                                   [&](const auto& t) { return t.second.number == number; });
    if (known) continue;
    const bool removed = std::find(removed_.begin(), removed_.end(), number) != removed_.end();
    const bool is_gone = removed || (inventory_.tables_are_certain && !one_is_missing);
    if (!is_gone) inventory_.unknown_tables.push_back(number);
    if (is_gone) inventory_.leftovers.push_back(TableFileName(number));
  }
  if (!inventory_.unknown_tables.empty()) inventory_.tables_are_certain = false;
  ASSIGN_OR_RETURN(const bool are_removed, AnOpenRemovesLeftovers());
  if (!are_removed) {
    inventory_.leftovers.clear();
    return Status::Ok();
  }
  for (uint64_t number : inventory_.listing.manifests) {
    if (number != inventory_.manifest) inventory_.leftovers.push_back(ManifestFileName(number));
  }
  return Status::Ok();
}

}  // namespace

uint64_t NewestNamedSegment(const TreeState& tree) {
  const uint64_t closed = tree.clean_close ? tree.clean_close->segment : 0;
  return std::max({tree.durable_segment, tree.first_segment, closed});
}

bool WaitsForRemoval(const TreeState& tree, uint64_t segment) {
  if (tree.first_segment != 0 && segment >= tree.first_segment) return false;
  const Result<Settings> settings = ResolveSettings(Options(), tree.settings);
  return settings.ok() && settings->log_retention.bytes_min == 0 &&
         settings->log_retention.age_min.count() == 0;
}

Result<Inventory> TakeInventory(FileSystem* fs, const std::string& path) {
  return InventoryTaker(fs, path).Run();
}

}  // namespace logwood
