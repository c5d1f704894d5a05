#include "db/salvage_log.h"

#include <algorithm>
#include <utility>

#include "compaction/table_sink.h"
#include "db/file_names.h"
#include "db/flush_job.h"
#include "db/fold.h"
#include "util/file_header.h"
#include "util/status_macros.h"
#include "wal/segments.h"

namespace logwood {

Status SalvageLog::Survey(SalvageCatalogue* catalogue, const std::function<void(uint64_t)>& advance,
                          const std::function<void(const SalvageLoss&)>& report) {
  const TreeState& tree = inventory_.tree;
  durable_ = std::max({tree.durable, tree.tables.position, in_tables_});
  if (tree.clean_close) durable_ = std::max(durable_, tree.clean_close->last_position);
  for (const Inventory::Segment& segment : inventory_.segments) {
    RETURN_IF_ERROR(SurveySegment(segment, catalogue));
    advance(segment.survey->file_bytes());
  }
  last_ = std::max({durable_, readable_.last(), last_});
  AddMissing();
  RETURN_IF_ERROR(FindLostEnd());
  for (SalvageLoss& loss : losses_) {
    const bool is_bounded = loss.damage.last_position != kPositionMax;
    Judge(&loss);
    LeaveOutReadable(&loss);
    report(loss);
    if (!is_bounded) FindLostEndBehind(loss);
  }
  for (const SalvageLoss& loss : other_histories_) report(loss);
  if (lost_end_) report(*lost_end_);
  losses_.clear();
  return Status::Ok();
}

Status SalvageLog::SurveySegment(const Inventory::Segment& segment, SalvageCatalogue* catalogue) {
  SegmentSurvey& survey = *segment.survey;
  durable_ = std::max(durable_, survey.durable_point());
  last_ = std::max(last_, survey.first_position() - 1);
  if (survey.has_header() && survey.probe().decoded.catalogue_bytes == survey.catalogue().size()) {
    const Status readable = CheckOperations(survey.catalogue());
    if (readable.Is(StatusCode::kNotSupported)) {
      return WithWriter(readable.WithContext(LogFileName(segment.number) + ":" +
                                             std::to_string(kCatalogueOffset)),
                        survey.probe().decoded.writer);
    }
    catalogue->AddSnapshot(survey.probe().header().catalogue_position, survey.first_position(),
                           survey.catalogue());
  }
  for (const SegmentFlaw& flaw : survey.head_flaws()) AddFlaw(segment, flaw);
  const bool extent_is_known = inventory_.ExtentIsKnown(segment);
  if (!extent_is_known) history_.Break();
  if (extent_is_known && survey.has_header()) {
    CheckHistory(segment, survey.first_position() - 1, survey.probe().header().history_hash);
  }
  ASSIGN_OR_RETURN(const SegmentSurvey::Summary summary,
                   survey.Read(
                       segment.limits,
                       [&](const CommitRecord& record) {
                         if (options_.cancelled && options_.cancelled())
                           return Status::Cancelled("salvage");
                         Status operations = CheckOperations(record.operations);
                         if (operations.Is(StatusCode::kNotSupported)) return operations;
                         ++commits_;
                         if (extent_is_known) {
                           CheckHistory(segment, record.position, record.history_hash);
                         }
                         readable_.Add(record.position, record.position);
                         record_bytes_max_ =
                             std::max<uint64_t>(record_bytes_max_, record.operations.size());
                         if ((record.flags & kFlagCatalogue) != 0) catalogue->AddCommit(record);
                         return Status::Ok();
                       },
                       [&](const SegmentFlaw& flaw) { AddFlaw(segment, flaw); }));
  durable_ = std::max(durable_, summary.durable);
  return Status::Ok();
}

void SalvageLog::CheckHistory(const Inventory::Segment& segment, LogPos position, uint64_t hash) {
  std::optional<std::string> what = history_.Add(position, hash);
  if (!what) return;
  SalvageLoss loss;
  loss.damage.file = LogFileName(segment.number);
  loss.damage.what = std::move(*what);
  loss.damage.first_position = position + 1;
  if (position < in_tables_) {
    loss.lost = false;
    loss.damage.what +=
        "; the tables have what was committed up to position " + std::to_string(in_tables_);
  }
  other_histories_.push_back(std::move(loss));
}

void SalvageLog::AddFlaw(const Inventory::Segment& segment, const SegmentFlaw& flaw) {
  losses_.push_back(LossOf(segment, flaw));
  const SalvageLoss& loss = losses_.back();
  if (loss.lost) told_.Add(loss.damage.first_position, loss.damage.last_position);
}

SalvageLoss SalvageLog::LossOf(const Inventory::Segment& segment, const SegmentFlaw& flaw) {
  SalvageLoss loss;
  loss.damage.file = LogFileName(segment.number);
  loss.damage.offset = flaw.offset;
  loss.damage.what = flaw.what;
  loss.end = flaw.end;
  loss.lost = flaw.kind == SegmentFlaw::Kind::kRecords && flaw.first_position <= flaw.last_position;
  if (loss.lost) {
    loss.damage.first_position = flaw.first_position;
    loss.damage.last_position = flaw.last_position;
  }
  return loss;
}

// The file that held the commit: the header of the segment behind it says it, or the manifest, or
// it is the newest one.
std::string SalvageLog::FileOf(LogPos position) const {
  const TreeState& tree = inventory_.tree;
  uint64_t file = std::max(tree.durable_segment, tree.clean_close ? tree.clean_close->segment : 0);
  if (!inventory_.segments.empty()) file = std::max(file, inventory_.segments.back().number);
  for (const Inventory::Segment& segment : inventory_.segments) {
    const SegmentSurvey& survey = *segment.survey;
    if (survey.first_position() <= position || !survey.has_header()) continue;
    file = survey.probe().header().predecessor;
    break;
  }
  return file != 0 ? LogFileName(file) : "the log";
}

// Commits that no file holds at all.
void SalvageLog::AddMissing() {
  LogPos begin = in_tables_ + 1;
  const bool reach_is_known = inventory_.certain || inventory_.tables_are_certain;
  if (in_tables_ == 0 && !reach_is_known && !inventory_.segments.empty()) {
    // Tables may hold what is older; that its segments are gone is how it should be.
    begin = inventory_.segments.front().survey->first_position();
  }
  for (const auto& [first, last] : readable_.Missing(begin, last_)) {
    for (const auto& [untold, untold_last] : told_.Missing(first, last)) {
      if (held_ == nullptr) {
        AddMissing(untold, untold_last);
        continue;
      }
      // What tables hold is told with the manifest, which does not say whether they count.
      for (const auto& [lost, lost_last] : held_->Missing(untold, untold_last)) {
        AddMissing(lost, lost_last);
      }
    }
  }
}

void SalvageLog::AddMissing(LogPos first, LogPos last) {
  SalvageLoss loss;
  loss.damage.file = FileOf(first);
  loss.damage.what = "the file is missing, or holds nothing that can be verified";
  loss.damage.first_position = first;
  loss.damage.last_position = last;
  losses_.push_back(std::move(loss));
}

Result<std::optional<HeadFlaw>> SalvageLog::HeadFlawOf(uint64_t segment) const {
  ASSIGN_OR_RETURN(auto file,
                   options_.fs->OpenRandomAccess(JoinPath(options_.source, LogFileName(segment))));
  return FindHeadFlaw(*file, /*is_end=*/true);
}

// The newest segment that an open demands (CheckDurableSegment, WhyFirstSegmentIsWrong): where
// nothing of it can be read and no later one says where it ended, what came behind the last commit
// that anything speaks of is gone, and nobody knows how much that was.
Status SalvageLog::FindLostEnd() {
  lost_end_.reset();
  const TreeState& tree = inventory_.tree;
  const uint64_t number = std::max(tree.durable_segment, tree.first_segment);
  if (number == 0 || tree.clean_close) return Status::Ok();  // that one says where the log ended
  uint64_t offset = 0;
  const Inventory::Segment* const newest =
      inventory_.segments.empty() ? nullptr : &inventory_.segments.back();
  if (newest != nullptr && newest->number >= number) {
    if (newest->number > number || readable_.last() >= newest->survey->first_position()) {
      return Status::Ok();
    }
    ASSIGN_OR_RETURN(const std::optional<HeadFlaw> flaw, HeadFlawOf(number));
    if (!flaw) return Status::Ok();  // it never held a commit that was durable
    offset = flaw->offset;
  }
  if (options_.ignore_writer) {
    // A writer may have begun it between the look at the log and the one at the manifest.
    const auto now =
        SegmentSurvey::Open(options_.fs, JoinPath(options_.source, LogFileName(number)));
    if (!now.ok() && !now.status().Is(StatusCode::kNotFound)) return now.status();
    bool is_new = now.ok() && (*now)->has_header() && (*now)->number() == number;
    if (is_new) {
      ASSIGN_OR_RETURN(const std::optional<HeadFlaw> flaw, HeadFlawOf(number));
      is_new = !flaw;
    }
    if (is_new && (*now)->instance_id() == tree.root.instance_id) return Status::Ok();
  }
  SalvageLoss& loss = lost_end_.emplace();
  loss.damage.file = LogFileName(number);
  loss.damage.offset = offset;
  loss.damage.what =
      "this log segment was durable and is missing or unreadable; how many commits it held is not "
      "known";
  loss.damage.first_position = last_ + 1;
  return Status::Ok();
}

// Where of several commits at the log's end none can be read, nobody knows whether they were the
// last: others may have gone with them that were not recorded as durable.
void SalvageLog::FindLostEndBehind(const SalvageLoss& loss) {
  const Damage& damage = loss.damage;
  const bool is_end = loss.lost && damage.last_position == last_ && damage.first_position < last_;
  if (!is_end || lost_end_ || inventory_.tree.clean_close) return;
  if (damage.file != LogFileName(inventory_.segments.back().number)) return;
  SalvageLoss& end = lost_end_.emplace();
  end.damage.file = damage.file;
  end.damage.offset = damage.offset;
  end.damage.what = "whether there were more commits is not known";
  end.damage.first_position = last_ + 1;
}

// Commits that were read once and not again, at the flaw that took them where there is one.
// `any_counts`: also those in tables, which lost keys of theirs.
void SalvageLog::AddVanished(const PositionSet& read, const std::vector<SalvageLoss>& flaws,
                             bool any_counts) {
  for (const auto& [first, last] : readable_.Lacking(read)) {
    for (LogPos at = first; at <= last; at = losses_.back().damage.last_position + 1) {
      const auto flaw = std::find_if(flaws.begin(), flaws.end(), [at](const SalvageLoss& f) {
        return f.damage.first_position <= at && at <= f.damage.last_position;
      });
      SalvageLoss loss = flaw != flaws.end() ? *flaw : SalvageLoss();
      if (flaw == flaws.end()) {
        loss.damage.file = FileOf(at);
        loss.damage.what = "the commits are gone";
        loss.damage.last_position = last;
      }
      loss.damage.what += kFirstReadingHadIt;
      loss.damage.first_position = at;
      loss.damage.last_position = std::min(loss.damage.last_position, last);
      if (!any_counts) Judge(&loss);
      losses_.push_back(std::move(loss));
    }
  }
}

// Lost is what no table has, and what is not a tail that nothing recorded as durable.
void SalvageLog::Judge(SalvageLoss* loss) const {
  Damage& damage = loss->damage;
  if (!loss->lost) {
    if (!lost_end_ || lost_end_->damage.file != damage.file) {
      damage.what += "; no commit is lost by it";
    }
    return;
  }
  damage.last_position = std::max(damage.first_position, std::min(damage.last_position, last_));
  if (damage.first_position > durable_ && damage.first_position > readable_.last()) {
    loss->lost = false;
    damage.what += lost_end_ ? "; part of the log's end that is lost"
                             : "; a tail that nothing recorded as durable";
  } else if (damage.last_position <= in_tables_) {
    loss->lost = false;
    damage.what += "; its commits are in tables";
  } else {
    damage.first_position = std::max(damage.first_position, in_tables_ + 1);
  }
}

// A flaw that nothing bounds reaches over what other segments have. Not for what a later reading
// finds: what could be read before may be what is gone now.
void SalvageLog::LeaveOutReadable(SalvageLoss* loss) const {
  if (!loss->lost) return;
  Damage& damage = loss->damage;
  const auto missing = readable_.Missing(damage.first_position, damage.last_position);
  if (missing.empty()) {
    loss->lost = false;
    damage.what += "; other segments have its commits";
    return;
  }
  damage.first_position = missing.front().first;
  damage.last_position = missing.back().second;
}

Status SalvageLog::Collect(const std::vector<LostKeys>& lost, uint64_t memory_bytes,
                           const std::string& directory,
                           const std::function<void(const SalvageLoss&)>& report,
                           std::vector<std::unique_ptr<SalvageStream>>* streams) {
  PositionSet read;
  std::vector<SalvageLoss> flaws;
  for (const Inventory::Segment& segment : inventory_.segments) {
    const auto summary = segment.survey->Read(
        segment.limits,
        [&](const CommitRecord& record) {
          if (options_.cancelled && options_.cancelled()) return Status::Cancelled("salvage");
          read.Add(record.position, record.position);
          RETURN_IF_ERROR(Take(record, lost));
          return memtable_->bytes_used() < memory_bytes ? Status::Ok() : Spill(directory);
        },
        [&](const SegmentFlaw& flaw) { flaws.push_back(LossOf(segment, flaw)); });
    RETURN_IF_ERROR(summary.status());
  }
  AddVanished(read, flaws, /*any_counts=*/!lost.empty());
  for (const SalvageLoss& loss : losses_) report(loss);
  for (const TableMeta& meta : spilled_) {
    const std::string path = JoinPath(directory, TableFileName(meta.number));
    ASSIGN_OR_RETURN(auto file, options_.fs->OpenRandomAccess(path));
    ASSIGN_OR_RETURN(const auto reader,
                     TableReader::Open(std::move(file), path, &meta, nullptr, nullptr));
    if (reader->range_deletes() != nullptr) spilled_ranges_.push_back(reader->range_deletes());
    TableScanOptions scan;
    scan.readahead_bytes = 64 * 1024;
    streams->push_back(NewIteratorStream(reader->NewIterator(scan), reader));
  }
  streams->push_back(NewIteratorStream(memtable_->NewIterator(), memtable_));
  return Status::Ok();
}

Status SalvageLog::Take(const CommitRecord& record, const std::vector<LostKeys>& lost) {
  if (record.position <= taken_) return Status::Ok();  // a second copy of a segment
  taken_ = record.position;
  Status inserted = Insert(record, lost);
  if (!inserted.Is(StatusCode::kCorruption)) return inserted;
  // A good checksum over what is no batch: nobody wrote that by accident.
  SalvageLoss loss;
  loss.damage.file = "the log";
  loss.damage.what = std::string(inserted.message());
  loss.damage.first_position = loss.damage.last_position = record.position;
  losses_.push_back(std::move(loss));
  return Status::Ok();
}

namespace {

// Greater than the key, and no key lies between; a key itself, or the next keyspace's prefix.
std::string BehindKey(const std::string& stored_key) {
  uint32_t keyspace = 0;
  std::string_view key;
  const bool may_be_longer =
      SplitStoredKey(stored_key, &keyspace, &key) && key.size() < kKeyBytesMax;
  return may_be_longer ? stored_key + '\0' : PrefixEnd(stored_key);
}

}  // namespace

// Of a range delete the pieces that lost entries may be of.
void SalvageLog::KeepOfRange(const BatchOperation& range, LogPos position,
                             const std::vector<LostKeys>& lost, std::string* kept) {
  for (const LostKeys& keys : lost) {
    if (position < keys.first_position) continue;
    const std::string behind_last = keys.last ? BehindKey(*keys.last) : std::string();
    std::string_view begin = range.stored_key, end = range.value;
    if (keys.first) begin = std::max<std::string_view>(begin, *keys.first);
    if (keys.last) end = std::min<std::string_view>(end, behind_last);
    if (begin < end) AppendRangeDelete(kept, begin, end);
  }
}

// Behind the tables everything; of older commits only what the tables lost, and only those that a
// lost entry may be of: an older one says nothing that the tables lost, and would win over entries
// whose positions were dropped, and over tombstones that are not there any more.
Status SalvageLog::Insert(const CommitRecord& record, const std::vector<LostKeys>& lost) {
  if (record.position > in_tables_) {
    return InsertFolded(record.operations, {record.position, record.time_us}, memtable_.get());
  }
  if (lost.empty()) return Status::Ok();
  std::string kept;
  BatchReader reader(record.operations);
  BatchOperation operation;
  while (reader.Next(&operation)) {
    const auto holds = [&](const LostKeys& keys) {
      return record.position >= keys.first_position && keys.Contain(operation.stored_key);
    };
    if (operation.kind == EntryKind::kRangeDelete) {
      KeepOfRange(operation, record.position, lost, &kept);
      continue;
    }
    if (std::none_of(lost.begin(), lost.end(), holds)) continue;
    uint32_t keyspace = 0;
    std::string_view key;
    SplitStoredKey(operation.stored_key, &keyspace, &key);  // the reader saw that it splits
    AppendOperation(&kept, operation.kind, keyspace, key, operation.value);
  }
  return kept.empty() ? Status::Ok()
                      : InsertFolded(kept, {record.position, record.time_us}, memtable_.get());
}

Status SalvageLog::Spill(const std::string& directory) {
  RETURN_IF_ERROR(options_.fs->CreateDirectory(directory));
  SinkOptions sink;
  sink.fs = options_.fs;
  sink.directory = directory;
  sink.next_number = [this] { return next_number_++; };
  const SealedMemtable sealed{memtable_, {}};
  ASSIGN_OR_RETURN(SinkResult result, RunFlush({&sealed, 1}, SurvivalRules{}, sink));
  for (TableMeta& meta : result.tables) spilled_.push_back(std::move(meta));
  memtable_ = std::make_shared<Memtable>();
  return Status::Ok();
}

void SalvageLog::AddRangeDeletes(RangeFragmenter* to) const {
  for (const RangeFragmentsPtr& ranges : spilled_ranges_) to->Add(*ranges);
  for (auto* range = memtable_->range_deletes().newest(); range != nullptr; range = range->previous)
    to->Add(range->begin, range->end, range->position);
}

}  // namespace logwood
