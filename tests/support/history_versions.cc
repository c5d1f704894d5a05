// Which transactions are there, the order of the versions of each key, and the version that each
// read saw.
#include <algorithm>

#include "tests/support/history_model.h"

namespace logwood::test::history {
namespace {

// Who wrote it, if that may be there; complains otherwise. kNone.
const Writer* WriterOf(Model* model, const Observation& observation, uint64_t value) {
  const auto found = model->writers.find({observation.key, value});
  HistoryAnomaly anomaly = HistoryAnomaly::kUnwritten;
  std::string why = "nobody wrote " + std::to_string(value);
  if (found != model->writers.end()) {
    const uint32_t writer = found->second.transaction;
    const bool own = writer == observation.transaction;
    if (!own && model->Of(writer).outcome != HistoryOutcome::kAborted) {
      model->live[writer] = true;
      return &found->second;
    }
    anomaly = own ? HistoryAnomaly::kInternal : HistoryAnomaly::kAbortedRead;
    why = own ? "it wrote that later" : std::to_string(value) + " is of " + model->Told(writer);
  }
  if (model->Count(anomaly)) model->Tell(anomaly, model->Told(observation) + ": " + why);
  return nullptr;
}

void FindVersion(Model* model, Observation* observation) {
  if (observation->last == 0) return;  // see ResolveAbsent
  const Writer* writer = WriterOf(model, *observation, observation->last);
  if (writer == nullptr) return;
  if (writer->version == kNone || model->versions[writer->version].last != observation->last) {
    if (model->Count(HistoryAnomaly::kIntermediateRead)) {
      model->Tell(HistoryAnomaly::kIntermediateRead, model->Told(*observation) + ": " +
                                                         model->Told(writer->transaction) +
                                                         " wrote more to it");
    }
    return;
  }
  observation->version = writer->version;
  model->versions[writer->version].seen = true;
}

class Orderer {
 public:
  explicit Orderer(Model* model) : model_(*model) {}
  // `placed`: versions of the key with known positions, ascending.
  void Order(uint32_t key, std::span<const uint32_t> placed);

 private:
  void OrderByList(const Key& key, std::span<const uint32_t> placed);
  std::vector<uint32_t> ShownBy(const Observation& longest);
  void Append(uint32_t version);
  void ComplainOfMissing(const Key& key, uint32_t missing, uint32_t shown);

