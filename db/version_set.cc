#include "db/version_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "db/file_names.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// A manifest that grew to this, and to several times its first state, is written anew.
constexpr uint64_t kManifestBytesMin = 1 << 20;
constexpr uint64_t kManifestGrowth = 4;

}  // namespace

Result<std::unique_ptr<VersionSet>> VersionSet::Create(Start start, bool* may_show) {
  std::unique_ptr<VersionSet> set(new VersionSet(std::move(start)));
  {
    MutexLock lock(set->mutex_);
    set->current_ = set->start_.version;
    set->tables_ = set->start_.tables;
    set->first_segment_ = set->start_.first_segment;
    set->durable_segment_ = set->start_.durable_segment;
    set->start_.version.reset();  // or its tables would never count as unused
  }
  MutexLock commit(set->commit_mutex_);
  const uint64_t before = set->start_.root.manifest;
  Status begun = set->NewManifest();
  if (may_show != nullptr) *may_show = set->start_.root.manifest != before;
  RETURN_IF_ERROR(std::move(begun));
  return set;
}

Edit VersionSet::WholeState() const {
  Edit edit;
  edit.history_id = start_.root.history_id;
  edit.instance_id = start_.root.instance_id;
  edit.epochs = start_.epochs;
  edit.settings = start_.settings;
  edit.next_file_number = next_file_number_.load(std::memory_order_relaxed);
  edit.tables = tables_;
  edit.first_segment = first_segment_;
  edit.durable_segment = durable_segment_;
  if (start_.durable != 0) edit.durable = start_.durable;
  if (start_.expired_us != 0) edit.expired_us = start_.expired_us;
  for (int level = 0; level < kLevels; ++level) {
    for (const auto& table : current_->level(level)) edit.added.emplace_back(level, *table->meta());
  }
  return edit;
}

Status VersionSet::NewManifest(bool* began) {
  uint64_t number = NewFileNumber();
  Edit whole;
  {
    MutexLock lock(mutex_);
    whole = WholeState();
  }
  // Order: new manifest and its name durable, then ROOT (WriteRoot), then the old one may go.
  ASSIGN_OR_RETURN(auto writer,
                   ManifestWriter::Create(start_.fs, start_.directory, number, whole, began));
  if (began != nullptr) *began = false;
  Root next = start_.root;
  next.manifest = number;
  bool may_show = false;
  Status written = WriteRoot(start_.fs, start_.directory, next, &may_show, began);
  if (!may_show) {
    // Nothing names the new one: the old one stays what it was.
    static_cast<void>(writer->Close());
    static_cast<void>(start_.fs->Remove(JoinPath(start_.directory, ManifestFileName(number))));
    return written;
  }
  start_.root = next;
  // Either manifest may be the one a crash leaves us with.
  manifest_broken_ = !written.ok();
  if (manifest_broken_) doubtful_manifests_.push_back(number);
  RETURN_IF_ERROR(std::move(written));
  if (manifest_ != nullptr) {
    doubtful_manifests_.push_back(manifest_->state().number);
    static_cast<void>(manifest_->Close());
  }
  manifest_base_bytes_ = writer->bytes();
  manifest_ = std::move(writer);
  MutexLock lock(mutex_);
  obsolete_manifests_.insert(obsolete_manifests_.end(), doubtful_manifests_.begin(),
                             doubtful_manifests_.end());
  doubtful_manifests_.clear();
  std::move(doubtful_tables_.begin(), doubtful_tables_.end(), std::back_inserter(removed_));
  doubtful_tables_.clear();
  manifest_state_ = manifest_->state();
  return Status::Ok();
}

std::vector<VersionSet::Removed> VersionSet::MadeTables(const Edit& edit) {
  std::vector<Removed> made;
  for (const auto& added : edit.added) {
    const TableMeta& table = added.second;
    if (edit.Brings(table.number)) made.push_back({table.number, table.size, {}});
  }
  return made;
}

Status VersionSet::Commit(
    Edit edit, const std::function<void(std::shared_ptr<const Version>)>& install) noexcept {
  MutexLock commit(commit_mutex_);
  std::shared_ptr<const Version> base;
  {
    MutexLock lock(mutex_);
    base = current_;
  }
  std::vector<LiveTablePtr> removed;
  ASSIGN_OR_RETURN(std::shared_ptr<const Version> next, base->Apply(edit, &removed));
  edit.next_file_number = next_file_number_.load(std::memory_order_relaxed);
  const std::vector<Removed> made = MadeTables(edit);
  if (manifest_broken_) {
    Status renewed = NewManifest();
    if (!renewed.ok()) {
      MutexLock lock(mutex_);
      removed_.insert(removed_.end(), made.begin(), made.end());  // nothing ever named them
      return renewed;
    }
  }
  Status appended = manifest_->Append(edit);
  manifest_broken_ = !appended.ok();
  if (!appended.ok()) {
    doubtful_tables_.insert(doubtful_tables_.end(), made.begin(), made.end());
    return appended;
  }
  {
    MutexLock lock(mutex_);
    current_ = next;
    if (edit.durable) start_.durable = std::max(start_.durable, *edit.durable);
    if (edit.expired_us) start_.expired_us = std::max(start_.expired_us, *edit.expired_us);
    if (edit.tables) tables_ = *edit.tables;
    if (edit.first_segment) first_segment_ = *edit.first_segment;
    durable_segment_ = std::max(durable_segment_, edit.durable_segment);
    manifest_state_ = manifest_->state();
    for (const LiveTablePtr& table : removed) {
      removed_.push_back({table->meta()->number, table->meta()->size, table});
    }
  }
  removed.clear();
  base.reset();
  if (install) install(std::move(next));
  // The mark of a clean close must stay the last word: nothing is written behind it.
  if (!edit.clean_close &&
      manifest_->bytes() > std::max(kManifestBytesMin, kManifestGrowth * manifest_base_bytes_)) {
    // Failing to shorten it is no failure of this commit, which is durable; the next one tries
    // again.
    bool began = false;
    Status shortened = NewManifest(&began);
    MutexLock lock(mutex_);
    shortening_failure_ = began ? std::move(shortened) : Status::Ok();
  }
  return Status::Ok();
}

std::shared_ptr<const Version> VersionSet::current() const {
  MutexLock lock(mutex_);
  return current_;
}

ManifestState VersionSet::manifest_state() const {
  MutexLock lock(mutex_);
  return manifest_state_;
}

TablesState VersionSet::tables_state() const {
  MutexLock lock(mutex_);
  return tables_;
}

uint64_t VersionSet::first_segment() const {
  MutexLock lock(mutex_);
  return first_segment_;
}

uint64_t VersionSet::durable_segment() const {
  MutexLock lock(mutex_);
  return durable_segment_.value_or(0);
}

std::vector<uint64_t> VersionSet::TakeUnusedTables() {
  std::vector<uint64_t> unused;
  MutexLock lock(mutex_);
  std::erase_if(removed_, [&unused](const Removed& table) {
    if (!table.users.expired()) return false;
    unused.push_back(table.number);
    return true;
  });
  return unused;
}

Status VersionSet::TakeShorteningFailure() {
  MutexLock lock(mutex_);
  return std::exchange(shortening_failure_, Status::Ok());
}

uint64_t VersionSet::obsolete_bytes() const {
  MutexLock lock(mutex_);
  uint64_t bytes = 0;
  for (const Removed& table : removed_) bytes += table.bytes;
  return bytes;
}

std::vector<uint64_t> VersionSet::TakeObsoleteManifests() {
  MutexLock lock(mutex_);
  return std::exchange(obsolete_manifests_, {});
}

}  // namespace logwood
