#include "db/directory_check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "db/damage.h"
#include "db/file_names.h"
#include "db/file_ownership.h"
#include "db/history_chain.h"
#include "db/inventory.h"
#include "db/table_check.h"
#include "table/table_reader.h"
#include "util/batch_codec.h"
#include "util/executor.h"
#include "util/file_header.h"
#include "util/internal_key.h"
#include "util/path.h"
#include "util/status_macros.h"
#include "wal/segments.h"

namespace logwood {

namespace {

constexpr int kLooksBesideWriter = 5;
constexpr int kTriesBesideWriter = 50;  // a look ends early where a file goes meanwhile
constexpr uint64_t kPauseMicros = 100'000;

// One look at the directory. Findings go to the two functions.
class DirectoryChecker {
 public:
  using Tell = std::function<void(const Damage&)>;
  DirectoryChecker(const DirectoryCheckOptions& options, Tell damage, Tell note)
      : options_(options), tell_damage_(std::move(damage)), tell_note_(std::move(note)) {}

  // `only`: the tables to look at; null: all.
  Status Run(const std::set<std::string>* only) {
    ASSIGN_OR_RETURN(inventory_, TakeInventory(options_.fs, options_.path));
    summary_.manifest_is_certain = inventory_.certain;
    AddTotal(only);
    LoadNames();
    history_ = HistoryChain(inventory_.tree.tables);
    RETURN_IF_ERROR(JudgeLog());
    for (Damage& damage : inventory_.damages) TellOnce(std::move(damage), true);
    for (Damage& note : inventory_.notes) TellOnce(std::move(note), false);
    TellLeftovers();
    for (const Inventory::Segment& segment : inventory_.segments) {
      RETURN_IF_ERROR(CheckSegment(segment));
    }
    // No file of which it could be said better.
    if (verdict_) TellOnce(*std::exchange(verdict_, std::nullopt), true);
    for (const auto& [level, meta] : inventory_.tables) {
      if (Wanted(only, meta.number)) CheckTableOf(meta);
    }
    for (uint64_t number : inventory_.unknown_tables) {
      if (Wanted(only, number)) RETURN_IF_ERROR(CheckUnknownTable(number));
    }
    return Status::Ok();
  }
  const DirectoryCheckSummary& summary() const { return summary_; }
  const Status& not_opened() const { return not_opened_; }

 private:
  static bool Wanted(const std::set<std::string>* only, uint64_t number) {
    return only == nullptr || only->contains(TableFileName(number));
  }
  void AddTotal(const std::set<std::string>* only);
  void LoadNames();
  Status JudgeLog();
  void TellOnce(Damage damage, bool certain);
  void TellLeftovers();
  void CheckHistory(const Inventory::Segment& segment, LogPos position, uint64_t hash);
  void CheckCatalogueOf(const Inventory::Segment& segment);
  Status CheckSegment(const Inventory::Segment& segment);
  void TellFlaw(const Inventory::Segment& segment, const SegmentFlaw& flaw);
  bool WasDurable(const Inventory::Segment& segment) const;
  bool WasRemoved(const Inventory::Segment& segment) const;
  void CheckTableOf(const TableMeta& meta);
  Status CheckUnknownTable(uint64_t number);
  void NotOpened(const Status& why) {
    if (not_opened_.ok()) not_opened_ = why;
  }
  void Advance(uint64_t bytes) {
    summary_.bytes += bytes;
    total_ = std::max(total_, summary_.bytes);
    if (options_.progress) options_.progress(summary_.bytes, total_);
  }

