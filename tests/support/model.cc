#include "tests/support/model.h"

#include <algorithm>
#include <utility>

#include "tests/support/list_operators.h"
#include "util/check.h"

namespace logwood::test {

const std::string* ModelKeyspace::Get(std::string_view key, const ModelMoment& at) const {
  const auto found = keys.find(key);
  if (found == keys.end()) return nullptr;
  const std::vector<ModelVersion>& versions = found->second;
  for (size_t i = versions.size(); i > 0; --i) {
    const ModelVersion& version = versions[i - 1];
    if (version.position > at.position) continue;
    const std::optional<std::string>& value = version.At(at.time_us);
    return value ? &*value : nullptr;
  }
  return nullptr;
}

Model::Model(LogPos last) : last_(last) { current_[0] = newest_[0] = &lives_.emplace_back(); }

LogPos Model::NextPosition() {
  reached_us_ = std::max(wall_us_, reached_us_);
  return ++last_;
}

LogPos Model::Create(int slot) {
  CHECK(current(slot) == nullptr);
  current_[static_cast<size_t>(slot)] = newest_[static_cast<size_t>(slot)] = &lives_.emplace_back();
  lives_.back().created = NextPosition();
  return last_;
}

LogPos Model::Drop(int slot) {
  CHECK(current(slot) != nullptr);
  writes_.push_back({NextPosition(), current(slot), "", std::nullopt, true});
  current_[static_cast<size_t>(slot)] = nullptr;
  return last_;
}

LogPos Model::Apply(const std::vector<BatchItem>& items) {
  NextPosition();
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
    ModelVersion version;
    if (item.has_value()) version.value = WrittenBytes(item);
    if (item.kind == BatchItem::Kind::kMerge) {
      const auto merged = [&](const std::optional<std::string>& onto) {
        return MergedInModel(item.keyspace, onto ? &*onto : nullptr, WrittenBytes(item));
      };
      version.value = version.after = merged(std::nullopt);
      if (!versions.empty()) {
        version.expires_us = versions.back().expires_us;
        version.value = merged(versions.back().value);
        version.after = merged(versions.back().after);
      }
    } else if (item.expires()) {
      version.expires_us = reached_us_ + static_cast<uint64_t>(item.ttl_us);
      expiring_.emplace(version.expires_us, Expired{keyspace, key});
    }
    AddVersion(std::move(version), &versions);
  }
  return last_;
}

std::vector<Model::Expired> Model::LastExpired(size_t most) const {
  std::vector<Expired> last;
  for (auto at = expiring_.upper_bound(now().time_us);
       at != expiring_.begin() && last.size() < most;) {
    last.push_back((--at)->second);
  }
  return last;
}

void Model::AddVersion(ModelVersion version, std::vector<ModelVersion>* versions) {
  if (versions->empty() || versions->back().position != last_) {
    versions->emplace_back();
    ++versions_;
  }
  version.position = last_;
  versions->back() = std::move(version);
}

// One delete after another, of each key that is there.
void Model::DeleteRange(const KeyBounds& bounds, ModelKeyspace* keyspace) {
  CHECK(!bounds.is_backward());
  for (auto at = keyspace->keys.lower_bound(bounds.begin);
       at != keyspace->keys.end() && (!bounds.end || at->first < *bounds.end); ++at) {
    if (at->second.back().value) AddVersion({}, &at->second);
  }
}

ModelCursor::ModelCursor(const ModelKeyspace& keyspace, const ModelMoment& at, const Bounds& bounds,
                         std::shared_ptr<const ModelOwnWrites> own)
    : keyspace_(&keyspace), at_(at), own_(std::move(own)) {
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
  if (own == own_->end()) return keyspace_->Get(key, at_);
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
