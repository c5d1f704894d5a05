#include "tests/support/model_transaction.h"

#include <algorithm>

#include "tests/support/list_operators.h"

namespace logwood::test {

namespace {

constexpr uint64_t kMoreBytes = 300;  // than those of keys and values, of each

// Nullopt is behind all.
bool IsBefore(std::string_view key, const std::optional<std::string>& end) {
  return !end || key < *end;
}

}  // namespace

const std::string* ModelTransaction::Get(const ModelKeyspace& keyspace,
                                         std::string_view key) const {
  const auto own = shown_.find(&keyspace);
  if (own != shown_.end()) {
    const auto found = own->second.find(key);
    if (found != own->second.end()) return found->second ? &*found->second : nullptr;
  }
  return keyspace.Get(key, at_);
}

ModelCursor ModelTransaction::Cursor(const ModelKeyspace& keyspace,
                                     const ModelCursor::Bounds& bounds) const {
  // A copy: what is written later does not show.
  const auto own = shown_.find(&keyspace);
  return {keyspace, at_, bounds,
          own == shown_.end() ? nullptr : std::make_shared<const ModelOwnWrites>(own->second)};
}

void ModelTransaction::ReadKey(const ModelKeyspace& keyspace, uint32_t number,
                               const std::string& key) {
  if (is_serializable_) RelyOnKey(keyspace, number, key);
}

void ModelTransaction::ReadRange(const ModelKeyspace& keyspace, uint32_t number,
                                 const std::string& begin, const std::optional<std::string>& end) {
  if (is_serializable_ && IsBefore(begin, end)) RelyOn({&keyspace, number, begin, end});
}

void ModelTransaction::RelyOnKey(const ModelKeyspace& keyspace, uint32_t number,
                                 const std::string& key) {
  RelyOn({&keyspace, number, key, key + '\0'});
}

void ModelTransaction::RelyOn(Range range) {
  relied_bytes_ += kMoreBytes + range.begin.size() + range.end.value_or("").size();
  relied_.push_back(std::move(range));
}

void ModelTransaction::Write(const ModelKeyspace* keyspace, uint32_t number,
                             const BatchItem& item) {
  written_bytes_ += kMoreBytes + item.key.bytes().size() + item.value.size;
  if (item.is_range())
    written_bytes_ += kRangeDeleteMemoryBytes + item.bounds().end.value_or("").size();
  own_.push_back({keyspace, number, item});
  Show(own_.back());
}

void ModelTransaction::Show(const Own& own) {
  if (own.keyspace == nullptr) return;
  ModelOwnWrites& shown = shown_[own.keyspace];
  const BatchItem& item = own.item;
  if (item.is_range()) {
    const KeyBounds bounds = item.bounds();
    const auto& below = own.keyspace->keys;
    for (auto at = below.lower_bound(bounds.begin);
         at != below.end() && IsBefore(at->first, bounds.end); ++at) {
      if (own.keyspace->Get(at->first, at_) != nullptr) shown[at->first] = std::nullopt;
    }
    for (auto at = shown.lower_bound(bounds.begin);
         at != shown.end() && IsBefore(at->first, bounds.end); ++at) {
      at->second.reset();
    }
    return;
  }
  const std::string key = item.key.bytes();
  std::optional<std::string> value;
  if (item.has_value()) value = WrittenBytes(item);
  if (item.kind == BatchItem::Kind::kMerge)
    value = MergedInModel(item.keyspace, Get(*own.keyspace, key), *value);
  shown[key] = std::move(value);
}

std::vector<BatchItem> ModelTransaction::items() const {
  std::vector<BatchItem> items;
  for (const Own& own : own_) items.push_back(own.item);
  return items;
}

bool ModelTransaction::IsWritable(const Model& model) const {
  return std::all_of(own_.begin(), own_.end(), [&](const Own& own) {
    return own.keyspace != nullptr && own.keyspace == model.current(own.item.keyspace);
  });
}

size_t ModelTransaction::SetSavepoint() {
  savepoints_[++last_savepoint_] = {own_.size(), is_refused_};
  return last_savepoint_;
}

bool ModelTransaction::RollbackTo(size_t savepoint) {
  const auto at = savepoints_.find(savepoint);
  if (at == savepoints_.end()) return false;
  own_.resize(at->second.own);
  is_refused_ = at->second.is_refused;
  savepoints_.erase(std::next(at), savepoints_.end());
  shown_.clear();
  for (const Own& own : own_) Show(own);
  return true;
}

std::vector<ModelTransaction::Range> ModelTransaction::ReliedAtCommit() const {
  std::vector<Range> relied = relied_;
  if (is_serializable_) return relied;
  for (const Own& own : own_) {
    if (own.keyspace == nullptr || own.item.kind == BatchItem::Kind::kMerge) continue;
    const std::string key = own.item.key.bytes();
    KeyBounds bounds{.begin = key, .end = key + '\0'};
    if (own.item.is_range()) bounds = own.item.bounds();
    relied.push_back({own.keyspace, own.number, bounds.begin, bounds.end});
  }
  return relied;
}

std::vector<ModelTransaction::Conflict> ModelTransaction::Conflicts(const Model& model) const {
  std::vector<Conflict> conflicts;
  const std::vector<Range> relied = ReliedAtCommit();
  const std::vector<ModelWrite>& writes = model.writes();
  for (auto write = writes.rbegin(); write != writes.rend() && write->position > at_.position;
       ++write) {
    for (const Range& range : relied) {
      if (range.keyspace != write->keyspace || !IsBefore(range.begin, write->end) ||
          !IsBefore(write->begin, range.end)) {
        continue;
      }
      Conflict conflict{*write, range.number, std::max(range.begin, write->begin), range.end};
      if (!conflict.end || (write->end && *write->end < *conflict.end)) conflict.end = write->end;
      conflicts.push_back(std::move(conflict));
    }
  }
  return conflicts;
}

}  // namespace logwood::test
