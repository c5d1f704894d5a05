#include "tests/damage/salvage_judge.h"

#include <algorithm>
#include <memory>
#include <set>

#include "tests/damage/damage_judge.h"
#include "tests/support/option_sets.h"
#include "util/escape.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr char kSource[] = "/db";
constexpr char kTarget[] = "/saved";
constexpr char kNamelessPrefix[] = "salvaged-";
const std::string kCatalogueName = "the catalogue";

// Null: it is not there.
const std::string* ValueIn(const Content& content, const std::string& keyspace,
                           const std::string& key) {
  const auto rows = content.find(keyspace);
  if (rows == content.end()) return nullptr;
  const auto row = rows->second.find(key);
  return row == rows->second.end() ? nullptr : &row->second;
}

bool Same(const std::string* a, const std::string* b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

// What the report excuses.
class Excuses {
 public:
  Excuses(const DamageShape& shape, const SalvageJudging& judging,
          const std::vector<SalvageLoss>& report)
      : shape_(shape), judging_(judging) {
    // Of commits behind `told_up_to` nothing speaks any more.
    AddCommits(judging.told_up_to + 1, shape.last);
    for (const SalvageLoss& loss : report) {
      const Damage& damage = loss.damage;
      const bool has_keys = !damage.first_keyspace.empty() || !damage.last_keyspace.empty();
      if (loss.lost && has_keys) ranges_.push_back(&damage);
      // Commits that are lost, or were never durable.
      const bool gone = loss.lost || damage.first_position > judging.proven;
      const bool has_positions = damage.first_position != 0 || damage.last_position != 0;
      if (!has_keys && gone && has_positions) {
        AddCommits(damage.first_position, damage.last_position);
      }
      if (loss.lost && !has_keys && !has_positions) anything_ = judging.anything;
    }
  }

  bool Key(const std::string& keyspace, const std::string& key) const {
    if (anything_) return true;
    const StoredPlace place(shape_.keyspace_numbers.at(keyspace), key);
    if (IsInReach(place) && IsNamed(place)) return true;
    return AnyCommit([&](const Content& before, const Content& after) {
      return !Same(ValueIn(before, keyspace, key), ValueIn(after, keyspace, key));
    });
  }

  // A keyspace that should be there and is not, or the other way round.
  bool Keyspace(const std::string& name) const {
    if (anything_) return true;
    for (const Damage* range : ranges_) {
      if (range->first_keyspace == kCatalogueName && IsInReach(KeysNamedBy(shape_, *range)->first))
        return true;
    }
    return AnyCommit([&](const Content& before, const Content& after) {
      return before.contains(name) != after.contains(name);
    });
  }

 private:
  // A last one of 0: nobody knows.
  void AddCommits(LogPos first, LogPos last) {
    const LogPos newest = shape_.contents.size() - 1;
    commits_.emplace_back(std::max<LogPos>(first, 1), last == 0 ? newest : std::min(last, newest));
  }

  bool IsInReach(const StoredPlace& place) const {
    return judging_.anything ||
           std::any_of(judging_.keys.begin(), judging_.keys.end(), [&place](const auto& keys) {
             return keys.first <= place && place <= keys.second;
           });
  }
  bool IsNamed(const StoredPlace& place) const {
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](const Damage* range) { return Covers(shape_, *range, place); });
  }
  bool IsInReach(LogPos position) const {
    return judging_.anything || position > judging_.told_up_to ||
           std::any_of(judging_.commits.begin(), judging_.commits.end(),
                       [position](const auto& commits) {
                         return commits.first <= position && position <= commits.second;
                       });
  }

  template <typename Changes>
  bool AnyCommit(const Changes& changes) const {
    for (const auto& [first, last] : commits_) {
      for (LogPos p = first; p <= last; ++p) {
        if (IsInReach(p) && changes(*shape_.contents[p - 1], *shape_.contents[p])) return true;
      }
    }
    return false;
  }

  const DamageShape& shape_;
  const SalvageJudging& judging_;
  std::vector<const Damage*> ranges_;
  std::vector<std::pair<LogPos, LogPos>> commits_;
  bool anything_ = false;
};

Result<Content> ReadDatabase(FileSystem* files, const DamageShape& shape) {
  ASSIGN_OR_RETURN(const auto db, DB::OpenReadOnly({.file_system = files}, kTarget));
  Content content;
  ASSIGN_OR_RETURN(const std::vector<KeyspaceInfo> list, db->ListKeyspaces());
  for (const KeyspaceInfo& info : list) {
    std::string name = info.name;
    // One that lost its name is compared as what it was.
    for (const auto& [original, number] : shape.keyspace_numbers) {
      if (name == kNamelessPrefix + std::to_string(number)) name = original;
    }
    Rows& rows = content[name];
    const auto it = db->NewIterator({}, info.keyspace);
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
    RETURN_IF_ERROR(it->status());
  }
  return content;
}

