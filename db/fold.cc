#include "db/fold.h"

#include <algorithm>
#include <vector>

#include "util/batch_codec.h"

namespace logwood {

namespace {

// A thread keeps room for this many operations between batches.
constexpr size_t kKeptOperations = 4096;

void Insert(const BatchOperation& operation, LogPos position, Memtable* memtable) {
  memtable->Insert(operation.stored_key, PackTrailer(position, operation.kind), operation.value);
}

}  // namespace

Status InsertFolded(std::string_view operations, LogPos position, Memtable* memtable) {
  // Reused, so that a batch costs no allocation after the first ones of a thread.
  thread_local std::vector<BatchOperation> folded;
  folded.clear();
  BatchReader reader(operations);
  BatchOperation operation;
  bool ascending = true;
  while (reader.Next(&operation)) {
    if (!folded.empty() && operation.stored_key <= folded.back().stored_key) ascending = false;
    folded.push_back(operation);
  }
  if (!reader.ok()) return Status::Corruption("batch: its operations cannot be read");
  if (!ascending) {
    std::stable_sort(folded.begin(), folded.end(),
                     [](const auto& a, const auto& b) { return a.stored_key < b.stored_key; });
  }
  for (size_t i = 0; i < folded.size(); ++i) {
    // Of equal keys the last one is the latest operation.
    if (i + 1 < folded.size() && folded[i].stored_key == folded[i + 1].stored_key) continue;
    Insert(folded[i], position, memtable);
  }
  if (folded.size() > kKeptOperations) {
    folded.clear();
    folded.shrink_to_fit();
  }
  return Status::Ok();
}

}  // namespace logwood
