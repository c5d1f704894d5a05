// The model test must fail: a database with one planted fault is found out within a few lists, and
// the list that shows it is made short.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/metamorphic/forwarding_db.h"
#include "tests/metamorphic/planted.h"
#include "util/batch_codec.h"
#include "util/internal_key.h"

namespace logwood::test {
namespace {

struct ReadsNowInsteadOfASnapshot final : ForwardingDb {
  using DB::Get;
  using ForwardingDb::ForwardingDb;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    ReadOptions now = options;
    now.snapshot = nullptr;
    return base()->Get(now, keyspace, key, value);
  }
};

struct WalksNowInsteadOfASnapshot final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    IteratorOptions now = options;
    now.snapshot = nullptr;
    return base()->NewIterator(now, keyspace);
  }
};

struct ForgetsADelete final : ForwardingDb {
  using DB::Delete;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Delete(const WriteOptions& options, Keyspace keyspace,
                        std::string_view key) override {
    // Takes its position all the same.
    return key.size() % 3 == 0 ? base()->Write(options, WriteBatch())
                               : base()->Delete(options, keyspace, key);
  }
};

struct ABoundIncludes final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    IteratorOptions wider = options;
    if (wider.upper) wider.upper->push_back('\0');
    return base()->NewIterator(wider, keyspace);
  }
};

struct ABoundExcludes final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    IteratorOptions narrower = options;
    if (narrower.lower) narrower.lower->push_back('\0');
    return base()->NewIterator(narrower, keyspace);
  }
};

struct APrefixIsALowerBound final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    IteratorOptions open = options;
    if (!open.prefix.empty()) open.lower = std::max(open.lower.value_or(""), open.prefix);
    open.prefix.clear();
    return base()->NewIterator(open, keyspace);
  }
};

struct SkipsAPosition final : ForwardingDb {
  using DB::Put;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                     std::string_view value) override {
    if (++puts_ % 4 == 0) static_cast<void>(base()->Write(options, WriteBatch()));
    return base()->Put(options, keyspace, key, value);
  }
  uint64_t puts_ = 0;
};

struct GivesAnswersInAnotherOrder final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  std::vector<Status> MultiGet(const ReadOptions& options, Keyspace keyspace,
                               std::span<const std::string_view> keys,
                               std::span<PinnedValue> values) override {
    const std::vector<std::string_view> turned(keys.rbegin(), keys.rend());
    return base()->MultiGet(options, keyspace, turned, values);
  }
};

struct ContainsWhatItHasNot final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Result<bool> Contains(const ReadOptions& options, Keyspace keyspace,
                        std::string_view key) override {
    const Result<bool> contains = base()->Contains(options, keyspace, key);
    return contains.ok() ? Result<bool>(true) : contains;
  }
};

struct KeepsADroppedKeyspace final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Result<LogPos> DropKeyspace(const WriteOptions& options, std::string_view name) override {
    const Result<Keyspace> there = base()->OpenKeyspace(name);
    if (!there.ok()) return there.status();
    return base()->Write(options, WriteBatch());
  }
};

struct CutsAValue final : ForwardingDb {
  using DB::Put;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                     std::string_view value) override {
    return base()->Put(options, keyspace, key, value.substr(0, 1000));
  }
};

struct ForgetsWhenAKeyspaceWasMade final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Result<Keyspace> OpenOrCreateKeyspace(const WriteOptions& options, std::string_view name,
                                        LogPos* position) override {
    Result<Keyspace> keyspace = base()->OpenOrCreateKeyspace(options, name, position);
    if (position != nullptr) *position = base()->LastPosition();
    return keyspace;
  }
};

struct VerifiesHalf final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Status Verify(const std::function<void(const Damage&)>& report,
                const std::function<void(uint64_t, uint64_t)>& progress) override {
    return base()->Verify(
        report, [&](uint64_t done, uint64_t all) { progress(std::min(done, all / 2), all); });
  }
};

struct VerifiesNothing final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Status Verify(const std::function<void(const Damage&)>& /*report*/,
                const std::function<void(uint64_t, uint64_t)>& /*progress*/) override {
    return Status::Ok();
  }
};

