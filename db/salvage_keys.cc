#include "db/salvage_keys.h"

#include <string>

#include "util/status_macros.h"

namespace logwood {

namespace {

// The key that is looked at, its entries the newest first.
class KeyInTheMaking {
 public:
  KeyInTheMaking(const SalvageKeyRules& rules,
                 const std::function<Status(const SalvagedKey&)>& visit)
      : rules_(rules), visit_(visit) {}

  Status Add(const SalvageStream& stream) {
    const Entry& entry = stream.entry();
    if (!has_key_ || entry.key != key_) {
      RETURN_IF_ERROR(End());
      Begin(entry.key);
    }
    const bool is_log = stream.rank() == kSalvageLogRank;
    if (is_done_ || (only_log_ && !is_log)) return Status::Ok();
    if (entry.position() < deleted_at_) {
      is_done_ = true;
      if (!merges_.empty()) base_.kind = MergeBase::kNothing;
      return Status::Ok();
    }
    if (!merges_.empty() && !GoesOn(entry, is_log)) return Status::Ok();
    if (entry.kind() == EntryKind::kMerge) {
      TakeMerge(entry, is_log);
      return Status::Ok();
    }
    is_done_ = true;
    base_value_ = entry.value;
    base_ = BaseOf(entry.kind(), base_value_);
    return merges_.empty() ? Show() : Status::Ok();
  }
  // Of the last key.
  Status End() { return merges_.empty() ? Status::Ok() : Show(); }

 private:
  void Begin(std::string_view key) {
    key_.assign(key);
    has_key_ = true;
    is_done_ = false;
    merges_.clear();
    base_ = {};
    has_table_ = false;
    only_log_ = rules_.only_log && rules_.only_log(key);
    deleted_at_ = rules_.deleted == nullptr ? 0 : rules_.deleted->Covering(key, kPositionMax);
  }
  // Whether the entry counts beside the merges that are newer.
  bool GoesOn(const Entry& entry, bool is_log) {
    if (last_is_log_ && !is_log && entry.position() == position_) {
      merges_.pop_back();  // the table's entry has this commit in it, and what lay below
      return true;
    }
    const bool may_be_in_a_table = is_log && has_table_ && entry.kind() == EntryKind::kMerge;
    return entry.trailer <= below_ && !may_be_in_a_table;
  }
  void TakeMerge(const Entry& entry, bool is_log) {
    merges_.emplace_back(entry.value);
    last_is_log_ = is_log;
    has_table_ = has_table_ || !is_log;
    position_ = entry.position();
    below_ = MergeBelow(entry.value, position_);
    is_done_ = MergeEndsLookup(entry.value);
  }
  Status Show() {
    const bool has_value = !merges_.empty() || base_.kind >= MergeBase::kValue;
    if (!has_value) return Status::Ok();
    const std::vector<std::string_view> merges(merges_.begin(), merges_.end());
    return visit_({key_, base_, merges});
  }

  const SalvageKeyRules& rules_;
  const std::function<Status(const SalvagedKey&)>& visit_;
  std::string key_;
  bool has_key_ = false;
  bool is_done_ = false;  // the rest does not count
  bool only_log_ = false;
  LogPos deleted_at_ = 0;
  std::vector<std::string> merges_;
  bool has_table_ = false;  // one of them is of a table
  // Of the last that was taken, the oldest.
  bool last_is_log_ = false;
  LogPos position_ = 0;
  uint64_t below_ = 0;
  MergedOnto base_;
  std::string base_value_;
};

}  // namespace

Status MergeKeys(const std::vector<std::unique_ptr<SalvageStream>>& streams,
                 const SalvageKeyRules& rules, const std::function<Status()>& advance,
                 const std::function<Status(const SalvagedKey&)>& visit) {
  KeyInTheMaking key(rules, visit);
  const auto take = [&](const SalvageStream& stream) {
    Status advanced = advance ? advance() : Status::Ok();
    return advanced.ok() ? key.Add(stream) : advanced;
  };
  RETURN_IF_ERROR(MergeStreams(streams, take));
  return key.End();
}

}  // namespace logwood
