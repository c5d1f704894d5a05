#include "db/fold.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "util/batch_codec.h"
#include "util/coding.h"
#include "util/expiring_value.h"
#include "util/merge_value.h"
#include "util/range_fragments.h"
#include "util/thread_scratch.h"

namespace logwood {

namespace {

// Batches of more are not collected: at 40 bytes an operation that could be a multiple of the
// batch.
constexpr size_t kCollectedMax = 512;

// The most bytes of a merge that took in the version below it. Each further merge repeats them.
constexpr size_t kMergedBytesMax = 128;

// Where the operations go.
struct FoldTarget {
  LogPos position = 0;
  uint64_t time_us = 0;
  Memtable* memtable = nullptr;
  const KeyspaceOperators* operators = nullptr;
};

// Kind and value as an entry has them: the time at which a put expires in place of how long it
// lasts, and where that is for ever, a put. `bytes` holds what is not in the operation.
BatchOperation AsEntry(BatchOperation operation, uint64_t time_us, std::string* bytes) {
  if (operation.kind != EntryKind::kPutExpiring) [[likely]]
    return operation;
  const uint64_t ttl_us = ExpiryOf(operation.value);
  const std::string_view value = WithoutExpiry(operation.value);
  if (ttl_us == 0) {
    operation.kind = EntryKind::kPut;
    operation.value = value;
    return operation;
  }
  AppendExpiring(bytes, ExpiryAfter(time_us, ttl_us), value);
  operation.value = *bytes;
  return operation;
}

void Insert(const BatchOperation& operation, const FoldTarget& target) {
  std::string bytes;
  const BatchOperation entry = AsEntry(operation, target.time_us, &bytes);
  target.memtable->Insert(entry.stored_key, PackTrailer(target.position, entry.kind), entry.value);
}

// What the operands become together with the key's newest version in the memtable. False: they are
// better left alone.
bool MergeOntoNewest(const MergeOperator& merge_operator, std::string_view stored_key,
                     std::string_view operands, const FoldTarget& target, FoldedMerge* folded) {
  const auto newest = target.memtable->NewestBelow(stored_key, target.position);
  if (!newest || newest->value.size() > kMergedBytesMax) return false;
  std::string_view entries[2] = {operands, newest->value};
  MergedOnto below;
  LogPos since = 0;
  const EntryKind kind = TrailerKind(newest->trailer);
  if (kind == EntryKind::kMerge) {
    MergeValue value;
    if (!ReadMergeValue(newest->value, &value).ok()) return false;
    since = value.since != 0 ? value.since : TrailerPosition(newest->trailer);
  } else {
    below = BaseOf(kind, newest->value);
  }
  const size_t count = kind == EntryKind::kMerge ? 2 : 1;
  return FoldMerges(&merge_operator, below, std::span(entries, count), since, 0, folded).ok() &&
         folded->value.size() <= kMergedBytesMax;
}

// The last operations on a key: merges, and what they merge with if the batch has it.
void InsertMerges(const BatchOperation* base, std::span<const BatchOperation> merges,
                  const FoldTarget& target) {
  MergedOnto onto;
  std::string base_bytes;
  if (base != nullptr) {
    const BatchOperation entry = AsEntry(*base, target.time_us, &base_bytes);
    onto = BaseOf(entry.kind, entry.value);
  }
  std::string value;
  AppendMergeBase(&value, onto);
  for (const BatchOperation& merge : merges) AppendMergeOperand(&value, merge.value);
  const std::string_view key = merges.front().stored_key;
  FoldedMerge folded;
  const MergeOperator* merge_operator =
      target.operators == nullptr ? nullptr : target.operators->FindFor(key);
  const std::string_view entry = value;
  const bool is_folded = merge_operator != nullptr &&
                         (onto.kind != MergeBase::kBelow
                              ? FoldMerges(merge_operator, {}, {&entry, 1}, 0, 0, &folded).ok()
                              : MergeOntoNewest(*merge_operator, key, entry, target, &folded));
  target.memtable->Insert(key,
                          PackTrailer(target.position, is_folded ? folded.kind : EntryKind::kMerge),
                          is_folded ? std::string_view(folded.value) : entry);
}

// The operations on one key, in order.
void InsertKey(std::span<const BatchOperation> operations, const FoldTarget& target) {
  size_t merges = operations.size();
  while (merges > 0 && operations[merges - 1].kind == EntryKind::kMerge) --merges;
  if (merges == operations.size()) return Insert(operations.back(), target);
  InsertMerges(merges == 0 ? nullptr : &operations[merges - 1], operations.subspan(merges), target);
}

// Takes operations that come in key order, those of one key in theirs.
class KeyByKey {
 public:
  explicit KeyByKey(const FoldTarget& target) : target_(target) {}

