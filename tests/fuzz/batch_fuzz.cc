// Any bytes as the operations of a commit; and of a second one, the same, onto what the first left.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/fold.h"
#include "logwood/merge_operator.h"
#include "memtable/memtable.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/batch_codec.h"
#include "util/expiring_value.h"
#include "util/hash.h"
#include "util/keyspace_operators.h"
#include "util/lookup.h"
#include "util/merge_value.h"

using namespace logwood;

namespace {

constexpr LogPos kPosition = 5;
// Of the first commit and of the second.
constexpr uint64_t kTimeUs = 1'000'000, kLaterUs = 1'500'000;
constexpr uint64_t kNever = ~uint64_t{0};
constexpr size_t kRangesLookedAt = 50;  // each is compared with all
constexpr std::string_view kSeparator = ",";

// What the operations leave of a key, done one after another: nullopt: nothing is there.
struct Version {
  std::optional<std::string> value = {};
  // From then on it is this.
  uint64_t expires_us = kNever;
  std::optional<std::string> after = {};
  const std::optional<std::string>& At(uint64_t now_us) const {
    return now_us < expires_us ? value : after;
  }
};
using Left = std::map<std::string, Version, std::less<>>;

void MergeInto(std::string_view operand, std::optional<std::string>* value) {
  if (*value) {
    (*value)->append(kSeparator).append(operand);
  } else {
    *value = operand;
  }
}

void Do(const BatchOperation& operation, uint64_t time_us, Left* left) {
  if (operation.kind == EntryKind::kRangeDelete) {
    test::Demand(operation.stored_key < operation.value);
    for (auto at = left->lower_bound(operation.stored_key);
         at != left->end() && at->first < operation.value; ++at) {
      at->second = {};
    }
    return;
  }
  Version& version = (*left)[std::string(operation.stored_key)];
  if (operation.kind == EntryKind::kMerge) {
    MergeInto(operation.value, &version.value);
    MergeInto(operation.value, &version.after);
    return;
  }
  version = {};
  if (operation.kind == EntryKind::kDelete) return;
  version.value = version.after = operation.value;
  if (operation.kind != EntryKind::kPutExpiring) return;
  const uint64_t ttl_us = ExpiryOf(operation.value);
  test::Demand(ttl_us <= static_cast<uint64_t>(kTtlMax.count()));
  version.value = version.after = WithoutExpiry(operation.value);
  if (ttl_us == 0) return;
  version.expires_us = time_us + ttl_us;
  version.after.reset();
}

struct DeletedRange {
  std::string begin, end;
};

// Whether the memtable says anything of the key; what a read shows of it in `value`.
bool ReadKey(const Memtable& memtable, std::string_view stored_key, LogPos position,
             uint64_t now_us, std::optional<std::string>* value) {
  static const std::shared_ptr<const MergeOperator> lists = MergeOperator::Append(kSeparator);
  PinnedValue held;
  LookupResult found{.value = &held};
  memtable.Get({stored_key, Hash64(stored_key), position}, &found);
  const EntryKind kind = found.finished ? TrailerKind(found.trailer) : EntryKind::kDelete;
  value->reset();
  const bool is_there =
      kind == EntryKind::kPut || (kind == EntryKind::kPutExpiring && now_us < found.expires_us);
  if (is_there) *value = held.view();
  if (found.merges.empty()) return found.finished;
  MergedOnto base{.kind = MergeBase::kNothing, .value = {}};
  if (kind == EntryKind::kPut) base = {.kind = MergeBase::kValue, .value = held.view()};
  if (kind == EntryKind::kPutExpiring)
    base = {.kind = MergeBase::kExpiring, .value = held.view(), .expires_us = found.expires_us};
  if (kind == EntryKind::kMerge) base = {};
  std::vector<std::string_view> entries;
  for (const LookupResult::Merge& merge : found.merges) entries.push_back(merge.value);
  std::string resolved;
  test::Demand(ResolveMerges(*lists, base, entries, now_us, &resolved).ok());
  *value = std::move(resolved);
  return true;
}

// The version at that position, when nothing has expired yet, and around the moment that it does.
void CheckVersion(const Memtable& memtable, std::string_view stored_key, LogPos position,
                  const Version& expected) {
  std::optional<std::string> value;
  for (const uint64_t now_us : {kTimeUs, expected.expires_us - 1, expected.expires_us, kNever}) {
    // A put, a delete, a merge or a range says what there is.
    test::Demand(ReadKey(memtable, stored_key, position, now_us, &value));
    test::Demand(value == expected.At(now_us));
  }
}

// There is an answer for the keys that were written or lie in a range, not before this position.
void LookUp(const Memtable& memtable, std::string_view stored_key, const Left& left,
            const std::vector<DeletedRange>& ranges) {
  const bool is_there = left.contains(stored_key) ||
                        std::any_of(ranges.begin(), ranges.end(), [&](const DeletedRange& range) {
                          return range.begin <= stored_key && stored_key < range.end;
                        });
  std::optional<std::string> value;
  for (const LogPos position : {kPosition - 1, kPosition, kPosition + 1}) {
    const bool says = ReadKey(memtable, stored_key, position, kTimeUs, &value);
    test::Demand(says == (is_there && position >= kPosition));
  }
}

// One entry a key of each commit.
void LookAtEntries(const Memtable& memtable) {
  auto it = memtable.NewIterator();
  std::string before;
  uint64_t trailer_before = 0;
  bool is_first = true;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const Entry entry = it->entry();
    test::Demand(is_first || entry.key > before ||
                 (entry.key == before && entry.position() < TrailerPosition(trailer_before)));
    before = entry.key;
    trailer_before = entry.trailer;
    is_first = false;
    test::Note(entry.value);
  }
}