  Model& model_;
};

void Orderer::Append(uint32_t version) {
  model_.versions[version].slot = static_cast<uint32_t>(model_.order.size());
  model_.order.push_back(version);
}

void Orderer::Order(uint32_t key, std::span<const uint32_t> placed) {
  model_.order_begin.push_back(model_.order.size());
  const Key& of = model_.keys[key];
  if (of.OnlyGrows() && of.longest != kNone) return OrderByList(of, placed);
  bool absent = true;
  for (const uint32_t version : placed) {
    // To delete what is not there changes nothing: no read can tell it from what was before.
    const bool deletes = model_.versions[version].last == 0;
    if (!deletes || !absent) Append(version);
    absent = deletes;
  }
}

void Orderer::ComplainOfMissing(const Key& key, uint32_t missing, uint32_t shown) {
  const Version& lost = model_.versions[missing];
  const Version& after = model_.versions[shown];
  // One that began later must have known of it; others may have overwritten it, a lost update.
  const bool acknowledged = model_.Of(lost.transaction).ended < model_.Of(after.transaction).begun;
  const HistoryAnomaly anomaly =
      acknowledged ? HistoryAnomaly::kLostCommit : HistoryAnomaly::kOrderOfPositions;
  if (!model_.Count(anomaly)) return;
  model_.Tell(anomaly, model_.Told(model_.observations[key.longest]) + ": there is what " +
                           model_.Told(after) + ", not what " + model_.Told(lost));
}

// The versions that a list shows, in its order. Each must be there with all its elements, as they
// were appended; of the last some may be missing, which FindVersion tells.
std::vector<uint32_t> Orderer::ShownBy(const Observation& longest) {
  std::vector<uint32_t> shown;
  for (size_t at = 0; at < longest.list.size();) {
    const Writer* writer = WriterOf(&model_, longest, longest.list[at]);
    if (writer == nullptr || writer->version == kNone) {
      ++at;
      continue;
    }
    Version& version = model_.versions[writer->version];
    const std::span<const uint64_t> made = model_.ElementsOf(version);
    const std::span<const uint64_t> rest = longest.list.subspan(at);
    const size_t size = std::min(made.size(), rest.size());
    const bool whole =
        std::equal(made.begin(), made.begin() + static_cast<ptrdiff_t>(size), rest.begin());
    if ((!whole || version.slot != kNone) && model_.Count(HistoryAnomaly::kIncompatibleOrders)) {
      model_.Tell(HistoryAnomaly::kIncompatibleOrders,
                  model_.Told(longest) + ": the elements of one commit are apart, or not in its" +
                      " order, of " + model_.Told(version.transaction));
    }
    at += whole ? size : 1;
    if (version.slot != kNone) continue;
    version.slot = 0;  // its place comes later
    version.seen = true;
    shown.push_back(writer->version);
  }
  return shown;
}

// As the longest list shows it; what is in no list comes behind or, by its position, between.
void Orderer::OrderByList(const Key& key, std::span<const uint32_t> placed) {
  const Observation& longest = model_.observations[key.longest];
  const std::vector<uint32_t> shown = ShownBy(longest);
  size_t next = 0;
  LogPos latest = 0;
  for (const uint32_t version : shown) {
    const LogPos position = model_.PositionOf(model_.versions[version]);
    for (; position > 0 && next < placed.size(); ++next) {
      const Version& missing = model_.versions[placed[next]];
      if (model_.PositionOf(missing) >= position) break;
      if (missing.slot != kNone) continue;
      ComplainOfMissing(key, placed[next], version);
      Append(placed[next]);
    }
    if (position > 0 && position < latest && model_.Count(HistoryAnomaly::kOrderOfPositions)) {
      model_.Tell(HistoryAnomaly::kOrderOfPositions,
                  model_.Told(longest) + ": what " + model_.Told(model_.versions[version]) +
                      " is behind that of position " + std::to_string(latest));
    }
    latest = std::max(latest, position);
    Append(version);
  }
  for (; next < placed.size(); ++next) {
    if (model_.versions[placed[next]].slot == kNone) Append(placed[next]);
  }
}

// Absent may be each version that deleted, and what was before all.
void ResolveAbsent(Model* model, bool deleted, Observation* observation) {
  const Key& key = model->keys[observation->key];
  if (key.unsure_deleted) return;
  if (!deleted) {
    observation->version = kInitial;
    return;
  }
  const LogPos snapshot = model->Of(observation->transaction).snapshot;
  if (snapshot == kHistoryNever || key.unsure) return;
  const std::span<const uint32_t> of_key =
      std::span(model->order)
          .subspan(model->order_begin[observation->key],
                   model->order_begin[observation->key + size_t{1}] -
                       model->order_begin[observation->key]);
  const auto beyond = std::upper_bound(
      of_key.begin(), of_key.end(), snapshot, [&](LogPos position, uint32_t version) {
        return position < model->PositionOf(model->versions[version]);
      });
  if (beyond == of_key.begin()) {
    observation->version = kInitial;
  } else if (const Version& version = model->versions[*(beyond - 1)]; version.last == 0) {
    observation->version = *(beyond - 1);
  } else if (model->Count(HistoryAnomaly::kWrongSnapshot)) {
    model->Tell(HistoryAnomaly::kWrongSnapshot, model->Told(observation->transaction) + "\n    " +
                                                    model->Told(*observation) + ", but before, " +
                                                    model->Told(version));
  }
}

bool IsBeginning(std::span<const uint64_t> list, std::span<const uint64_t> of) {
  return list.size() <= of.size() && std::equal(list.begin(), list.end(), of.begin());
}

// Whether the versions up to the one that was read, back to one that replaces, make the list.
bool IsMade(const Model& model, const Observation& observation) {
  std::span<const uint64_t> rest = observation.list;
  size_t slot = model.versions[observation.version].slot + size_t{1};
  while (slot-- > model.order_begin[observation.key]) {
    const Version& version = model.InSlot(static_cast<uint32_t>(slot));
    const std::span<const uint64_t> made = model.ElementsOf(version);
    if (rest.size() < made.size() ||
        !std::equal(made.begin(), made.end(), rest.end() - static_cast<ptrdiff_t>(made.size()))) {
      return false;
    }
    rest = rest.first(rest.size() - made.size());
    if (version.replaces) break;
  }
  return rest.empty();
}

void CheckList(Model* model, const Observation& observation) {
  const Key& key = model->keys[observation.key];
  if (key.OnlyGrows()) {
    const Observation& longest = model->observations[key.longest];
    if (IsBeginning(observation.list, longest.list)) return;
    if (!model->Count(HistoryAnomaly::kIncompatibleOrders)) return;
    return model->Tell(HistoryAnomaly::kIncompatibleOrders,
                       model->Told(observation) + ", but " + model->Told(longest) +
                           ", and neither is the beginning of the other");
  }
  if (key.unsure || observation.version == kNone || observation.version == kInitial) return;
  if (IsMade(*model, observation)) return;
  for (const uint64_t value : observation.list) {
    if (WriterOf(model, observation, value) == nullptr) return;
  }
  if (!model->Count(HistoryAnomaly::kOrderOfPositions)) return;
  model->Tell(HistoryAnomaly::kOrderOfPositions,
              model->Told(observation) + ", which is not what the commits up to that of " +
                  model->Told(model->versions[observation.version]) + " make");
}

void FindSoonest(Model* model) {
  const auto ended = [&](size_t slot) {
    return model->Of(model->InSlot(static_cast<uint32_t>(slot)).transaction).ended;
  };
  model->soonest.resize(model->order.size());
  for (size_t key = 0; key < model->keys.size(); ++key) {
    const size_t end = model->order_begin[key + 1];
    for (size_t slot = end; slot-- > model->order_begin[key];) {
      model->soonest[slot] = static_cast<uint32_t>(slot);
      if (slot + 1 < end && ended(model->soonest[slot + 1]) < ended(slot)) {
        model->soonest[slot] = model->soonest[slot + 1];
      }
    }
  }
}

}  // namespace

void FindLive(Model* model) {
  for (const TransactionHistory::Transaction& transaction : model->history.transactions) {
    model->live.push_back(
        transaction.outcome == HistoryOutcome::kCommitted ||
        (transaction.outcome == HistoryOutcome::kUnknown && transaction.position > 0));
  }
  for (uint32_t id = 0; id < model->observations.size(); ++id) {
    Observation& observation = model->observations[id];
    FindVersion(model, &observation);
    uint32_t& longest = model->keys[observation.key].longest;
    if (observation.has_list &&
        (longest == kNone || observation.list.size() > model->observations[longest].list.size())) {
      longest = id;
    }
  }
}

void OrderVersions(Model* model) {
  std::vector<std::vector<uint32_t>> placed(model->keys.size());
  for (uint32_t id = 0; id < model->versions.size(); ++id) {
    const Version& version = model->versions[id];
    if (model->live[version.transaction] && model->PositionOf(version) > 0) {
      placed[version.key].push_back(id);
    }
  }
  Orderer orderer(model);
  for (uint32_t key = 0; key < model->keys.size(); ++key) {
    std::sort(placed[key].begin(), placed[key].end(), [&](uint32_t a, uint32_t b) {
      return model->PositionOf(model->versions[a]) < model->PositionOf(model->versions[b]);
    });
    orderer.Order(key, placed[key]);
  }
  model->order_begin.push_back(model->order.size());
  for (uint32_t id = 0; id < model->versions.size(); ++id) {
    const Version& version = model->versions[id];
    if (version.slot == kNone && model->live[version.transaction] &&
        model->PositionOf(version) == 0) {
      model->unplaced[version.key].push_back(id);
    }
  }
  FindSoonest(model);
}

void ResolveReads(Model* model) {
  std::vector<bool> deleted(model->keys.size());
  for (const uint32_t id : model->order) {
    if (model->versions[id].last == 0) deleted[model->versions[id].key] = true;
  }
  for (Observation& observation : model->observations) {
    if (observation.has_list) CheckList(model, observation);
    if (observation.last == 0) ResolveAbsent(model, deleted[observation.key], &observation);
    if (observation.version == kNone && observation.last == 0) ++model->report.unresolved;
  }
}

}  // namespace logwood::test::history
