#include "db/salvage_catalogue.h"

#include <algorithm>
#include <utility>

#include "util/batch_codec.h"

namespace logwood {

void SalvageCatalogue::AddEntry(const Entry& entry) {
  uint32_t keyspace = 0;
  std::string_view key;
  if (!SplitStoredKey(entry.key, &keyspace, &key) || keyspace != kCatalogueKeyspace) return;
  if (entry.kind() != EntryKind::kPut && entry.kind() != EntryKind::kDelete) return;
  Change change{entry.position(), {}};
  AppendOperation(&change.operations, entry.kind(), keyspace, key, entry.value);
  changes_.push_back(std::move(change));
}

void SalvageCatalogue::AddCommit(const CommitRecord& record) {
  changes_.push_back({record.position, std::string(record.operations)});
}

void SalvageCatalogue::AddSnapshot(LogPos position, LogPos first_position,
                                   std::string_view operations) {
  if (snapshot_end_ && *snapshot_end_ > first_position) return;
  snapshot_ = Change{position, std::string(operations)};
  snapshot_end_ = first_position;
}

Status SalvageCatalogue::Resolve(Catalogue* catalogue) const {
  std::vector<const Change*> behind;
  for (const Change& change : changes_) {
    if (!snapshot_ || change.position > snapshot_->position) behind.push_back(&change);
  }
  std::stable_sort(behind.begin(), behind.end(),
                   [](const Change* a, const Change* b) { return a->position < b->position; });
  Status first;
  if (snapshot_) first = catalogue->Apply(snapshot_->operations, snapshot_->position);
  for (const Change* change : behind) {
    Status applied = catalogue->Apply(change->operations, change->position);
    if (first.ok()) first = std::move(applied);
  }
  return first;
}

}  // namespace logwood
