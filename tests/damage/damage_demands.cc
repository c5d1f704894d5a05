#include "tests/damage/damage_demands.h"

#include <algorithm>

namespace logwood::test {

namespace {

using Kind = DamageCase::Kind;

constexpr uint64_t kInexactOfFlipMax = 12;  // keys of a block

// Whether it is said of what is damaged.
bool IsOf(const std::string& file, const DamageCase& damage) {
  if (file == damage.file || (!damage.other.empty() && file == damage.other)) return true;
  // Which of two that do not fit together is the stranger nobody can tell; a manifest names tables
  // of its own, too.
  if (damage.kind == Kind::kOtherCopy && damage.file.ends_with(".manifest")) return true;
  if (damage.kind == Kind::kOtherCopy && !damage.file.ends_with(".table"))
    return !file.ends_with(".table");
  // An older ROOT names a manifest that is not there.
  return damage.file == "ROOT" && file.ends_with(".manifest") && !damage.files.contains(file);
}

}  // namespace

// ---- What is not said

// Of a killed database's newest segment nothing speaks but the segment itself: where it is gone,
// replaced by an older copy or cut between two records, nothing tells that there was more. Cut
// within one, it shows what the cut left of that.
bool DamageDemands::LeavesNoTrace(const DamageCase& damage) const {
  if (shape_.closed || damage.file != map_.newest_log()) return false;
  if (damage.kind == Kind::kCut) {
    return damage.offset == 0 || map_.IsRecordEnd(damage.file, damage.offset);
  }
  return damage.kind == Kind::kMissing || damage.kind == Kind::kZeroed ||
         damage.kind == Kind::kStale;
}

// What leaves no trace, and what costs nothing: the manifest without edits that say what its
// successors or the log say as well, and the oldest segment. That one is there because it was to be
// retained; how much is retained is a wish and no record (LogRetention says what stays, not since
// when, and an open may change it), nothing says which segment was the oldest that had not been
// removed, and one that was removed leaves the directory that a missing one does.
bool DamageDemands::MayGoUnnoticed(const DamageCase& damage, bool harmless) const {
  if (LeavesNoTrace(damage)) return true;
  if (!harmless) return false;
  // ROOT, and a segment without commits, say the same in both copies.
  if (damage.kind == Kind::kOtherCopy && !damage.file.ends_with(".manifest")) {
    return damage.file == "ROOT" || !map_.PositionsOf(damage.file).has_value();
  }
  if (damage.file == map_.oldest_log()) return damage.kind == Kind::kMissing;
  const bool is_between_edits =
      damage.kind == Kind::kCut && map_.AreaAt(damage.file, damage.offset).begin == damage.offset;
  return damage.file.ends_with(".manifest") && (is_between_edits || damage.kind == Kind::kStale);
}

// The last commit of which what the damage left says something. A cut within a record shows that
// there was one; of those behind it nothing speaks.
LogPos DamageDemands::ToldBeside(const DamageCase& damage) const {
  if (shape_.closed || damage.file != map_.newest_log()) return shape_.last;
  if (damage.kind != Kind::kCut) return LeavesNoTrace(damage) ? ProvenBeside(damage) : shape_.last;
  const LogPos cut = map_.FirstPositionCut(damage.file, damage.offset);
  if (cut == 0) return shape_.last;
  const bool is_between =
      damage.offset < map_.HeadEnd(damage.file) || map_.IsRecordEnd(damage.file, damage.offset);
  return std::max(ProvenBeside(damage), is_between ? cut - 1 : cut);
}

// Up to where the log is proven to have been durable by what the damage left.
LogPos DamageDemands::ProvenBeside(const DamageCase& damage) const {
  if (damage.file != map_.newest_log() || shape_.closed) return recorded_;
  if (damage.kind == Kind::kCut) return map_.ProvenBefore(damage.offset);
  return LeavesNoTrace(damage) ? map_.ProvenBefore(0) : recorded_;
}

// ---- Of an open

bool DamageDemands::NamesDamage(const DamageCase& damage, const std::string& message) const {
  const std::vector<uint64_t> places = PlacesIn(message, damage.file);
  if (damage.kind == Kind::kFlip) {
    const DamageMap::Area area = map_.AreaAt(damage.file, damage.offset);
    return std::any_of(places.begin(), places.end(),
                       [&area](uint64_t offset) { return area.Holds(offset); });
  }
  if (!places.empty()) return true;
  // What ROOT names, where that is not there.
  if (damage.file == "ROOT" && NamesPlaceIn(message, ".manifest")) return true;
  // Which of two that do not fit together is the stranger nobody can tell.
  if (damage.kind == Kind::kOtherCopy && !damage.file.ends_with(".table")) {
    return NamesPlaceIn(message, ".log") || NamesPlaceIn(message, ".manifest") ||
           NamesPlaceIn(message, "ROOT");
  }
  return !damage.other.empty() && NamesPlaceIn(message, damage.other);
}

// The first commit whose bytes are hit; 0: none is.
LogPos DamageDemands::FirstPositionHit(const DamageCase& damage) const {
  if (damage.kind == Kind::kFlip) return map_.PositionAt(damage.file, damage.offset);
  if (damage.kind == Kind::kCut) return map_.FirstPositionCut(damage.file, damage.offset);
  return 0;
}

std::string DamageDemands::OfOpen(const DamageCase& damage, const Verdict& verdict,
                                  OpenMode mode) const {
  if (!verdict.wrong.empty()) return verdict.wrong;
  if (!verdict.exact() && !NamesDamage(damage, verdict.first_error().ToString()))
    return "the error names no place in the damaged file";
  // A commit above the durable point is a tail, as a crash may leave it.
  const bool is_of_tail = damage.kind == Kind::kFlip && FirstPositionHit(damage) > recorded_;
  const bool is_others = damage.kind == Kind::kOtherCopy;
  const bool must_open =
      damage.file.ends_with(".table") || is_of_tail ||
      (damage.file.ends_with(".log") && mode == OpenMode::kDamagedLog && !is_others);
  if (must_open && !verdict.opened.ok()) return "does not open";
  if (!verdict.opened.ok() || verdict.last >= shape_.last) return "";
  const LogPos hit = FirstPositionHit(damage);
  const bool says_where = damage.kind == Kind::kFlip || (damage.kind == Kind::kCut && hit != 0);
  if (says_where && (hit == 0 || verdict.last + 1 < hit)) return "commits before it are gone";
  return mode == OpenMode::kDamagedLog ? "" : OfLoss(damage, verdict, mode);
}

// Of a segment that ends within its head the commits are missing from where they would begin.
bool DamageDemands::IsWhereTailMayBegin(const DamageCase& damage, uint64_t offset) const {
  return map_.AreaAt(damage.file, damage.offset).Holds(offset) ||
         (damage.kind == Kind::kCut && damage.offset < map_.HeadEnd(damage.file) &&
          offset == map_.HeadEnd(damage.file));
}

// It opened without the last commits.
std::string DamageDemands::OfLoss(const DamageCase& damage, const Verdict& verdict,
                                  OpenMode mode) const {
  if (verdict.last < ProvenBeside(damage)) return "durable commits are gone";
  if (LeavesNoTrace(damage)) return "";
  if (verdict.recovery.unproven_tail_file != damage.file)
    return "commits are gone and no tail is reported";
  const bool is_placed = damage.kind == Kind::kFlip || damage.kind == Kind::kCut;
  if (is_placed && !IsWhereTailMayBegin(damage, verdict.recovery.unproven_tail_offset))
    return "the tail does not begin where the damage is";
  if (mode == OpenMode::kWriting && verdict.events.empty()) return "no event tells of the tail";
  return "";
}

// ---- Of `check`

std::vector<Damage> DamageDemands::Excuses(const DamageCase& damage, const CheckVerdict& check) {
  std::vector<Damage> excuses;
  for (const Damage& found : check.damages) {
    if (IsOf(found.file, damage)) excuses.push_back(found);
  }
  return excuses;
}

std::string DamageDemands::OfCheck(const DamageCase& damage, const CheckVerdict& check,
                                   bool harmless) const {
  if (!check.status.ok()) return "check fails";
  const bool named = check.Names(damage.file) || NamesDamage(damage, check.ToString());
  if (!named && !MayGoUnnoticed(damage, harmless)) return "check does not name it";
  for (const Damage& found : check.damages) {
    std::string complaint = OfFinding(damage, found);
    if (!complaint.empty()) return complaint;
  }
  return damage.kind == Kind::kFlip ? OfFlipFound(damage, check) : "";
}

// In no other file, and no keys but those of the table.
std::string DamageDemands::OfFinding(const DamageCase& damage, const Damage& found) const {
  if (!IsOf(found.file, damage)) return "check calls another file damaged: " + found.ToString();
  const auto keys = KeysNamedBy(shape_, found);
  if (!keys) return "";
  const DamageMap::Table* const table = map_.TableOf(found.file);
  if (table == nullptr) return "check names keys of what is no table";
  return keys->first < table->smallest || table->largest < keys->second
             ? "check names keys that the table does not reach to"
             : "";
}

std::string DamageDemands::OfFlipFound(const DamageCase& damage, const CheckVerdict& check) const {
  const DamageMap::Area area = map_.AreaAt(damage.file, damage.offset);
  const auto is_there = [&](const Damage& found) {
    return found.file == damage.file && area.Holds(found.offset);
  };
  const bool is_damage = std::any_of(check.damages.begin(), check.damages.end(), is_there);
  if (!is_damage && std::none_of(check.notes.begin(), check.notes.end(), is_there))
    return "check does not name the place";
  const LogPos position = map_.PositionAt(damage.file, damage.offset);
  // Above the durable point it is an unproven tail, as a crash may leave it.
  if (!is_damage && position != 0 && position <= recorded_)
    return "check takes it for what a crash may leave";
  if (position != 0 && !check.NamesPosition(damage.file, position))
    return "check does not name position " + std::to_string(position);
  const DamageMap::Table* const table = map_.TableOf(damage.file);
  if (table == nullptr) return "";
  if (!is_damage) return "check calls no damage what is of a table";
  if (!table->HoldsData(damage.offset)) return "";
  for (const Damage& found : check.damages) {
    std::string complaint = OfBlockFound(damage, found);
    if (!complaint.empty()) return complaint;
  }
  return "";
}

// Its keys, and the last one of the block before: between the two lies its begin.
std::string DamageDemands::OfBlockFound(const DamageCase& damage, const Damage& found) const {
  const auto& blocks = map_.TableOf(damage.file)->blocks;
  const auto block = std::prev(blocks.upper_bound(damage.offset));
  StoredPlace before;
  bool is_behind = false;
  for (const auto& [offset, keys] : blocks) {
    if (offset < block->first && !keys.empty()) before = *keys.rbegin();
    for (const StoredPlace& key : keys) {
      const bool covered = Covers(shape_, found, key);
      const bool is_own = offset == block->first;
      if (is_own && !covered) return "check leaves out a key of the block";
      is_behind |= covered && !is_own && key != before;
      is_behind |= covered && offset > block->first;
    }
  }
  return is_behind ? "check names more keys than the block has" : "";
}

// ---- Of salvage

SalvageJudging DamageDemands::JudgingOf(const DamageCase& damage) const {
  SalvageJudging judging;
  judging.told_up_to = ToldBeside(damage);
  judging.proven = ProvenBeside(damage);
  judging.data_is_whole = !damage.file.ends_with(".table") && !damage.file.ends_with(".log");
  judging.anything = damage.file.ends_with(".manifest");
  for (const std::string& file : {damage.file, damage.other}) {
    if (const auto* table = map_.TableOf(file)) {
      judging.keys.emplace_back(table->smallest, table->largest);
    } else if (const auto positions = map_.PositionsOf(file)) {
      judging.commits.push_back(*positions);
    }
  }
  return judging;
}

std::string DamageDemands::OfSalvage(const DamageCase& damage,
                                     const SalvageVerdict& verdict) const {
  if (!verdict.wrong.empty()) return verdict.wrong;
  if (!verdict.status.ok()) return "salvage fails";
  for (const SalvageLoss& loss : verdict.report) {
    // Of which tables there are, with no manifest to name.
    const bool is_knowledge = damage.file.ends_with(".manifest") && loss.damage.file == "manifest";
    if (loss.lost && !is_knowledge && !IsOf(loss.damage.file, damage))
      return "a loss in another file: " + loss.damage.ToString();
  }
  return damage.kind == Kind::kFlip ? OfFlipSalvaged(damage, verdict) : "";
}

// One byte costs no more than its block, its commit, or the certainty of the manifest.
std::string DamageDemands::OfFlipSalvaged(const DamageCase& damage,
                                          const SalvageVerdict& verdict) const {
  if (verdict.summary.losses > 1) return "more than one loss";
  if (verdict.inexact_keys > kInexactOfFlipMax) return "too many keys are lost";
  // A loss of which tables there are is told beside what is damaged.
  const DamageMap::Area area = map_.AreaAt(damage.file, damage.offset);
  bool is_placed = verdict.summary.losses == 0;
  for (const SalvageLoss& loss : verdict.report) {
    const Damage& d = loss.damage;
    is_placed |= d.file == damage.file && area.Holds(d.offset) &&
                 (loss.lost || damage.file.ends_with(".manifest"));
    if (loss.lost && d.file.ends_with(".log") && d.first_position != d.last_position)
      return "more than one commit is lost";
  }
  return is_placed ? "" : "the loss is not where the damage is";
}

}  // namespace logwood::test
