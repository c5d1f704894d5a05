// DamageDemands: what must be said of a damage - by an open, by `check`, by salvage - and what may
// be excused by it. Pure: the answers are given.
//
//   const std::string complaint = demands.OfCheck(damage, check, harmless);   // empty: none
#pragma once

#include <string>
#include <vector>

#include "tests/damage/damage_cases.h"
#include "tests/damage/damage_judge.h"
#include "tests/damage/damage_map.h"
#include "tests/damage/salvage_judge.h"

namespace logwood::test {

class DamageDemands {
 public:
  // `recorded`: the durable point that the whole database tells. Shape and map outlive it.
  DamageDemands(const DamageShape& shape, const DamageMap& map, LogPos recorded)
      : shape_(shape), map_(map), recorded_(recorded) {}

  // Each says what is wrong; empty: nothing is.
  std::string OfOpen(const DamageCase& damage, const Verdict& verdict, OpenMode mode) const;
  // `harmless`: each open was exact.
  std::string OfCheck(const DamageCase& damage, const CheckVerdict& check, bool harmless) const;
  std::string OfSalvage(const DamageCase& damage, const SalvageVerdict& verdict) const;

  // Those of the findings that excuse an error of a read: in the damaged file.
  static std::vector<Damage> Excuses(const DamageCase& damage, const CheckVerdict& check);
  SalvageJudging JudgingOf(const DamageCase& damage) const;

 private:
  bool LeavesNoTrace(const DamageCase& damage) const;
  bool MayGoUnnoticed(const DamageCase& damage, bool harmless) const;
  bool NamesDamage(const DamageCase& damage, const std::string& message) const;
  LogPos ProvenBeside(const DamageCase& damage) const;
  LogPos ToldBeside(const DamageCase& damage) const;
  LogPos FirstPositionHit(const DamageCase& damage) const;
  bool IsWhereTailMayBegin(const DamageCase& damage, uint64_t offset) const;
  std::string OfLoss(const DamageCase& damage, const Verdict& verdict, OpenMode mode) const;
  std::string OfFinding(const DamageCase& damage, const Damage& found) const;
  std::string OfFlipFound(const DamageCase& damage, const CheckVerdict& check) const;
  std::string OfBlockFound(const DamageCase& damage, const Damage& found) const;
  std::string OfFlipSalvaged(const DamageCase& damage, const SalvageVerdict& verdict) const;

  const DamageShape& shape_;
  const DamageMap& map_;
  const LogPos recorded_;
};

}  // namespace logwood::test
