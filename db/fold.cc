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

// Sorts where the operations begin, four bytes each.
void InsertSorted(std::string_view operations, uint64_t count, LogPos position,
                  Memtable* memtable) {
  static_assert(kBatchBytesMax <= UINT32_MAX);
  std::vector<uint32_t> offsets;
  offsets.reserve(count);
  BatchReader reader(operations);
  BatchOperation operation;
  auto offset = [&] { return static_cast<uint32_t>(operations.size() - reader.remaining()); };
  for (uint32_t at = 0; reader.Next(&operation); at = offset()) offsets.push_back(at);
  std::sort(offsets.begin(), offsets.end(), [&](uint32_t a, uint32_t b) {
    const int order = KeyAt(operations, a).compare(KeyAt(operations, b));
    return order != 0 ? order < 0 : a < b;
  });
  for (size_t i = 0; i < offsets.size(); ++i) {
    BatchReader(operations.substr(offsets[i])).Next(&operation);
    const bool is_last =
        i + 1 == offsets.size() || KeyAt(operations, offsets[i + 1]) != operation.stored_key;
    if (is_last) Insert(operation, position, memtable);
  }
}

struct Place {
  uint32_t offset, number;  // of an operation
};

// A range delete takes away the operations before it that it covers: with the number of an
// operation for a position, that is what a list of fragments tells.
void InsertWithRanges(std::string_view operations, LogPos position, Memtable* memtable) {
  std::vector<Place> places;
  RangeFragmenter ranges;
  BatchReader reader(operations);
  BatchOperation operation;
  uint32_t number = 0;
  auto offset = [&] { return static_cast<uint32_t>(operations.size() - reader.remaining()); };
  for (uint32_t at = 0; reader.Next(&operation); at = offset()) {
    ++number;
    if (operation.kind == EntryKind::kRangeDelete) {
      ranges.Add(operation.stored_key, operation.value, number);
      memtable->InsertRangeDelete(operation.stored_key, operation.value, position);
    } else {
      places.push_back({at, number});
    }
  }
  const RangeFragmentsPtr deleted = ranges.Finish(std::span<const LogPos>());
  std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
    const int order = KeyAt(operations, a.offset).compare(KeyAt(operations, b.offset));
    return order != 0 ? order < 0 : a.number < b.number;
  });
  for (size_t i = 0; i < places.size(); ++i) {
    BatchReader(operations.substr(places[i].offset)).Next(&operation);
    const bool is_last =
        i + 1 == places.size() || KeyAt(operations, places[i + 1].offset) != operation.stored_key;
    if (is_last && deleted->Covering(operation.stored_key, kPositionMax) < places[i].number)
      Insert(operation, position, memtable);
  }
}

Status InsertMany(std::string_view operations, LogPos position, Memtable* memtable) {
  BatchReader reader(operations);
  BatchOperation operation;
  std::string_view last_key;
  bool ascending = true, ranges = false;
  uint64_t count = 0;
  for (; reader.Next(&operation); ++count) {
    ranges |= operation.kind == EntryKind::kRangeDelete;
    ascending &= operation.stored_key >= last_key;
    last_key = operation.stored_key;
  }
  if (!reader.ok()) return reader.status();
  if (ranges) {
    InsertWithRanges(operations, position, memtable);
  } else if (ascending) {
    InsertAscending(operations, position, memtable);
  } else {
    InsertSorted(operations, count, position, memtable);
  }
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
