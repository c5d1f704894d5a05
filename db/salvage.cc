#include "db/salvage.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "db/damage.h"
#include "db/file_names.h"
#include "db/held_files.h"
#include "db/inventory.h"
#include "db/salvage_catalogue.h"
#include "db/salvage_keys.h"
#include "db/salvage_log.h"
#include "db/salvage_merge.h"
#include "db/salvage_tables.h"
#include "db/salvage_target.h"
#include "util/escape.h"
#include "util/executor.h"
#include "util/file_header.h"
#include "util/path.h"
#include "util/status_macros.h"
#include "wal/segments.h"

namespace logwood {

namespace {

constexpr char kSpillDirectory[] = "salvage.tmp";
// How often a directory is looked at whose writer removes files meanwhile; time between looks,
// twice as much each time.
constexpr int kSalvageLooks = 8;
constexpr uint64_t kFirstLookPauseMicros = 5'000;

// One salvage, step by step. Each step's result is a member the next one uses.
class Salvager {
 public:
  explicit Salvager(const SalvageOptions& options) : fs_(options.fs), options_(options) {}

  Result<SalvageSummary> Run() {
    RETURN_IF_ERROR(CheckTarget());
    RETURN_IF_ERROR(LockSource());
    RETURN_IF_ERROR(options_.ignore_writer ? LookBesideWriter() : Look());
    RETURN_IF_ERROR(Survey());
    TellTableLosses();
    TellInventory();
    Status written = Write();
    RemoveSpilled();
    RETURN_IF_ERROR(std::move(written));
    return summary_;
  }

 private:
  Status CheckTarget() const;
  Status LockSource();
  Status Look();
  Status LookBesideWriter();
  Result<std::set<std::string>> LookAndHold();
  uint64_t SegmentBehindWhatWasSeen() const;
  void TellInventory();
  std::string WhatNoFileHas() const;
  Status Survey();
  void TellTableLosses();
  void TellTableLoss(const SalvageTables::Loss& found, bool is_elsewhere);
  bool IsElsewhere(const SalvageTables::Loss& loss) const;
  bool LogIsWhole() const;
  bool MayHaveMerges(const LostKeys& keys) const;
  bool OnlyLogCounts(std::string_view stored_key) const;
  void TellLeftOut(const SalvageTarget& target);
  void TellRefused(const SalvageTarget& target);
  Status Write();
  void RemoveSpilled();
  // Of one place at most one note.
  void Tell(const SalvageLoss& loss) {
    const bool is_new = told_.emplace(loss.damage.file, loss.damage.offset).second;
    if (!loss.lost && !is_new) return;
    summary_.losses += loss.lost ? 1 : 0;
    options_.report(loss);
  }
  void Progress(std::string_view phase, uint64_t bytes) {
    done_ += bytes;
    if (options_.progress) options_.progress(phase, std::min(done_, total_), total_);
  }
  std::string SpillDirectory() const { return JoinPath(options_.target, kSpillDirectory); }