class Comparison {
 public:
  Comparison(const DamageShape& shape, const SalvageJudging& judging, const Content& saved,
             SalvageVerdict* verdict)
      : shape_(shape),
        data_is_whole_(judging.data_is_whole),
        saved_(saved),
        verdict_(verdict),
        heard_(judging.hears_nothing ? std::vector<SalvageLoss>() : verdict->report),
        excuses_(shape, judging, heard_) {}

  void Run() {
    const Content& wanted = *shape_.contents[shape_.last];
    for (const Content* one : {&wanted, &saved_}) {
      for (const auto& [name, rows] : *one) {
        if (wanted.contains(name) != saved_.contains(name) && !excuses_.Keyspace(name))
          Wrong("keyspace " + name + (saved_.contains(name) ? " is back" : " is gone"));
      }
    }
    std::set<std::pair<std::string, std::string>> keys;
    for (const Content* one : {&wanted, &saved_}) {
      for (const auto& [name, rows] : *one) {
        // With its keyspace.
        if (wanted.contains(name) != saved_.contains(name)) continue;
        for (const auto& [key, value] : rows) keys.emplace(name, key);
      }
    }
    for (const auto& [name, key] : keys) CompareKey(wanted, name, key);
  }

 private:
  void CompareKey(const Content& wanted, const std::string& name, const std::string& key) {
    const std::string* const should = ValueIn(wanted, name, key);
    const std::string* const is = ValueIn(saved_, name, key);
    if (Same(should, is)) return;
    ++verdict_->inexact_keys;
    const std::string what = name + "/" + Escape(key);
    const bool gone_of_whole = data_is_whole_ && is == nullptr;
    if (gone_of_whole || !excuses_.Key(name, key)) {
      Wrong(what + (is == nullptr       ? " is gone"
                    : should == nullptr ? " is back"
                                        : " has another value"));
    }
    if (is != nullptr && !EverHad(name, key, *is)) Wrong(what + " has a value it never had");
  }

  bool EverHad(const std::string& name, const std::string& key, const std::string& value) const {
    return std::any_of(shape_.contents.begin(), shape_.contents.end(), [&](const auto& content) {
      return Same(ValueIn(*content, name, key), &value);
    });
  }

  void Wrong(const std::string& what) {
    if (verdict_->wrong.empty()) verdict_->wrong = what;
  }

  const DamageShape& shape_;
  const bool data_is_whole_;
  const Content& saved_;
  SalvageVerdict* const verdict_;
  const std::vector<SalvageLoss> heard_;
  const Excuses excuses_;  // of what was heard
};

Status Run(const DamageShape& shape, FileSystem* files, const FileContents& damaged,
           const SalvageJudging& judging, SalvageVerdict* verdict) {
  RETURN_IF_ERROR(WriteDirectory(files, kSource, damaged));
  SalvageOptions options;
  options.fs = files;
  options.source = kSource;
  options.target = kTarget;
  options.memory_bytes = 2 << 20;
  options.report = [&](const SalvageLoss& loss) { verdict->report.push_back(loss); };
  ASSIGN_OR_RETURN(verdict->summary, Salvage(options));
  ASSIGN_OR_RETURN(const FileContents after, ReadDirectory(files, kSource));
  if (after != damaged) {
    verdict->wrong = "the source changed: " + DifferenceOf(damaged, after);
    return Status::Ok();
  }
  ASSIGN_OR_RETURN(const Content saved, ReadDatabase(files, shape));
  Comparison(shape, judging, saved, verdict).Run();
  return Status::Ok();
}

}  // namespace

std::string SalvageVerdict::ToString() const {
  std::string text = status.ToString() + ", " + std::to_string(inexact_keys) + " keys inexact\n";
  for (const SalvageLoss& loss : report) {
    text += (loss.lost ? "    lost " : "    note ") + loss.damage.ToString() + ", up to byte " +
            std::to_string(loss.end) + "\n";
  }
  return wrong.empty() ? text : text + "    WRONG: " + wrong + "\n";
}

SalvageVerdict JudgeSalvage(const DamageShape& shape, const FileContents& files,
                            const SalvageJudging& judging) {
  SalvageVerdict verdict;
  const Place place;
  verdict.status = Run(shape, place.files(), files, judging, &verdict);
  return verdict;
}

std::string WrongIfAllIsInexact(const DamageShape& shape, const SalvageJudging& judging,
                                const std::vector<SalvageLoss>& report) {
  SalvageVerdict verdict;
  verdict.report = report;
  Content nothing;
  for (const auto& [name, rows] : *shape.contents[shape.last]) nothing[name];
  // Not even a whole manifest would leave so little.
  SalvageJudging any_key = judging;
  any_key.data_is_whole = false;
  Comparison(shape, any_key, nothing, &verdict).Run();
  return verdict.wrong;
}

}  // namespace logwood::test
