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

Model::Model(LogPos last) : last_(last) { current_[0] = &lives_.emplace_back(); }

LogPos Model::Create(int slot) {
  CHECK(current(slot) == nullptr);
  current_[static_cast<size_t>(slot)] = &lives_.emplace_back();
  lives_.back().created = ++last_;
  return last_;
}

LogPos Model::Drop(int slot) {
  CHECK(current(slot) != nullptr);
  current_[static_cast<size_t>(slot)] = nullptr;
  return ++last_;
}

LogPos Model::Apply(const std::vector<BatchItem>& items) {
  ++last_;
  for (const BatchItem& item : items) {
    ModelKeyspace* keyspace = current(item.keyspace);
    CHECK(keyspace != nullptr);
    if (item.is_range()) {
      DeleteRange(item.bounds(), keyspace);
      continue;
    }
    std::vector<ModelVersion>& versions = keyspace->keys[item.key.bytes()];
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

ModelCursor::ModelCursor(const ModelKeyspace& keyspace, LogPos position, const Bounds& bounds)
    : keyspace_(&keyspace), position_(position) {
  lower_ = std::max(bounds.lower.value_or(""), bounds.prefix);
  upper_ = bounds.upper;
  if (!bounds.prefix.empty()) {
    const std::optional<std::string> after = SuccessorOf(bounds.prefix);
    if (after && (!upper_ || *after < *upper_)) upper_ = after;
  }
}

void ModelCursor::Forward(Place from) {
  while (from != keyspace_->keys.end() && (!upper_ || from->first < *upper_)) {
    if (Visible(from)) {
      at_ = from;
      valid_ = true;
      return;
    }
    ++from;
  }
  valid_ = false;
}

void ModelCursor::Backward(Place end) {
  valid_ = false;
  while (end != keyspace_->keys.begin()) {
    --end;
    if (end->first < lower_) return;
    if ((!upper_ || end->first < *upper_) && Visible(end)) {
      at_ = end;
      valid_ = true;
      return;
    }
  }
}

void ModelCursor::SeekToFirst() { Forward(keyspace_->keys.lower_bound(lower_)); }

void ModelCursor::SeekToLast() {
  Backward(upper_ ? keyspace_->keys.lower_bound(*upper_) : keyspace_->keys.end());
}

void ModelCursor::Seek(std::string_view target) {
  Forward(keyspace_->keys.lower_bound(std::max(target, std::string_view(lower_))));
}

void ModelCursor::SeekForPrev(std::string_view target) {
  if (upper_ && target >= *upper_) return SeekToLast();
  Backward(keyspace_->keys.upper_bound(target));
}

void ModelCursor::Next() {
  CHECK(valid_);
  Forward(std::next(at_));
}

void ModelCursor::Prev() {
  CHECK(valid_);
  Backward(at_);
}

}  // namespace logwood::test