  FileSystem* const fs_;
  std::unique_ptr<HeldFiles> held_;
  SalvageOptions options_;  // its file system: with a writer at work held_
  const std::unique_ptr<Executor> clock_ = NewThreadPool(1);  // runs nothing
  std::unique_ptr<FileLock> lock_;
  Inventory inventory_;
  SalvageCatalogue parts_;
  Catalogue catalogue_;
  std::unique_ptr<SalvageLog> log_;
  std::unique_ptr<SalvageTables> tables_;
  std::vector<LostKeys> lost_;
  std::vector<LostKeys> only_in_log_;  // of these no table counts
  SalvageSummary summary_;
  std::set<std::pair<std::string, uint64_t>> told_;
  uint64_t done_ = 0, total_ = 0;
};

// Nothing can have it: what lies in a directory under this name lies in the directory itself.
const std::string kNoName(300, 'x');

Status Salvager::CheckTarget() const {
  ASSIGN_OR_RETURN(const bool is_there, options_.fs->Exists(options_.source));
  const std::vector<std::string> source =
      options_.fs->DirectoriesAbove(JoinPath(options_.source, kNoName));
  const std::vector<std::string> above = options_.fs->DirectoriesAbove(options_.target);
  if (is_there && !source.empty() &&
      std::find(above.begin(), above.end(), source[0]) != above.end()) {
    return Status::InvalidArgument(options_.target +
                                   ": it lies in the source, which salvage does not change");
  }
  RETURN_IF_ERROR(CheckNotInDatabase(options_.fs, options_.target));
  ASSIGN_OR_RETURN(const bool exists, options_.fs->Exists(options_.target));
  if (!exists) return Status::Ok();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, options_.fs->List(options_.target));
  if (names.empty()) return Status::Ok();
  return Status::AlreadyExists(options_.target + ": it holds files (" + names.front() +
                               "); salvage writes into a new or an empty directory");
}

// Shared, as a reader's; where there is no lock file, nobody holds it.
Status Salvager::LockSource() {
  if (options_.ignore_writer) return Status::Ok();
  auto lock = options_.fs->Lock(JoinPath(options_.source, kLockFileName), LockMode::kShared);
  if (lock.ok()) {
    lock_ = std::move(*lock);
    return Status::Ok();
  }
  return lock.status().Is(StatusCode::kNotFound) ? Status::Ok() : lock.status();
}

Status Salvager::Look() {
  ASSIGN_OR_RETURN(inventory_, TakeInventory(options_.fs, options_.source));
  return Status::Ok();
}

// What goes or comes while it is looked at would seem lost or unknown, so it is looked at again.
// What a later look doubts again is so: what the writer removed nothing names any more.
Status Salvager::LookBesideWriter() {
  uint64_t pause = kFirstLookPauseMicros;
  std::set<std::string> before;
  for (int look = 1; look <= kSalvageLooks; ++look, pause *= 2) {
    ASSIGN_OR_RETURN(std::set<std::string> doubts, LookAndHold());
    if (std::includes(before.begin(), before.end(), doubts.begin(), doubts.end())) {
      return Status::Ok();
    }
    before = std::move(doubts);
    if (look < kSalvageLooks) clock_->SleepMicros(pause);
  }
  return Status::Busy(options_.source +
                      ": a writer removes files while they are looked at; try again");
}

// The newest segment that the manifest speaks of, where the listing before it did not have it, or
// not as much of it; 0: it had.
uint64_t Salvager::SegmentBehindWhatWasSeen() const {
  const TreeState& tree = inventory_.tree;
  const uint64_t named = NewestNamedSegment(tree);
  if (inventory_.segments.empty()) return named;
  const Inventory::Segment& last = inventory_.segments.back();
  const bool grew = tree.clean_close && last.number == tree.clean_close->segment &&
                    last.survey->file_bytes() < tree.clean_close->length;
  return named > last.number || grew ? named : 0;
}

// Whatever the writer removes from now on stays readable, for both readings. Returns the files that
// a writer's work between the parts of one look could explain: named and not there, or there and
// not named.
Result<std::set<std::string>> Salvager::LookAndHold() {
  inventory_ = Inventory();  // its segments read through the files held before
  held_ = std::make_unique<HeldFiles>(fs_);
  options_.fs = held_.get();
  std::set<std::string> doubts;
  const auto hold = [&](const std::string& name) -> Status {
    ASSIGN_OR_RETURN(const bool is_there, held_->HoldIfThere(JoinPath(options_.source, name)));
    if (!is_there) doubts.insert(name);
    return Status::Ok();
  };
  ASSIGN_OR_RETURN(const DirectoryListing before, ListDirectory(fs_, options_.source));
  for (uint64_t number : before.logs) RETURN_IF_ERROR(hold(LogFileName(number)));
  doubts.clear();  // whether those count, the inventory says
  RETURN_IF_ERROR(Look());
  if (!inventory_.certain) doubts.insert(ManifestFileName(inventory_.manifest));
  if (const uint64_t unseen = SegmentBehindWhatWasSeen(); unseen != 0) {
    doubts.insert(LogFileName(unseen));
  }
  for (const Inventory::Segment& segment : inventory_.segments) {
    RETURN_IF_ERROR(hold(LogFileName(segment.number)));
  }
  const std::vector<uint64_t>& listed = inventory_.listing.tables;
  for (const auto& [level, meta] : inventory_.tables) {
    RETURN_IF_ERROR(hold(TableFileName(meta.number)));
    if (!std::binary_search(listed.begin(), listed.end(), meta.number)) {
      doubts.insert(TableFileName(meta.number));
    }
  }
  for (uint64_t number : inventory_.unknown_tables) {
    RETURN_IF_ERROR(hold(TableFileName(number)));
    doubts.insert(TableFileName(number));
  }
  return doubts;
}

// Of ROOT and manifest. Where it is not certain which tables count, any key may be stale or
// missing.
void Salvager::TellInventory() {
  for (const Damage& damage : inventory_.damages) Tell({damage, 0, false});
  for (const Damage& note : inventory_.notes) Tell({note, 0, false});
  if (inventory_.tables_are_certain) return;
  SalvageLoss loss;
  loss.damage.file = inventory_.manifest != 0 ? ManifestFileName(inventory_.manifest) : "manifest";
  loss.damage.what =
      "which tables count is not certain: a key that was overwritten or deleted shortly before may "
      "be back with an older value, and what a table held that is gone is missing";
  if (MayHaveMerges({}) && only_in_log_.empty()) {
    loss.damage.what += "; merges may count twice";
  }
  if (inventory_.manifest == 0) loss.damage.what += WhatNoFileHas();
  Tell(loss);
}

// Of tables that are gone with the manifest nothing speaks but the positions that are nowhere.
std::string Salvager::WhatNoFileHas() const {
  constexpr size_t kNamedRangesMax = 20;
  PositionSet held = tables_->positions();
  if (!inventory_.segments.empty()) {
    const LogPos begin = inventory_.segments.front().survey->first_position();
    held.Add(begin, std::max(begin, held.last()));
  }
  const auto missing = held.Missing(1, held.last());
  std::string text;
  for (size_t i = 0; i < std::min(missing.size(), kNamedRangesMax); ++i) {
    text +=
        (i == 0 ? "; commits that no file has, overwritten since or lost with a table: " : ", ") +
        std::to_string(missing[i].first) + " to " + std::to_string(missing[i].second);
  }
  return text + (missing.size() > kNamedRangesMax ? " and more" : "");
}

Status Salvager::Survey() {
  for (const auto& [level, meta] : inventory_.tables) total_ += meta.size;
  for (uint64_t number : inventory_.unknown_tables) {
    const auto size = options_.fs->FileSize(JoinPath(options_.source, TableFileName(number)));
    if (size.ok()) total_ += *size;
  }
  const uint64_t tables_bytes = total_;
  for (const Inventory::Segment& segment : inventory_.segments) {
    total_ += segment.survey->file_bytes();
  }
  const auto advance = [this](uint64_t bytes) { Progress("reading", bytes); };
  tables_ = std::make_unique<SalvageTables>(options_, inventory_);
  RETURN_IF_ERROR(tables_->Survey(&parts_, advance));
  const PositionSet* held = inventory_.tables_are_certain ? nullptr : &tables_->positions();
  log_ = std::make_unique<SalvageLog>(options_, inventory_, inventory_.tree.tables.position, held);
  RETURN_IF_ERROR(log_->Survey(&parts_, advance, [this](const SalvageLoss& loss) { Tell(loss); }));
  const Status resolved = parts_.Resolve(&catalogue_);
  if (resolved.Is(StatusCode::kNotSupported)) return WithWriter(resolved, 0);
  if (!resolved.ok()) {
    SalvageLoss loss;
    loss.damage.what = std::string(resolved.message()) + "; its keyspace may have lost its name";
    Tell(loss);
  }
  summary_.last_position = log_->last_position();
  summary_.commits = log_->commits();
  summary_.segments = inventory_.segments.size();
  summary_.tables = tables_->tables();
  done_ = 0;
  total_ = tables_bytes;
  return Status::Ok();
}

// Whether other files have all that a table lost.
bool Salvager::IsElsewhere(const SalvageTables::Loss& loss) const {
  // The log, if it has every commit from the first the table may have been made of to the last that
  // is in tables. Then a key's newest among them is its state, whatever tables say; of a key that
  // has none the table held nothing. One that the log lacks may be a key's newest although it is
  // behind the table's last: it may have sunk below it and lost its position, or be a tombstone
  // that is gone, and an older one from the log would win.
  const LogPos last =
      std::max(inventory_.tree.tables.position, loss.last_position.value_or(log_->last_position()));
  // What a merge took in is older than its entry says: for its keys each commit there ever was.
  const bool has_all =
      MayHaveMerges(loss.keys)
          ? LogIsWhole()
          : log_->readable().Missing(std::max<LogPos>(loss.first_position, 1), last).empty();
  if (has_all) return true;
  // The keyspaces: each segment begins with all of them, and the commits behind it are there.
  const std::string end = KeyspaceEnd(kCatalogueKeyspace);
  const bool only_catalogue = loss.keys.last && *loss.keys.last < end;
  return only_catalogue && parts_.snapshot_end() &&
         log_->readable().Missing(*parts_.snapshot_end(), log_->last_position()).empty();
}

// Whether the log has every commit that tables may be made of.
bool Salvager::LogIsWhole() const {
  const LogPos in_tables = inventory_.tree.tables.position;
  const LogPos last =
      std::max(in_tables != 0 ? in_tables : log_->last_position(), tables_->positions().last());
  return log_->readable().Missing(1, last).empty();
}

bool Salvager::MayHaveMerges(const LostKeys& keys) const {
  const auto operators = catalogue_.operators().All();
  return std::any_of(operators.begin(), operators.end(), [&keys](const auto& of) {
    const bool begins = !keys.first || *keys.first < KeyspaceEnd(of.first);
    return begins && (!keys.last || *keys.last >= KeyspacePrefix(of.first));
  });
}

bool Salvager::OnlyLogCounts(std::string_view stored_key) const {
  return std::any_of(only_in_log_.begin(), only_in_log_.end(),
                     [stored_key](const LostKeys& keys) { return keys.Contain(stored_key); });
}

void Salvager::TellTableLosses() {
  // Then Collect takes all of it.
  const bool has_all = !inventory_.tables_are_certain && inventory_.tree.tables.position == 0;
  if (has_all && MayHaveMerges({}) && LogIsWhole()) only_in_log_.emplace_back();
  for (const SalvageTables::Loss& found : tables_->losses()) {
    if (found.entries) {
      lost_.push_back(found.keys);
      lost_.back().first_position = found.first_position;
      if (MayHaveMerges(found.keys) && LogIsWhole()) {
        lost_.back().first_position = 0;
        only_in_log_.push_back(lost_.back());
      }
      TellTableLoss(found, IsElsewhere(found));
      continue;
    }
    SalvageLoss loss = found.loss;
    loss.lost = false;
    loss.damage.what += "; no entry is lost by it";
    Tell(loss);
  }
}

void Salvager::TellTableLoss(const SalvageTables::Loss& found, bool is_elsewhere) {
  SalvageLoss loss = found.loss;
  loss.lost = !is_elsewhere;
  if (!loss.lost) loss.damage.what += "; the log has the same";
  SetDamagedKeys(found.keys.first.value_or(""), found.keys.last.value_or(""), &catalogue_,
                 &loss.damage);
  if (!found.keys.first) loss.damage.first_keyspace = "?";
  if (!found.keys.last) loss.damage.last_keyspace = "?";
  loss.damage.first_position = MayHaveMerges(found.keys) ? 0 : found.first_position;
  loss.damage.last_position = found.last_position.value_or(0);
  Tell(loss);
}

Status Salvager::Write() {
  SalvageTarget target(
      options_, inventory_.tree.settings, catalogue_,
      std::max({clock_->WallMicros(), inventory_.tree.tables.time_us, inventory_.tree.expired_us}));
  const uint64_t record_bytes_max = std::max(tables_->record_bytes_max(), log_->record_bytes_max());
  RETURN_IF_ERROR(target.Open(record_bytes_max));
  std::vector<std::unique_ptr<SalvageStream>> streams;
  // What only this reading loses no other file was asked for.
  tables_->AddStreams([this](uint64_t bytes) { Progress("writing", bytes); },
                      [this](const SalvageTables::Loss& loss) { TellTableLoss(loss, false); },
                      &streams);
  RETURN_IF_ERROR(log_->Collect(
      lost_, options_.memory_bytes / 4, SpillDirectory(),
      [this](const SalvageLoss& loss) { Tell(loss); }, &streams));
  RangeFragmenter ranges;
  tables_->AddRangeDeletes(&ranges);
  log_->AddRangeDeletes(&ranges);
  SalvageKeyRules rules;
  rules.deleted = ranges.Finish(std::span<const LogPos>());
  if (!only_in_log_.empty()) {
    rules.only_log = [this](std::string_view stored_key) { return OnlyLogCounts(stored_key); };
  }
  uint64_t entries = 0;
  const auto advance = [&] {
    const bool is_asked = ++entries % 4096 == 0 && options_.cancelled;
    return is_asked && options_.cancelled() ? Status::Cancelled("salvage") : Status::Ok();
  };
  RETURN_IF_ERROR(MergeKeys(streams, rules, advance,
                            [&](const SalvagedKey& found) { return target.Add(found); }));
  TellLeftOut(target);
  TellRefused(target);
  for (const auto& [number, name] : target.renamed()) {
    SalvageLoss loss;
    loss.damage.file = "keyspace " + std::to_string(number);
    loss.damage.what = "its name is lost; what is saved of it is in \"" + name + "\"";
    loss.lost = false;
    Tell(loss);
  }
  RETURN_IF_ERROR(target.Close());
  summary_.records = target.records();
  summary_.bytes = target.bytes();
  summary_.keyspaces = target.keyspaces();
  return Status::Ok();
}

// Without an operator there is nothing that could keep operands: the keys have the value below.
void Salvager::TellLeftOut(const SalvageTarget& target) {
  for (const auto& [number, left_out] : target.left_out()) {
    SalvageLoss loss;
    loss.damage.file = "keyspace " + std::to_string(number);
    loss.damage.what = (left_out.has_operator ? "what is stored as a merge is none"
                                              : "which merge operator it has is lost") +
                       std::string("; merges of ") + std::to_string(left_out.keys) +
                       " keys are left out, which have the value that lay below, or are missing";
    SetDamagedKeys(left_out.first, left_out.last, &catalogue_, &loss.damage);
    Tell(loss);
  }
}

// Not lost, but nothing that could be read either.
void Salvager::TellRefused(const SalvageTarget& target) {
  for (const auto& [number, refused] : target.refused()) {
    SalvageLoss loss;
    loss.damage.file = catalogue_.TextOf(number);
    loss.damage.what = "its merge operator refuses what is stored for " +
                       Counted(refused.keys, "key") +
                       ", which cannot be read, there as here, until put or deleted";
    loss.lost = false;
    summary_.refused += refused.keys;
    SetDamagedKeys(refused.first, refused.last, &catalogue_, &loss.damage);
    Tell(loss);
  }
}

// Best effort: what stays is no part of the new database.
void Salvager::RemoveSpilled() {
  const auto names = options_.fs->List(SpillDirectory());
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    static_cast<void>(options_.fs->Remove(JoinPath(SpillDirectory(), name)));
  }
  static_cast<void>(options_.fs->Remove(SpillDirectory()));
}

}  // namespace

Result<SalvageSummary> Salvage(const SalvageOptions& options) {
  SalvageOptions absolute = options;
  RETURN_IF_ERROR(CheckDatabasePath(options.source));
  RETURN_IF_ERROR(CheckDatabasePath(options.target));
  ASSIGN_OR_RETURN(absolute.source, options.fs->AbsolutePath(options.source));
  ASSIGN_OR_RETURN(absolute.target, options.fs->AbsolutePath(options.target));
  absolute.source = WithoutLastSlashes(std::move(absolute.source));
  absolute.target = WithoutLastSlashes(std::move(absolute.target));
  return Salvager(absolute).Run();
}

}  // namespace logwood