// ---- Of range deletes

struct ForgetsARangesLastKey final : ForwardingDb {
  using DB::DeleteRange;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    IteratorOptions within;
    within.lower = begin;
    if (end) within.upper = *end;
    const std::unique_ptr<Iterator> last = base()->NewIterator(within, keyspace);
    last->SeekToLast();
    if (!last->Valid()) return base()->DeleteRange(options, keyspace, begin, end);
    return base()->DeleteRange(options, keyspace, begin, last->key());
  }
};

struct ARangeIncludesItsEnd final : ForwardingDb {
  using DB::DeleteRange;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    if (!end || *end <= begin || end->size() == kKeyBytesMax)
      return base()->DeleteRange(options, keyspace, begin, end);
    return base()->DeleteRange(options, keyspace, begin, std::string(*end) + '\0');
  }
};

struct ARangeIsMoreThanItsPrefix final : ForwardingDb {
  using DB::DeleteRange;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    const bool is_prefix = end && SuccessorOf(std::string(begin)) == *end;
    return base()->DeleteRange(options, keyspace, begin,
                               is_prefix ? std::optional<std::string_view>() : end);
  }
};

// Writes a batch's range deletes where they do not stand, or nowhere.
struct MovesRangesOfABatch : ForwardingDb {
  enum class To { kNowhere, kFront, kBack };
  MovesRangesOfABatch(std::unique_ptr<DB> base, To to) : ForwardingDb(std::move(base)), to_(to) {}
  Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) override {
    if (batch.range_count() == 0 || !batch.status().ok()) return base()->Write(options, batch);
    WriteBatch moved;
    moved.Note(batch.note());
    if (to_ == To::kFront) Copy(batch, true, &moved);
    Copy(batch, false, &moved);
    if (to_ == To::kBack) Copy(batch, true, &moved);
    return base()->Write(options, moved);
  }

 private:
  static void Copy(const WriteBatch& from, bool ranges, WriteBatch* to) {
    BatchReader reader(from.operations());
    for (BatchOperation operation; reader.Next(&operation);) {
      if ((operation.kind == EntryKind::kRangeDelete) == ranges)
        AppendOperationTo(operation, from.owner(), to);
    }
  }
  const To to_;
};

template <MovesRangesOfABatch::To to>
struct RangesOfABatchMoved final : MovesRangesOfABatch {
  explicit RangesOfABatchMoved(std::unique_ptr<DB> base)
      : MovesRangesOfABatch(std::move(base), to) {}
};

// Remembers the ranges that were deleted.
struct KnowsRanges : ForwardingDb {
  using DB::DeleteRange;
  using ForwardingDb::ForwardingDb;
  struct Range {
    uint32_t keyspace = 0;
    std::string begin, end;
    LogPos position = 0;
  };
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    Result<LogPos> position = base()->DeleteRange(options, keyspace, begin, end);
    if (position.ok() && end && *end > begin)
      ranges_.push_back({keyspace.number(), std::string(begin), std::string(*end), *position});
    return position;
  }
  const Range* Covering(uint32_t keyspace, std::string_view key, LogPos newer_than) const {
    for (const Range& range : ranges_) {
      if (range.keyspace == keyspace && range.begin <= key && key < range.end &&
          range.position > newer_than)
        return &range;
    }
    return nullptr;
  }
  std::vector<Range> ranges_;
};

struct ShowsARangeInOlderSnapshots final : KnowsRanges {
  using DB::Get;
  using KnowsRanges::KnowsRanges;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    const bool covered = options.snapshot != nullptr &&
                         Covering(keyspace.number(), key, options.snapshot->position()) != nullptr;
    return covered ? Status::NotFound("covered") : base()->Get(options, keyspace, key, value);
  }
};

