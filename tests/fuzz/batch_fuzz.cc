// Any bytes as the operations of a commit.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/fold.h"
#include "memtable/memtable.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/batch_codec.h"
#include "util/hash.h"
#include "util/lookup.h"

using namespace logwood;

namespace {

constexpr LogPos kPosition = 5;
constexpr size_t kRangesLookedAt = 50;  // each is compared with all

// What the operations leave, done one after another: nullopt: deleted.
using Left = std::map<std::string, std::optional<std::string>, std::less<>>;

void Do(const BatchOperation& operation, Left* left) {
  if (operation.kind == EntryKind::kRangeDelete) {
    test::Demand(operation.stored_key < operation.value);
    for (auto at = left->lower_bound(operation.stored_key);
         at != left->end() && at->first < operation.value; ++at) {
      at->second.reset();
    }
  } else if (operation.kind == EntryKind::kPut) {
    (*left)[std::string(operation.stored_key)] = operation.value;
  } else {
    (*left)[std::string(operation.stored_key)].reset();
  }
}

struct DeletedRange {
  std::string begin, end;
};

// There is an answer for the keys that were written or lie in a range, at this position only.
void LookUp(const Memtable& memtable, std::string_view stored_key, const Left& left,
            const std::vector<DeletedRange>& ranges) {
  const bool is_there = left.contains(stored_key) ||
                        std::any_of(ranges.begin(), ranges.end(), [&](const DeletedRange& range) {
                          return range.begin <= stored_key && stored_key < range.end;
                        });
  for (const LogPos position : {kPosition - 1, kPosition, kPosition + 1}) {
    LookupResult found;
    memtable.Get({stored_key, Hash64(stored_key), position}, &found);
    test::Demand(found.finished == (is_there && position >= kPosition));
  }
}

}  // namespace

FUZZ_TARGET(batch, bytes) {
  BatchReader in(bytes);
  Left left;
  std::vector<DeletedRange> ranges;
  for (BatchOperation operation; in.Next(&operation);) {
    test::Demand(operation.stored_key.size() <= bytes.size());
    Do(operation, &left);
    if (operation.kind == EntryKind::kRangeDelete)
      ranges.push_back({std::string(operation.stored_key), std::string(operation.value)});
  }
  test::Note(in.status());
  const auto memtable = std::make_shared<Memtable>();
  const Status inserted = InsertFolded(bytes, kPosition, memtable.get());
  test::Note(inserted);
  test::Demand(inserted.ok() == in.ok());
  auto it = memtable->NewIterator();
  std::string before;
  bool is_first = true;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    test::Demand(is_first || it->entry().key > before);  // one entry a key
    before = it->entry().key;
    is_first = false;
    test::Note(it->entry().value);
  }
  if (!inserted.ok()) return;
  for (const auto& [key, value] : left) {
    PinnedValue held;
    LookupResult found{.value = &held};
    memtable->Get({key, Hash64(key), kPosition}, &found);
    test::Demand(found.finished);  // a put, a delete or a range says what there is
    const bool is_put = TrailerKind(found.trailer) == EntryKind::kPut;
    test::Demand(is_put == value.has_value() && (!value || held.view() == *value));
  }
  for (size_t i = 0; i < std::min(ranges.size(), kRangesLookedAt); ++i) {
    LookUp(*memtable, ranges[i].begin, left, ranges);
    LookUp(*memtable, ranges[i].end, left, ranges);
  }
}
