#include "tests/support/model.h"

#include <algorithm>
#include <utility>

#include "tests/support/list_operators.h"
#include "util/check.h"

namespace logwood::test {

const std::string* ModelKeyspace::Get(std::string_view key, LogPos position) const {
  const auto found = keys.find(key);
  if (found == keys.end()) return nullptr;
  const std::vector<ModelVersion>& versions = found->second;
  for (size_t i = versions.size(); i > 0; --i) {
    const ModelVersion& version = versions[i - 1];
    if (version.position <= position) return version.value ? &*version.value : nullptr;
  }
  return nullptr;
}

Model::Model(LogPos last) : last_(last) { current_[0] = newest_[0] = &lives_.emplace_back(); }

LogPos Model::Create(int slot) {
  CHECK(current(slot) == nullptr);
  current_[static_cast<size_t>(slot)] = newest_[static_cast<size_t>(slot)] = &lives_.emplace_back();
  lives_.back().created = ++last_;
  return last_;
}

LogPos Model::Drop(int slot) {
  CHECK(current(slot) != nullptr);
  writes_.push_back({++last_, current(slot), "", std::nullopt, true});
  current_[static_cast<size_t>(slot)] = nullptr;
  return last_;
}

LogPos Model::Apply(const std::vector<BatchItem>& items) {
  ++last_;
  for (const BatchItem& item : items) {
    ModelKeyspace* keyspace = current(item.keyspace);
    CHECK(keyspace != nullptr);
    if (item.is_range()) {
      const KeyBounds bounds = item.bounds();
      writes_.push_back({last_, keyspace, bounds.begin, bounds.end});
      DeleteRange(bounds, keyspace);
      continue;
    }
    const std::string key = item.key.bytes();
    writes_.push_back({last_, keyspace, key, key + '\0'});
    std::vector<ModelVersion>& versions = keyspace->keys[key];
    std::optional<std::string> value;
    if (item.has_value()) value = WrittenBytes(item);
    if (item.kind == BatchItem::Kind::kMerge) {
      const bool is_onto = !versions.empty() && versions.back().value.has_value();
      value = MergedInModel(item.keyspace, is_onto ? &*versions.back().value : nullptr, *value);
    }
    AddVersion(std::move(value), &versions);
  }
  return last_;
}

void Model::AddVersion(std::optional<std::string> value, std::vector<ModelVersion>* versions) {
  if (versions->empty() || versions->back().position != last_) {
    versions->push_back({.position = last_});
    ++versions_;
  }
  versions->back().value = std::move(value);
}

// One delete after another, of each key that is there.
void Model::DeleteRange(const KeyBounds& bounds, ModelKeyspace* keyspace) {
  CHECK(!bounds.is_backward());
  for (auto at = keyspace->keys.lower_bound(bounds.begin);
       at != keyspace->keys.end() && (!bounds.end || at->first < *bounds.end); ++at) {
    if (at->second.back().value) AddVersion(std::nullopt, &at->second);
  }
}

ModelCursor::ModelCursor(const ModelKeyspace& keyspace, LogPos position, const Bounds& bounds,
                         std::shared_ptr<const ModelOwnWrites> own)
    : keyspace_(&keyspace), position_(position), own_(std::move(own)) {
  static const auto kNone = std::make_shared<const ModelOwnWrites>();
  if (own_ == nullptr) own_ = kNone;
  lower_ = std::max(bounds.lower.value_or(""), bounds.prefix);
  upper_ = bounds.upper;
  if (!bounds.prefix.empty()) {
    const std::optional<std::string> after = SuccessorOf(bounds.prefix);
    if (after && (!upper_ || *after < *upper_)) upper_ = after;
  }
}

const std::string* ModelCursor::Visible(std::string_view key) const {
  const auto own = own_->find(key);
  if (own == own_->end()) return keyspace_->Get(key, position_);
  return own->second ? &*own->second : nullptr;
}

void ModelCursor::Forward(std::string_view from, bool behind) {
  const auto first = [&](const auto& keys) {
    return behind ? keys.upper_bound(from) : keys.lower_bound(from);
  };
  auto below = first(keyspace_->keys);
  auto own = first(*own_);
  for (;;) {
    const bool is_below = below != keyspace_->keys.end(), is_own = own != own_->end();
    valid_ = is_below || is_own;
    if (!valid_) return;
    // The smaller one next, both where they are the same key.
    key_ = is_below && (!is_own || below->first <= own->first) ? below->first : own->first;
    valid_ = !upper_ || key_ < *upper_;
    if (!valid_ || Visible(key_) != nullptr) return;
    if (is_below && below->first == key_) ++below;
    if (is_own && own->first == key_) ++own;
  }
}

void ModelCursor::Backward(std::optional<std::string_view> end) {
  const auto last = [&](const auto& keys) { return end ? keys.lower_bound(*end) : keys.end(); };
  auto below = last(keyspace_->keys);
  auto own = last(*own_);
  for (;;) {
    const bool is_below = below != keyspace_->keys.begin(), is_own = own != own_->begin();
    valid_ = is_below || is_own;
    if (!valid_) return;
    const std::string_view below_key = is_below ? std::prev(below)->first : std::string_view();
    const std::string_view own_key = is_own ? std::prev(own)->first : std::string_view();
    key_ = is_below && (!is_own || below_key >= own_key) ? below_key : own_key;
    valid_ = key_ >= lower_;
    if (!valid_ || ((!upper_ || key_ < *upper_) && Visible(key_) != nullptr)) return;
    const std::string_view passed = key_;
    if (is_below && below_key == passed) --below;
    if (is_own && own_key == passed) --own;
  }
}

void ModelCursor::SeekToFirst() { Forward(lower_, false); }

void ModelCursor::SeekToLast() { Backward(upper_); }

void ModelCursor::Seek(std::string_view target) {
  Forward(std::max(target, std::string_view(lower_)), false);
}

void ModelCursor::SeekForPrev(std::string_view target) {
  if (upper_ && target >= *upper_) return SeekToLast();
  Backward(std::string(target) + '\0');
}

void ModelCursor::Next() {
  CHECK(valid_);
  Forward(key_, true);
}

void ModelCursor::Prev() {
  CHECK(valid_);
  Backward(key_);
}

}  // namespace logwood::test
