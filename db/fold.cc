#include "db/fold.h"

#include <algorithm>
#include <vector>

#include "util/batch_codec.h"
#include "util/coding.h"
#include "util/range_fragments.h"
#include "util/thread_scratch.h"

namespace logwood {

namespace {

// Batches of more are not collected: at 40 bytes an operation that could be a multiple of the
// batch.
constexpr size_t kCollectedMax = 512;

void Insert(const BatchOperation& operation, LogPos position, Memtable* memtable) {
  memtable->Insert(operation.stored_key, PackTrailer(position, operation.kind), operation.value);
}

// Of equal neighbours the last one is the latest operation.
void InsertCollected(const std::vector<BatchOperation>& sorted, LogPos position,
                     Memtable* memtable) {
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i + 1 < sorted.size() && sorted[i].stored_key == sorted[i + 1].stored_key) continue;
    Insert(sorted[i], position, memtable);
  }
}

// What comes in key order is inserted as it is read.
void InsertAscending(std::string_view operations, LogPos position, Memtable* memtable) {
  BatchReader reader(operations);
  BatchOperation operation, next;
  if (!reader.Next(&operation)) return;
  while (reader.Next(&next)) {
    if (next.stored_key != operation.stored_key) Insert(operation, position, memtable);
    operation = next;
  }
  Insert(operation, position, memtable);
}

// REQUIRES: BatchReader has read the operations.
std::string_view KeyAt(std::string_view operations, uint32_t offset) {
  return Decoder(operations.substr(offset + 1)).LengthPrefixed();
}

// Sorts where the operations begin, four bytes each. A range delete takes away the operations
// before it that it covers: with where they begin for positions, that is what fragments tell.
void InsertSorted(std::string_view operations, uint64_t count, LogPos position,
                  Memtable* memtable) {
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
    memtable->InsertRangeDelete(operation.stored_key, operation.value, position);
  }
  const RangeFragmentsPtr deleted = ranges.Finish(std::span<const LogPos>());
  std::sort(offsets.begin(), offsets.end(), [&](uint32_t a, uint32_t b) {
    const int order = KeyAt(operations, a).compare(KeyAt(operations, b));
    return order != 0 ? order < 0 : a < b;
  });
  for (size_t i = 0; i < offsets.size(); ++i) {
    BatchReader(operations.substr(offsets[i])).Next(&operation);
    const bool is_last =
        i + 1 == offsets.size() || KeyAt(operations, offsets[i + 1]) != operation.stored_key;
    if (is_last && deleted->Covering(operation.stored_key, kPositionMax) <= offsets[i])
      Insert(operation, position, memtable);
  }
}

Status InsertMany(std::string_view operations, LogPos position, Memtable* memtable) {
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
  ascending ? InsertAscending(operations, position, memtable)
            : InsertSorted(operations, count, position, memtable);
  return Status::Ok();
}

}  // namespace

Status InsertFolded(std::string_view operations, LogPos position, Memtable* memtable) {
  // Reused, so that a batch costs no allocation after the first ones of a thread.
  auto& collected = ThreadScratch<std::vector<BatchOperation>, struct CollectedOperations>();
  collected.clear();
  BatchReader reader(operations);
  BatchOperation operation;
  bool ascending = true;
  while (reader.Next(&operation)) {
    if (collected.size() == kCollectedMax || operation.kind == EntryKind::kRangeDelete)
      return InsertMany(operations, position, memtable);
    if (!collected.empty() && operation.stored_key <= collected.back().stored_key)
      ascending = false;
    collected.push_back(operation);
  }
  if (!reader.ok()) return reader.status();
  if (!ascending) {
    std::stable_sort(collected.begin(), collected.end(),
                     [](const auto& a, const auto& b) { return a.stored_key < b.stored_key; });
  }
  InsertCollected(collected, position, memtable);
  return Status::Ok();
}

}  // namespace logwood