// The commit twice. However much of what merges was folded, and at each of the two positions.
void InsertTwice(std::string_view bytes, const Left& once, const Left& twice,
                 const KeyspaceOperators* operators) {
  const auto memtable = std::make_shared<Memtable>();
  test::Demand(InsertFolded(bytes, {kPosition, kTimeUs}, memtable.get(), operators).ok());
  test::Demand(InsertFolded(bytes, {kPosition + 1, kLaterUs}, memtable.get(), operators).ok());
  LookAtEntries(*memtable);
  std::optional<std::string> value;
  for (const auto& [key, expected] : twice) {
    CheckVersion(*memtable, key, kPosition + 1, expected);
    CheckVersion(*memtable, key, kPosition, once.at(key));
    test::Demand(!ReadKey(*memtable, key, kPosition - 1, kTimeUs, &value));
  }
}

}  // namespace

FUZZ_TARGET(batch, bytes) {
  BatchReader in(bytes);
  Left left;
  std::vector<DeletedRange> ranges;
  std::vector<BatchOperation> operations;
  KeyspaceOperators operators;
  for (BatchOperation operation; in.Next(&operation); operations.push_back(operation)) {
    test::Demand(operation.stored_key.size() <= bytes.size());
    Do(operation, kTimeUs, &left);
    if (operation.kind == EntryKind::kRangeDelete)
      ranges.push_back({std::string(operation.stored_key), std::string(operation.value)});
    uint32_t keyspace = 0;
    std::string_view key;
    test::Demand(SplitStoredKey(operation.stored_key, &keyspace, &key));
    if (operation.kind == EntryKind::kMerge && operators.Find(keyspace) == nullptr)
      operators.Record(keyspace, {"append.2c", 1});
  }
  test::Note(in.status());
  const auto memtable = std::make_shared<Memtable>();
  const Status inserted = InsertFolded(bytes, {kPosition, kTimeUs}, memtable.get());
  test::Note(inserted);
  test::Demand(inserted.ok() == in.ok());
  LookAtEntries(*memtable);
  if (!inserted.ok()) return;
  for (const auto& [key, expected] : left) CheckVersion(*memtable, key, kPosition, expected);
  for (size_t i = 0; i < std::min(ranges.size(), kRangesLookedAt); ++i) {
    LookUp(*memtable, ranges[i].begin, left, ranges);
    LookUp(*memtable, ranges[i].end, left, ranges);
  }
  Left twice = left;
  for (const BatchOperation& operation : operations) Do(operation, kLaterUs, &twice);
  InsertTwice(bytes, left, twice, nullptr);
  InsertTwice(bytes, left, twice, &operators);
}