  void Add(const BatchOperation& operation) {
    if (!of_key_.empty() && of_key_.back().stored_key != operation.stored_key) End();
    // Of those before a put or a delete nothing is left.
    if (operation.kind != EntryKind::kMerge) of_key_.clear();
    of_key_.push_back(operation);
  }
  void End() {
    if (!of_key_.empty()) InsertKey(of_key_, target_);
    of_key_.clear();
  }

 private:
  const FoldTarget target_;
  std::vector<BatchOperation> of_key_;
};

void InsertCollected(std::span<const BatchOperation> sorted, const FoldTarget& target) {
  for (size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    end = begin + 1;
    while (end < sorted.size() && sorted[end].stored_key == sorted[begin].stored_key) ++end;
    if (sorted[end - 1].kind != EntryKind::kMerge) [[likely]] {
      Insert(sorted[end - 1], target);
    } else {
      InsertKey(sorted.subspan(begin, end - begin), target);
    }
  }
}

// What comes in key order is inserted as it is read.
void InsertAscending(std::string_view operations, const FoldTarget& target) {
  BatchReader reader(operations);
  BatchOperation operation;
  KeyByKey keys(target);
  while (reader.Next(&operation)) keys.Add(operation);
  keys.End();
}

// REQUIRES: BatchReader has read the operations.
std::string_view KeyAt(std::string_view operations, uint32_t offset) {
  return Decoder(operations.substr(offset + 1)).LengthPrefixed();
}

// Sorts where the operations begin, four bytes each. A range delete takes away the operations
// before it that it covers: with where they begin for positions, that is what fragments tell.
void InsertSorted(std::string_view operations, uint64_t count, const FoldTarget& target) {
  static_assert(kBatchBytesMax <= UINT32_MAX);
  std::vector<uint32_t> offsets;
  offsets.reserve(count);
  RangeFragmenter ranges;
  BatchReader reader(operations);
  BatchOperation operation;
  auto offset = [&] { return static_cast<uint32_t>(operations.size() - reader.remaining()); };
  for (uint32_t at = 0; reader.Next(&operation); at = offset()) {
    if (operation.kind != EntryKind::kRangeDelete) {
      offsets.push_back(at);
      continue;
    }
    ranges.Add(operation.stored_key, operation.value, at);
    target.memtable->InsertRangeDelete(operation.stored_key, operation.value, target.position);
  }
  const RangeFragmentsPtr deleted = ranges.Finish(std::span<const LogPos>());
  std::sort(offsets.begin(), offsets.end(), [&](uint32_t a, uint32_t b) {
    const int order = KeyAt(operations, a).compare(KeyAt(operations, b));
    return order != 0 ? order < 0 : a < b;
  });
  KeyByKey keys(target);
  for (const uint32_t at : offsets) {
    BatchReader(operations.substr(at)).Next(&operation);
    if (deleted->Covering(operation.stored_key, kPositionMax) <= at) keys.Add(operation);
  }
  keys.End();
}

Status InsertMany(std::string_view operations, const FoldTarget& target) {
  BatchReader reader(operations);
  BatchOperation operation;
  std::string_view last_key;
  bool ascending = true;
  uint64_t count = 0;
  for (; reader.Next(&operation); ++count) {
    ascending &= operation.stored_key >= last_key && operation.kind != EntryKind::kRangeDelete;
    last_key = operation.stored_key;
  }
  if (!reader.ok()) return reader.status();
  ascending ? InsertAscending(operations, target) : InsertSorted(operations, count, target);
  return Status::Ok();
}

}  // namespace

Status InsertFolded(std::string_view operations, const CommitStamp& stamp, Memtable* memtable,
                    const KeyspaceOperators* operators) {
  const FoldTarget target{stamp.position, stamp.time_us, memtable, operators};
  // Reused, so that a batch costs no allocation after the first ones of a thread.
  auto& collected = ThreadScratch<std::vector<BatchOperation>, struct CollectedOperations>();
  collected.clear();
  BatchReader reader(operations);
  BatchOperation operation;
  bool ascending = true;
  while (reader.Next(&operation)) {
    if (collected.size() == kCollectedMax || operation.kind == EntryKind::kRangeDelete)
      return InsertMany(operations, target);
    if (!collected.empty() && operation.stored_key <= collected.back().stored_key)
      ascending = false;
    collected.push_back(operation);
  }
  if (!reader.ok()) return reader.status();
  if (!ascending) {
    std::stable_sort(collected.begin(), collected.end(),
                     [](const auto& a, const auto& b) { return a.stored_key < b.stored_key; });
  }
  InsertCollected(collected, target);
  return Status::Ok();
}

}  // namespace logwood