// A seek into a range goes to its end, whatever was put there since.
struct SeeksBeyondARange final : KnowsRanges {
  using KnowsRanges::KnowsRanges;
  struct Skipping final : Iterator {
    Skipping(std::unique_ptr<Iterator> from, const SeeksBeyondARange* ranges, uint32_t number)
        : from_(std::move(from)), ranges_(ranges), keyspace_(number) {}
    void Seek(std::string_view target) override {
      const Range* const range = ranges_->Covering(keyspace_, target, 0);
      const bool is_seen = range != nullptr && range->position <= from_->position();
      from_->Seek(is_seen ? std::string_view(range->end) : target);
    }
    bool Valid() const override { return from_->Valid(); }
    void SeekToFirst() override { from_->SeekToFirst(); }
    void SeekToLast() override { from_->SeekToLast(); }
    void SeekForPrev(std::string_view target) override { from_->SeekForPrev(target); }
    void Next() override { from_->Next(); }
    void Prev() override { from_->Prev(); }
    std::string_view key() const override { return from_->key(); }
    std::string_view value() const override { return from_->value(); }
    Status status() const override { return from_->status(); }
    LogPos position() const override { return from_->position(); }

   private:
    const std::unique_ptr<Iterator> from_;
    const SeeksBeyondARange* const ranges_;
    const uint32_t keyspace_;
  };
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return std::make_unique<Skipping>(base()->NewIterator(options, keyspace), this,
                                      keyspace.number());
  }
};

// ---- Of merges

struct LosesAnOperand final : ForwardingDb {
  using DB::Merge;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    return operand.size() == 7 ? base()->Write(options, WriteBatch())
                               : base()->Merge(options, keyspace, key, operand);
  }
};

struct MergesTwice final : ForwardingDb {
  using DB::Merge;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    if (operand.size() != 7) return base()->Merge(options, keyspace, key, operand);
    WriteBatch batch;
    batch.Merge(keyspace, key, operand);
    batch.Merge(keyspace, key, operand);
    return base()->Write(options, batch);
  }
};

struct PutsAnOperandFirst final : ForwardingDb {
  using DB::Merge;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    std::string value;
    if (keyspace == Keyspace() && operand.size() == 7 && DB::Get({}, key, &value).ok())
      return base()->Put(options, keyspace, key, std::string(operand) + "," + value);
    return base()->Merge(options, keyspace, key, operand);
  }
};

// Two of one key that follow each other in a batch.
struct TurnsOperandsOfABatchRound final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) override {
    if (batch.merge_count() < 2 || batch.range_count() > 0 || !batch.status().ok())
      return base()->Write(options, batch);
    std::vector<BatchOperation> operations;
    BatchReader reader(batch.operations());
    for (BatchOperation operation; reader.Next(&operation);) operations.push_back(operation);
    for (size_t i = 1; i < operations.size(); ++i) {
      BatchOperation &older = operations[i - 1], &newer = operations[i];
      if (older.stored_key == newer.stored_key && older.kind == EntryKind::kMerge &&
          newer.kind == EntryKind::kMerge) {
        std::swap(older, newer);
      }
    }
    WriteBatch turned;
    turned.Note(batch.note());
    for (const BatchOperation& operation : operations)
      AppendOperationTo(operation, batch.owner(), &turned);
    return base()->Write(options, turned);
  }
};

struct ShowsAMergeInOlderSnapshots final : ForwardingDb {
  using DB::Get;
  using DB::Merge;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    Result<LogPos> position = base()->Merge(options, keyspace, key, operand);
    if (position.ok()) merged_[{keyspace.number(), std::string(key)}] = *position;
    return position;
  }
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    const auto merged = merged_.find({keyspace.number(), std::string(key)});
    ReadOptions seen = options;
    if (options.snapshot != nullptr && merged != merged_.end() &&
        merged->second > options.snapshot->position()) {
      seen.snapshot = nullptr;
    }
    return base()->Get(seen, keyspace, key, value);
  }
  std::map<std::pair<uint32_t, std::string>, LogPos> merged_;
};

