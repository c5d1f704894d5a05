// Each transaction against the positions that the database gave: without a graph, and for the order
// of positions complete. A read says between which positions the reader's snapshot lies.
#include <algorithm>

#include "tests/support/history_model.h"

namespace logwood::test::history {
namespace {

class Positions {
 public:
  explicit Positions(Model* model);
  void Check(uint32_t transaction);
  void Finish();

 private:
  // The snapshot lies at one of these; and which observation says so.
  struct Bounds {
    LogPos least = 0, most = kHistoryNever;
    uint32_t least_by = kNone, most_by = kNone;
  };

  Bounds BoundsOf(uint32_t transaction) const;
  void CheckBounds(uint32_t transaction, const Bounds& bounds);
  void CheckWrites(uint32_t transaction, const Bounds& bounds);
  void CheckUpdate(const Observation& observation);
  void CheckFresh(uint32_t id);
  void CheckBegun(uint32_t transaction, const Bounds& bounds);
  std::string Told(const Bounds& bounds) const;
  std::string ToldNext(const Observation& observation) const {
    return model_.Told(model_.InSlot(model_.NextSlot(observation)));
  }

  Model& model_;
  std::vector<uint32_t> missed_;  // by version: the observation that should have seen it
  // Commits by the time of their answer, each with the greatest position up to then.
  std::vector<std::pair<uint64_t, LogPos>> visible_;
};

Positions::Positions(Model* model) : model_(*model), missed_(model->versions.size(), kNone) {
  if (!model->promise.real_time) return;
  for (uint32_t t = 0; t < model->history.transactions.size(); ++t) {
    const TransactionHistory::Transaction& of = model->Of(t);
    if (model->live[t] && of.position > 0) visible_.emplace_back(of.ended, of.position);
  }
  std::sort(visible_.begin(), visible_.end());
  for (size_t i = 1; i < visible_.size(); ++i) {
    visible_[i].second = std::max(visible_[i].second, visible_[i - 1].second);
  }
}

Positions::Bounds Positions::BoundsOf(uint32_t transaction) const {
  Bounds bounds;
  for (size_t i = model_.observations_begin[transaction];
       i < model_.observations_begin[transaction + 1]; ++i) {
    const Observation& observation = model_.observations[i];
    if (observation.version == kNone) continue;
    if (observation.version != kInitial) {
      const LogPos position = model_.PositionOf(model_.versions[observation.version]);
      if (position > bounds.least) {
        bounds.least = position;
        bounds.least_by = static_cast<uint32_t>(i);
      }
    }
    const uint32_t next = model_.NextSlot(observation);
    if (next == kNone) continue;
    const LogPos beyond = model_.PositionOf(model_.InSlot(next));
    if (beyond > 0 && beyond - 1 < bounds.most) {
      bounds.most = beyond - 1;
      bounds.most_by = static_cast<uint32_t>(i);
    }
  }
  return bounds;
}

std::string Positions::Told(const Bounds& bounds) const {
  std::string text;
  if (bounds.least_by != kNone) {
    const Observation& observation = model_.observations[bounds.least_by];
    text += "\n    " + model_.Told(observation) + ": " +
            model_.Told(model_.versions[observation.version]);
  }
  if (bounds.most_by != kNone) {
    const Observation& observation = model_.observations[bounds.most_by];
    text += "\n    " + model_.Told(observation) + ", before " + ToldNext(observation);
  }
  return text;
}

void Positions::CheckBounds(uint32_t transaction, const Bounds& bounds) {
  const TransactionHistory::Transaction& of = model_.Of(transaction);
  if (bounds.least > bounds.most) {
    if (model_.Count(HistoryAnomaly::kNoSnapshot)) {
      model_.Tell(HistoryAnomaly::kNoSnapshot, model_.Told(transaction) + Told(bounds));
    }
    return;
  }
  if (of.snapshot != kHistoryNever && (of.snapshot < bounds.least || of.snapshot > bounds.most) &&
      model_.Count(HistoryAnomaly::kWrongSnapshot)) {
    model_.Tell(HistoryAnomaly::kWrongSnapshot, model_.Told(transaction) + Told(bounds));
  }
  if (of.position > 0 && bounds.least >= of.position &&
      model_.Count(HistoryAnomaly::kOrderOfPositions)) {
    model_.Tell(HistoryAnomaly::kOrderOfPositions,
                model_.Told(transaction) + " knows of what has a later position" + Told(bounds));
  }
  if (of.outcome != HistoryOutcome::kAborted && of.position > 0 && bounds.most < of.position - 1 &&
      model_.LevelOf(transaction) == HistoryLevel::kSerializable &&
      model_.Count(HistoryAnomaly::kCommitOrder)) {
    const Observation& observation = model_.observations[bounds.most_by];
    model_.Tell(HistoryAnomaly::kCommitOrder, model_.Told(transaction) + "\n    " +
                                                  model_.Told(observation) + ", before " +
                                                  ToldNext(observation));
  }
}

// The first committer wins. Not asked of the serializable, which stand at their own positions.
void Positions::CheckWrites(uint32_t transaction, const Bounds& bounds) {
  const TransactionHistory::Transaction& of = model_.Of(transaction);
  if (!model_.live[transaction] || model_.LevelOf(transaction) != HistoryLevel::kSnapshot) return;
  const LogPos most = of.snapshot == kHistoryNever ? bounds.most : of.snapshot;
  for (size_t id = model_.versions_begin[transaction]; id < model_.versions_begin[transaction + 1];
       ++id) {
    const Version& version = model_.versions[id];
    if (version.slot == kNone || version.slot == model_.order_begin[version.key]) continue;
    const Version& before = model_.InSlot(version.slot - 1);
    if (model_.PositionOf(before) <= most) continue;
    if (model_.Count(HistoryAnomaly::kWriteConflict)) {
      model_.Tell(HistoryAnomaly::kWriteConflict,
                  model_.Told(transaction) + "\n    after its snapshot, " + model_.Told(before) +
                      ",\n    before " + model_.Told(version) + Told(bounds));
    }
    return;
  }
}

void Positions::CheckUpdate(const Observation& observation) {
  const uint32_t next = model_.NextSlot(observation);
  if (next == kNone || !model_.live[observation.transaction]) return;
  const uint32_t own = model_.VersionBy(observation.transaction, observation.key);
  if (own == kNone) return;
  const uint32_t slot = model_.versions[own].slot;
  if (slot == kNone || slot <= next) return;
  if (!model_.Count(HistoryAnomaly::kLostUpdate)) return;
  model_.Tell(HistoryAnomaly::kLostUpdate, model_.Told(observation) + ",\n    then " +
                                               model_.Told(model_.InSlot(next)) + ",\n    then " +
                                               model_.Told(model_.versions[own]));
}

void Positions::CheckFresh(uint32_t id) {
  const Observation& observation = model_.observations[id];
  const uint32_t next = model_.NextSlot(observation);
  if (!model_.promise.real_time || next == kNone) return;
  const uint32_t version = model_.order[model_.soonest[next]];
  const uint32_t writer = model_.versions[version].transaction;
  if (model_.Of(writer).ended >= model_.Of(observation.transaction).begun) return;
  missed_[version] = id;
  if (!model_.Count(HistoryAnomaly::kStaleRead)) return;
  model_.Tell(HistoryAnomaly::kStaleRead, model_.Told(observation.transaction) + "\n    " +
                                              model_.Told(observation) + ", but before it began, " +
                                              model_.Told(model_.versions[version]) + ",\n    in " +
                                              model_.Told(writer));
}

// All positions up to one that was acknowledged are visible.
void Positions::CheckBegun(uint32_t transaction, const Bounds& bounds) {
  const TransactionHistory::Transaction& of = model_.Of(transaction);
  const auto beyond =
      std::lower_bound(visible_.begin(), visible_.end(), std::pair<uint64_t, LogPos>(of.begun, 0));
  if (beyond == visible_.begin()) return;
  const LogPos visible = (beyond - 1)->second;
  if (visible <= std::min(bounds.most, of.snapshot)) return;
  if (!model_.Count(HistoryAnomaly::kStaleRead)) return;
  model_.Tell(HistoryAnomaly::kStaleRead, model_.Told(transaction) + ", when position " +
                                              std::to_string(visible) + " was acknowledged" +
                                              Told(bounds));
}

void Positions::Check(uint32_t transaction) {
  const Bounds bounds = BoundsOf(transaction);
  CheckBounds(transaction, bounds);
  CheckBegun(transaction, bounds);
  CheckWrites(transaction, bounds);
  for (size_t i = model_.observations_begin[transaction];
       i < model_.observations_begin[transaction + 1]; ++i) {
    CheckUpdate(model_.observations[i]);
    CheckFresh(static_cast<uint32_t>(i));
  }
}

void Positions::Finish() {
  for (size_t id = 0; id < missed_.size(); ++id) {
    const Version& version = model_.versions[id];
    if (missed_[id] == kNone || version.seen || version.last == 0) continue;
    if (!model_.Count(HistoryAnomaly::kLostCommit)) continue;
    model_.Tell(HistoryAnomaly::kLostCommit,
                model_.Told(version) + ", and nobody ever saw it;\n    in " +
                    model_.Told(version.transaction) + ", and after that " +
                    model_.Told(model_.observations[missed_[id]]));
  }
}

}  // namespace

void CheckPositions(Model* model) {
  Positions positions(model);
  for (uint32_t t = 0; t < model->history.transactions.size(); ++t) positions.Check(t);
  positions.Finish();
}

}  // namespace logwood::test::history
