// SalvageLog: what the log still holds. Read twice: once to see which commits are there, once to
// take those that the tables lack.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/history_chain.h"
#include "db/inventory.h"
#include "db/position_set.h"
#include "db/salvage.h"
#include "db/salvage_catalogue.h"
#include "db/salvage_merge.h"
#include "db/segment_head.h"
#include "util/batch_codec.h"

namespace logwood {

// What is added to a loss that only the second reading met.
inline constexpr char kFirstReadingHadIt[] = "; the first reading could read it";

// Stored keys, both ends inclusive; an absent end: no bound.
struct LostKeys {
  std::optional<std::string> first, last;
  // Of the table that lost them: no entry of it is of an older commit. 0: any may be.
  LogPos first_position = 0;
  bool Contain(std::string_view key) const {
    return (!first || *first <= key) && (!last || key <= *last);
  }
};

class SalvageLog {
 public:
  // All outlive it. Of `in_tables` and below every commit is in tables; 0: not known. `held`: what
  // tables hold, where it is not certain which count; else null.
  SalvageLog(const SalvageOptions& options, const Inventory& inventory, LogPos in_tables,
             const PositionSet* held = nullptr)
      : options_(options), inventory_(inventory), in_tables_(in_tables), held_(held) {}

  // Reads all of it; reports what is damaged. `advance` gets the bytes read.
  Status Survey(SalvageCatalogue* catalogue, const std::function<void(uint64_t)>& advance,
                const std::function<void(const SalvageLoss&)>& report);
  const PositionSet& readable() const { return readable_; }
  LogPos durable_point() const { return durable_; }
  // The newest commit anything speaks of.
  LogPos last_position() const { return last_; }
  uint64_t commits() const { return commits_; }
  uint64_t record_bytes_max() const { return record_bytes_max_; }

  // Streams of the commits behind the tables, and of older ones whose keys the tables lost. At most
  // `memory_bytes` of them stay in memory; the rest goes into tables in `directory`, made when it
  // is needed. Reports commits that Survey could read and this reading cannot.
  Status Collect(const std::vector<LostKeys>& lost, uint64_t memory_bytes,
                 const std::string& directory,
                 const std::function<void(const SalvageLoss&)>& report,
                 std::vector<std::unique_ptr<SalvageStream>>* streams);
  // Those of the commits that Collect took; their keys live as long as this.
  void AddRangeDeletes(RangeFragmenter* to) const;

 private:
  Status SurveySegment(const Inventory::Segment& segment, SalvageCatalogue* catalogue);
  void AddFlaw(const Inventory::Segment& segment, const SegmentFlaw& flaw);
  static SalvageLoss LossOf(const Inventory::Segment& segment, const SegmentFlaw& flaw);
  void CheckHistory(const Inventory::Segment& segment, LogPos position, uint64_t hash);
  void AddMissing();
  void AddMissing(LogPos first, LogPos last);
  Status FindLostEnd();
  void FindLostEndBehind(const SalvageLoss& loss);
  Result<std::optional<HeadFlaw>> HeadFlawOf(uint64_t segment) const;
  void AddVanished(const PositionSet& read, const std::vector<SalvageLoss>& flaws, bool any_counts);
  std::string FileOf(LogPos position) const;
  void Judge(SalvageLoss* loss) const;
  void LeaveOutReadable(SalvageLoss* loss) const;
  Status Take(const CommitRecord& record, const std::vector<LostKeys>& lost);
  Status Insert(const CommitRecord& record, const std::vector<LostKeys>& lost);
  static void KeepOfRange(const BatchOperation& range, LogPos position,
                          const std::vector<LostKeys>& lost, std::string* kept);
  Status Spill(const std::string& directory);

  const SalvageOptions& options_;
  const Inventory& inventory_;
  const LogPos in_tables_;
  const PositionSet* const held_;
  PositionSet readable_;
  PositionSet told_;  // of which a flaw speaks
  std::vector<SalvageLoss> losses_;
  // What the segment held that must be the newest and cannot be read.
  std::optional<SalvageLoss> lost_end_;
  LogPos durable_ = 0;
  LogPos last_ = 0;
  uint64_t commits_ = 0;
  uint64_t record_bytes_max_ = 0;

  std::shared_ptr<Memtable> memtable_ = std::make_shared<Memtable>();
  std::vector<TableMeta> spilled_;
  std::vector<RangeFragmentsPtr> spilled_ranges_;
  uint64_t next_number_ = 1;
  LogPos taken_ = 0;
  HistoryChain history_{inventory_.tree.tables};
  std::vector<SalvageLoss> other_histories_;
};

}  // namespace logwood