// A merge finds what a range delete took away.
struct MergesOntoWhatARangeTook final : ForwardingDb {
  using DB::DeleteRange;
  using DB::Merge;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    IteratorOptions within;
    within.lower = begin;
    if (end) within.upper = *end;
    const std::unique_ptr<Iterator> rows = base()->NewIterator(within, keyspace);
    for (rows->SeekToFirst(); rows->Valid() && keyspace == Keyspace(); rows->Next())
      taken_[std::string(rows->key())] = rows->value();
    return base()->DeleteRange(options, keyspace, begin, end);
  }
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    const auto taken = taken_.find(std::string(key));
    std::string value;
    if (keyspace == Keyspace() && taken != taken_.end() && !DB::Get({}, key, &value).ok())
      return base()->Put(options, keyspace, key, taken->second + "," + std::string(operand));
    return base()->Merge(options, keyspace, key, operand);
  }
  std::map<std::string, std::string> taken_;
};

using To = MovesRangesOfABatch::To;

class PlantedFaults : public testing::TestWithParam<PlantedFault> {};

TEST_P(PlantedFaults, AreFoundAndTheirListsMadeShort) { ExpectFound(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Each, PlantedFaults,
    testing::Values(
        PlantedFault{"GetIgnoresSnapshots", Planted<ReadsNowInsteadOfASnapshot>()},
        PlantedFault{"IteratorsIgnoreSnapshots", Planted<WalksNowInsteadOfASnapshot>()},
        PlantedFault{"ADeleteIsForgotten", Planted<ForgetsADelete>()},
        PlantedFault{"TheUpperBoundIncludes", Planted<ABoundIncludes>()},
        PlantedFault{"TheLowerBoundExcludes", Planted<ABoundExcludes>()},
        PlantedFault{"APrefixIsALowerBound", Planted<APrefixIsALowerBound>()},
        PlantedFault{"APositionIsSkipped", Planted<SkipsAPosition>()},
        PlantedFault{"MultiGetTurnsTheOrderRound", Planted<GivesAnswersInAnotherOrder>()},
        PlantedFault{"ContainsIsAlwaysTrue", Planted<ContainsWhatItHasNot>()},
        PlantedFault{"ADroppedKeyspaceStays", Planted<KeepsADroppedKeyspace>()},
        PlantedFault{"ALongValueIsCut", Planted<CutsAValue>()},
        PlantedFault{"AKeyspaceSaysAnotherPosition", Planted<ForgetsWhenAKeyspaceWasMade>()},
        PlantedFault{"HalfIsVerified", Planted<VerifiesHalf>()},
        PlantedFault{"NothingIsVerified", Planted<VerifiesNothing>()},
        PlantedFault{"ARangesLastKeyIsForgotten", Planted<ForgetsARangesLastKey>()},
        PlantedFault{"ARangeIncludesItsEnd", Planted<ARangeIncludesItsEnd>()},
        PlantedFault{"ARangeIsMoreThanItsPrefix", Planted<ARangeIsMoreThanItsPrefix>()},
        PlantedFault{"ARangeInABatchIsForgotten", Planted<RangesOfABatchMoved<To::kNowhere>>()},
        PlantedFault{"ARangeInABatchComesFirst", Planted<RangesOfABatchMoved<To::kFront>>()},
        PlantedFault{"ARangeInABatchComesLast", Planted<RangesOfABatchMoved<To::kBack>>()},
        PlantedFault{"ARangeShowsInOlderSnapshots", Planted<ShowsARangeInOlderSnapshots>()},
        PlantedFault{"SeeksGoBeyondARange", Planted<SeeksBeyondARange>()},
        PlantedFault{"AnOperandIsLost", Planted<LosesAnOperand>()},
        PlantedFault{"AnOperandCountsTwice", Planted<MergesTwice>()},
        PlantedFault{"AnOperandComesFirst", Planted<PutsAnOperandFirst>()},
        PlantedFault{"OperandsOfABatchTurnRound", Planted<TurnsOperandsOfABatchRound>()},
        PlantedFault{"AMergeShowsInOlderSnapshots", Planted<ShowsAMergeInOlderSnapshots>()},
        PlantedFault{"AMergeFindsWhatARangeTook", Planted<MergesOntoWhatARangeTook>()}),
    [](const auto& fault) { return fault.param.name; });

TEST(PlantedFault, NoneIsFoundWhereNoneIs) { ExpectNoneFound(Planted<ForwardingDb>()); }

}  // namespace
}  // namespace logwood::test