  const DirectoryCheckOptions& options_;
  const Tell tell_damage_, tell_note_;
  Inventory inventory_;
  Catalogue names_;
  HistoryChain history_;
  DirectoryCheckSummary summary_;
  uint64_t total_ = 0;
  LogPos durable_ = 0;
  uint64_t durable_segment_ = 0;
  // Why the log does not open; until another finding is of the same place.
  std::optional<Damage> verdict_;
  std::set<std::pair<std::string, uint64_t>> told_;
  Status not_opened_;  // why the first file was not read whole, for another reason than damage
};

// What there is to read: a table may be missing or cut.
void DirectoryChecker::AddTotal(const std::set<std::string>* only) {
  std::vector<uint64_t> tables = inventory_.unknown_tables;
  for (const auto& [level, meta] : inventory_.tables) tables.push_back(meta.number);
  for (uint64_t number : tables) {
    const auto size = options_.fs->FileSize(JoinPath(options_.path, TableFileName(number)));
    if (size.ok() && Wanted(only, number)) total_ += *size;
  }
  for (const Inventory::Segment& segment : inventory_.segments) {
    total_ += segment.survey->file_bytes();
  }
}

// For messages: as the newest segment that says it, and the records behind it, have them.
void DirectoryChecker::LoadNames() {
  for (const Inventory::Segment& segment : inventory_.segments) {
    const SegmentSurvey& survey = *segment.survey;
    // What it says of rows, CheckSegment tells.
    static_cast<void>(names_.Apply(survey.catalogue(), survey.probe().header().catalogue_position));
  }
}

// The verdict of an open: how far the log goes, and whether what ends it is damage or a tail.
Status DirectoryChecker::JudgeLog() {
  TreeState tree = inventory_.tree;
  const bool reach_is_known = inventory_.certain || inventory_.tables_are_certain;
  if (!reach_is_known && !inventory_.segments.empty()) {
    // A lost edit may say that tables reach further than is known; that older segments are gone is
    // how it should be then.
    const Inventory::Segment& oldest = inventory_.segments.front();
    const LogPos before = std::max<LogPos>(oldest.survey->first_position(), 1) - 1;
    if (before > tree.tables.position) tree.tables = TablesState{before, 0, 0};
    if (tree.first_segment < oldest.number) tree.first_segment = 0;
    if (tree.durable_segment < oldest.number) tree.durable_segment = 0;
  }
  ASSIGN_OR_RETURN(const ReplayResult replay,
                   ReplayTree(options_.fs, options_.path, inventory_.listing, tree,
                              [](const CommitRecord&) { return Status::Ok(); }));
  durable_ = std::max(replay.durable_point, tree.tables.position);
  durable_segment_ = tree.durable_segment;
  if (tree.clean_close) durable_segment_ = std::max(durable_segment_, tree.clean_close->segment);
  summary_.last_position = std::max(replay.last_position, tree.tables.position);
  summary_.durable_point = durable_;
  if (!replay.damage.ok()) {
    verdict_ = LogDamageOf(options_.path, tree, replay);
  }
  if (replay.tail) {
    Damage note;
    note.file = replay.tail->file;
    note.offset = replay.tail->offset;
    note.what = std::to_string(replay.tail->bytes) +
                " bytes behind the last good commit were never recorded as durable; opening "
                "for writing cuts them off (" +
                replay.tail->reason + ")";
    if (replay.tail->commits > 0) {
      note.what += "; commits among them that are whole, which salvage copies: " +
                   std::to_string(replay.tail->commits);
    }
    note.first_position = replay.last_position + 1;
    note.last_position = std::max(note.first_position, replay.tail->last_position);
    summary_.unproven_tail_bytes = replay.tail->bytes;
    summary_.unproven_tail_commits = replay.tail->commits;
    TellOnce(std::move(note), false);
  }
  return Status::Ok();
}

// Of ROOT, manifest or log. One place is told once; what an open says of it is certain.
void DirectoryChecker::TellOnce(Damage damage, bool certain) {
  if (!told_.emplace(damage.file, damage.offset).second) return;
  if (verdict_ && damage.file == verdict_->file && damage.offset == verdict_->offset) {
    damage.what = std::move(verdict_->what);
    if (damage.last_position == 0) {
      damage.first_position = verdict_->first_position;
      damage.last_position = verdict_->last_position;
    }
    verdict_.reset();
    certain = true;
  }
  (certain ? tell_damage_ : tell_note_)(damage);
}

void DirectoryChecker::TellLeftovers() {
  if (options_.beside_writer) return;  // what it makes just now
  for (const std::string& name : inventory_.leftovers) {
    Damage note;
    note.file = name;
    const Result<bool> ours = MayBeOurs(options_.fs, options_.path, name);
    if (!ours.ok()) {
      note.what = "no part of the database; " + std::string(ours.status().message());
    } else {
      note.what = *ours ? "no part of the database; opening for writing removes it"
                        : "no part of the database, and no file of Logwood's";
    }
    TellOnce(std::move(note), false);
  }
}

void DirectoryChecker::CheckHistory(const Inventory::Segment& segment, LogPos position,
                                    uint64_t hash) {
  std::optional<std::string> what = history_.Add(position, hash);
  if (!what || WasRemoved(segment)) return;
  Damage damage;
  damage.file = LogFileName(segment.number);
  damage.what = std::move(*what);
  damage.first_position = position + 1;
  // Told besides what else there is of the place, but for an open's verdict, which is the same.
  const bool is_verdict =
      verdict_ && verdict_->file == damage.file && verdict_->offset == damage.offset;
  if (is_verdict) return TellOnce(std::move(damage), true);
  tell_damage_(damage);
}

void DirectoryChecker::CheckCatalogueOf(const Inventory::Segment& segment) {
  const SegmentSurvey& survey = *segment.survey;
  const SegmentProbe& probe = survey.probe();
  const Status applied = Catalogue().Apply(survey.catalogue(), probe.header().catalogue_position);
  if (applied.Is(StatusCode::kNotSupported)) {
    NotOpened(WithWriter(
        applied.WithContext(LogFileName(segment.number) + ":" + std::to_string(kCatalogueOffset)),
        probe.decoded.writer));
  } else if (!applied.ok()) {
    TellFlaw(segment,
             {SegmentFlaw::Kind::kCatalogue, kCatalogueOffset,
              kCatalogueOffset + survey.catalogue().size(), std::string(applied.message())});
  }
}

Status DirectoryChecker::CheckSegment(const Inventory::Segment& segment) {
  ++summary_.segments;
  for (const SegmentFlaw& flaw : segment.survey->head_flaws()) TellFlaw(segment, flaw);
  CheckCatalogueOf(segment);
  const bool extent_is_known = inventory_.ExtentIsKnown(segment);
  if (!extent_is_known) history_.Break();
  if (extent_is_known && segment.survey->has_header()) {
    CheckHistory(segment, segment.survey->first_position() - 1,
                 segment.survey->probe().header().history_hash);
  }
  const auto take = [&](const CommitRecord& record) {
    if (extent_is_known) CheckHistory(segment, record.position, record.history_hash);
    if ((record.flags & kFlagCatalogue) == 0) return CheckOperations(record.operations);
    return names_.Apply(record.operations, record.position);
  };
  Status read =
      segment.survey
          ->Read(segment.limits, take, [&](const SegmentFlaw& flaw) { TellFlaw(segment, flaw); })
          .status();
  if (!read.Is(StatusCode::kNotSupported)) {
    RETURN_IF_ERROR(std::move(read));
  } else {
    NotOpened(read);
  }
  Advance(segment.survey->file_bytes());
  return Status::Ok();
}

// Whether the segment's name and what lies before its commits were durable.
bool DirectoryChecker::WasDurable(const Inventory::Segment& segment) const {
  const LogPos first = segment.survey->first_position();
  const bool holds_commits =
      !segment.limits.last_position || *segment.limits.last_position >= first;
  return segment.number <= durable_segment_ || (holds_commits && first <= durable_);
}

// What a writer removed meanwhile, nothing needs any more.
bool DirectoryChecker::WasRemoved(const Inventory::Segment& segment) const {
  if (!options_.beside_writer) return false;
  const auto there = options_.fs->Exists(JoinPath(options_.path, LogFileName(segment.number)));
  return there.ok() && !*there;
}

void DirectoryChecker::TellFlaw(const Inventory::Segment& segment, const SegmentFlaw& flaw) {
  if (WasRemoved(segment)) return;
  using Kind = SegmentFlaw::Kind;
  Damage damage;
  damage.file = LogFileName(segment.number);
  damage.offset = flaw.offset;
  damage.what = flaw.what;
  bool certain = WasDurable(segment);
  if (flaw.kind == Kind::kCommit) {
    // No tear leaves a whole record, and opening refuses one that it comes to.
    certain = flaw.first_position <= std::max(summary_.last_position, durable_);
    damage.first_position = damage.last_position = flaw.first_position;
  } else if (flaw.kind == Kind::kRecords) {
    certain = certain && flaw.first_position <= durable_;
    // What is in tables needs no log: the rest of it was removed, and a crash brought this one
    // back.
    const TreeState& tree = inventory_.tree;
    // Where the next segment is gone nothing says how much of this one counted: this may be in a
    // tail that was cut. One that its trailer ends is as its writer left it.
    const bool rest_is_gone = !flaw.is_sealed_end &&
                              (flaw.end == flaw.offset || !inventory_.ExtentIsKnown(segment)) &&
                              flaw.first_position <= tree.tables.position;
    const bool is_needed = tree.clean_close && !WaitsForRemoval(tree, segment.number);
    certain = certain && (!rest_is_gone || is_needed);
    damage.first_position = flaw.first_position;
    damage.last_position = flaw.last_position != kPositionMax
                               ? flaw.last_position
                               : std::max(durable_, flaw.first_position);
  } else if (flaw.kind == Kind::kTrailer) {
    // A crash may tear it after all before it was made durable, and it is never written again; the
    // last one was made durable by a clean close.
    certain = inventory_.tree.clean_close && inventory_.tree.clean_close->segment == segment.number;
    damage.what += "; no commit is affected";
  } else if (flaw.kind == Kind::kSlot) {
    certain = false;  // a crash may tear it at any time
  } else if (flaw.kind != Kind::kHeader) {
    damage.what += "; no commit is affected";
  }
  TellOnce(std::move(damage), certain);
}

void DirectoryChecker::CheckTableOf(const TableMeta& meta) {
  ++summary_.tables;
  TableCheck check;
  check.fs = options_.fs;
  check.directory = options_.path;
  check.names = &names_;
  check.report = tell_damage_;
  // Of a table that is missing or cut there is less to read than the manifest says.
  const auto size = options_.fs->FileSize(JoinPath(options_.path, TableFileName(meta.number)));
  uint64_t left = size.ok() ? *size : 0;
  check.advance = [&](uint64_t bytes) {
    Advance(std::min(bytes, left));
    left -= std::min(bytes, left);
  };
  const Status status = CheckTable(check, meta);
  if (!status.Is(StatusCode::kCorruption)) NotOpened(status);
}

// By its own word alone.
Status DirectoryChecker::CheckUnknownTable(uint64_t number) {
  ++summary_.tables;
  Damage note;
  note.file = TableFileName(number);
  const std::string path = JoinPath(options_.path, note.file);
  auto file = options_.fs->OpenRandomAccess(path);
  if (file.status().Is(StatusCode::kNotFound)) return Status::Ok();
  RETURN_IF_ERROR(file.status());
  auto reader = TableReader::Open(std::move(*file), path, nullptr, nullptr, nullptr);
  if (!reader.ok() && !reader.status().Is(StatusCode::kCorruption)) return reader.status();
  if (!reader.ok()) {
    tell_damage_(DamageFrom(reader.status(), options_.path, note.file));
    return Status::Ok();
  }
  const TableProperties& properties = (*reader)->properties();
  note.what = "a table of which no manifest says whether it counts, with " +
              std::to_string(properties.entries) + " entries";
  SetDamagedPositions(properties.min_position, properties.max_position, &note);
  SetDamagedKeys(properties.smallest_key, properties.largest_key, &names_, &note);
  tell_note_(note);
  const Status verified =
      (*reader)->Verify(nullptr,
                        [&](const TableReader::BlockDamage& block) {
                          if (block.status.Is(StatusCode::kNotSupported)) return;
                          Damage damage = DamageFrom(block.status, options_.path, note.file);
                          SetDamagedKeys(block.first_key, block.last_key, &names_, &damage);
                          damage.first_position = note.first_position;
                          damage.last_position = note.last_position;
                          tell_damage_(damage);
                        },
                        {});
  Advance((*reader)->file_bytes());
  if (verified.Is(StatusCode::kNotSupported)) NotOpened(verified);
  return Status::Ok();  // damage is told
}

bool IsAmong(const Damage& damage, const std::vector<Damage>& others) {
  return std::any_of(others.begin(), others.end(), [&damage](const Damage& other) {
    return other.file == damage.file && other.offset == damage.offset;
  });
}

// With a writer at work, who removes files and commits edits while they are read: only what two
// looks, one after the other, find in the same place is told.
Result<DirectoryCheckSummary> CheckBesideWriter(const DirectoryCheckOptions& options) {
  ASSIGN_OR_RETURN(const DirectoryListing listing, ListDirectory(options.fs, options.path));
  if (HoldsNoDatabase(listing)) {
    return Status::NotFound(options.path + ": there is no database");
  }
  const std::unique_ptr<Executor> clock = NewThreadPool(1);
  std::vector<Damage> confirmed, last, notes;
  std::set<std::string> suspects;
  DirectoryCheckSummary summary;
  Status status;
  Status not_opened;
  int whole_looks = 0;
  for (int i = 0; i < kTriesBesideWriter && whole_looks < kLooksBesideWriter; ++i) {
    if (i > 0) clock->SleepMicros(kPauseMicros);
    std::vector<Damage> found, noted;
    DirectoryChecker checker(
        options, [&found](const Damage& damage) { found.push_back(damage); },
        [&noted](const Damage& note) { noted.push_back(note); });
    status = checker.Run(whole_looks > 0 ? &suspects : nullptr);
    if (status.Is(StatusCode::kNotFound)) continue;  // removed while we looked
    if (!status.ok()) break;
    if (whole_looks == 0) summary = checker.summary();
    ++whole_looks;
    if (not_opened.ok()) not_opened = checker.not_opened();
    confirmed.clear();
    for (const Damage& damage : found) {
      if (IsAmong(damage, last)) confirmed.push_back(damage);
    }
    notes = std::move(noted);
    last = std::move(found);
    if (last.empty()) break;
    suspects.clear();
    for (const Damage& damage : last) suspects.insert(damage.file);
  }
  clock->Shutdown();
  for (const Damage& damage : confirmed) options.damage(damage);
  for (const Damage& note : notes) options.note(note);
  summary.damages = confirmed.size();
  // What one look found no other has confirmed or refuted.
  const bool undecided = whole_looks == 0 || (whole_looks == 1 && !last.empty());
  if (undecided && status.Is(StatusCode::kNotFound)) {
    return Status::Busy(options.path + ": a writer removes files while they are read; try again (" +
                        std::string(status.message()) + ")");
  }
  if (!status.Is(StatusCode::kNotFound)) RETURN_IF_ERROR(std::move(status));
  RETURN_IF_ERROR(std::move(not_opened));
  return summary;
}

}  // namespace

Result<DirectoryCheckSummary> CheckDirectory(const DirectoryCheckOptions& given) {
  DirectoryCheckOptions options = given;
  ASSIGN_OR_RETURN(options.path, given.fs->AbsolutePath(given.path));
  options.path = WithoutLastSlashes(std::move(options.path));
  if (options.beside_writer) return CheckBesideWriter(options);
  uint64_t damages = 0;
  DirectoryChecker checker(
      options,
      [&](const Damage& damage) {
        ++damages;
        options.damage(damage);
      },
      options.note);
  RETURN_IF_ERROR(checker.Run(nullptr));
  RETURN_IF_ERROR(Status(checker.not_opened()));
  DirectoryCheckSummary summary = checker.summary();
  summary.damages = damages;
  return summary;
}

}  // namespace logwood
