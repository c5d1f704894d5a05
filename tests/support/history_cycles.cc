// The last step of CheckHistory: the edges between transactions, and names for the cycles.
#include <algorithm>
#include <numeric>

#include "tests/support/history_graph.h"
#include "tests/support/history_model.h"

namespace logwood::test::history {
namespace {

using Cycle = std::vector<const Edge*>;

constexpr size_t kComponentsMax = 50;     // that are looked into, of each search
constexpr size_t kStartsMax = 32;         // for a short cycle in each of them
constexpr size_t kVisitsMax = 2'000'000;  // of states, for all cycles of a search

class EdgeMaker {
 public:
  explicit EdgeMaker(const Model& model) : model_(model) {}
  Graph Make();

 private:
  void Add(uint32_t from, uint32_t to, EdgeKind kind, uint32_t version = kNone) {
    if (from != to) edges_.push_back({from, to, kind, version});
  }
  void AddReads();
  void AddSessions();
  void AddRealTime();

  const Model& model_;
  std::vector<Edge> edges_;
  uint32_t nodes_ = 0;
};

void EdgeMaker::AddReads() {
  for (const Observation& observation : model_.observations) {
    const uint32_t reader = observation.transaction;
    if (!model_.live[reader] || observation.version == kNone) continue;
    if (observation.version != kInitial) {
      Add(model_.versions[observation.version].transaction, reader, kWriteRead,
          observation.version);
    }
    EdgeKind kind = observation.scan && observation.last == 0 ? kReadWriteAbsent : kReadWrite;
    if (model_.LevelOf(reader) == HistoryLevel::kSnapshot) kind = kReadWriteFree;
    const uint32_t next = model_.NextSlot(observation);
    if (next != kNone) Add(reader, model_.InSlot(next).transaction, kind, model_.order[next]);
    // Whatever their places: all come after the first version, and after a list without them.
    const auto unplaced = model_.unplaced.find(observation.key);
    if (unplaced == model_.unplaced.end()) continue;
    const bool shows_all = observation.has_list && model_.keys[observation.key].OnlyGrows();
    if (observation.version != kInitial && !shows_all) continue;
    for (const uint32_t version : unplaced->second) {
      Add(reader, model_.versions[version].transaction, kind, version);
    }
  }
}

void EdgeMaker::AddSessions() {
  std::vector<uint32_t> all(model_.history.transactions.size());
  std::iota(all.begin(), all.end(), 0u);
  std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(model_.Of(a).session, model_.Of(a).begun) <
           std::pair(model_.Of(b).session, model_.Of(b).begun);
  });
  uint32_t before = kNone;
  for (const uint32_t t : all) {
    if (!model_.live[t]) continue;
    if (before != kNone && model_.Of(before).session == model_.Of(t).session &&
        model_.Of(before).ended < model_.Of(t).begun) {
      Add(before, t, kSessionOrder);
    }
    before = t;
  }
}

// A chain of moments, one for each end, keeps the edges linear in number.
void EdgeMaker::AddRealTime() {
  std::vector<std::pair<uint64_t, uint32_t>> ends;
  for (uint32_t t = 0; t < model_.history.transactions.size(); ++t) {
    if (model_.live[t] && model_.Of(t).ended != kHistoryNever) {
      ends.emplace_back(model_.Of(t).ended, t);
    }
  }
  std::sort(ends.begin(), ends.end());
  const uint32_t first = nodes_;
  nodes_ += static_cast<uint32_t>(ends.size());
  for (uint32_t i = 0; i < ends.size(); ++i) {
    Add(ends[i].second, first + i, kRealTime);
    if (i > 0) Add(first + i - 1, first + i, kRealTime);
  }
  for (uint32_t t = 0; t < model_.history.transactions.size(); ++t) {
    if (!model_.live[t]) continue;
    const auto beyond =
        std::lower_bound(ends.begin(), ends.end(), std::pair(model_.Of(t).begun, uint32_t{0}));
    if (beyond == ends.begin()) continue;
    Add(first + static_cast<uint32_t>(beyond - ends.begin()) - 1, t, kRealTime);
  }
}

Graph EdgeMaker::Make() {
  nodes_ = static_cast<uint32_t>(model_.history.transactions.size());
  for (size_t slot = 1; slot < model_.order.size(); ++slot) {
    const Version& before = model_.InSlot(static_cast<uint32_t>(slot - 1));
    const Version& version = model_.InSlot(static_cast<uint32_t>(slot));
    if (before.key != version.key) continue;
    Add(before.transaction, version.transaction, kWriteWrite, model_.order[slot]);
  }
  AddReads();
  if (model_.promise.real_time) {
    AddRealTime();  // of which that of a session is a part
  } else if (model_.promise.sessions) {
    AddSessions();
  }
  return Graph(nodes_, std::move(edges_));
}

HistoryAnomaly Classify(const Model& model, const Cycle& cycle) {
  uint8_t kinds = 0;
  size_t anti = 0;
  bool adjacent = false, stale = false;
  for (size_t i = 0; i < cycle.size(); ++i) {
    const Edge& edge = *cycle[i];
    kinds |= edge.kind;
    if ((edge.kind & kAnyReadWrite) == 0) continue;
    ++anti;
    adjacent |= (cycle[(i + cycle.size() - 1) % cycle.size()]->kind & kAnyReadWrite) != 0;
    stale |= model.Of(edge.to).ended < model.Of(edge.from).begun;
  }
  if ((kinds & kAnyOrder) != 0) {
    return stale ? HistoryAnomaly::kStaleRead : HistoryAnomaly::kStrict;
  }
  if (anti == 0) {
    return (kinds & kWriteRead) != 0 ? HistoryAnomaly::kG1c : HistoryAnomaly::kG0;
  }
  if (anti == 1) return HistoryAnomaly::kGSingle;
  if (!adjacent) return HistoryAnomaly::kGNonadjacent;
  return (kinds & kReadWriteAbsent) != 0 ? HistoryAnomaly::kG2 : HistoryAnomaly::kG2Item;
}

class CycleNamer {
 public:
  CycleNamer(Model* model, const Graph& graph) : model_(*model), graph_(graph) {}
  // Names those that these ways have, one of each component; rather one with an edge of `through`.
  void Search(uint8_t mask, bool nonadjacent, uint8_t through = 0);
  bool Clean(uint8_t mask, bool nonadjacent) const;

 private:
  Cycle Through(uint8_t kinds, uint8_t rest, const std::vector<uint32_t>& members);
  Cycle Short(const Walk& walk, const std::vector<uint32_t>& component,
              const std::vector<uint32_t>& members);
  void Name(Cycle cycle);
  std::string Told(const Edge& edge) const;
  std::string Told(const Cycle& cycle) const;

  Model& model_;
  const Graph& graph_;
  size_t budget_ = 0;
  std::vector<uint32_t> plain_;  // components of the search, by node
};

bool CycleNamer::Clean(uint8_t mask, bool nonadjacent) const {
  std::vector<uint32_t> component;
  std::vector<std::vector<uint32_t>> found;
  Walk(graph_, mask, nonadjacent).Components(&component, &found);
  return found.empty();
}

// The shortest with an edge of these kinds, and else only edges of `rest`.
Cycle CycleNamer::Through(uint8_t kinds, uint8_t rest, const std::vector<uint32_t>& members) {
  const Walk walk(graph_, rest, false);
  Cycle best;
  size_t starts = 0;
  for (const uint32_t node : members) {
    for (size_t i = graph_.begin()[node]; i < graph_.begin()[node + size_t{1}]; ++i) {
      const Edge& edge = graph_.edges()[i];
      if ((edge.kind & kinds) == 0 || plain_[edge.to] != plain_[edge.from]) continue;
      if (++starts > kStartsMax) return best;
      Cycle way = walk.Shortest(edge.to, edge.from, plain_, &budget_);
      if (way.empty() || (!best.empty() && best.size() <= way.size() + 1)) continue;
      way.insert(way.begin(), &edge);
      best = std::move(way);
    }
  }
  return best;
}

Cycle CycleNamer::Short(const Walk& walk, const std::vector<uint32_t>& component,
                        const std::vector<uint32_t>& members) {
  Cycle best;
  for (size_t i = 0; i < std::min(members.size(), kStartsMax); ++i) {
    Cycle way = walk.Shortest(members[i], members[i], component, &budget_);
    if (way.empty() || (!best.empty() && best.size() <= way.size())) continue;
    best = std::move(way);
  }
  return best;
}

void CycleNamer::Search(uint8_t mask, bool nonadjacent, uint8_t through) {
  budget_ = kVisitsMax;
  std::vector<std::vector<uint32_t>> found;
  Walk(graph_, mask, false).Components(&plain_, &found);
  const Walk walk(graph_, mask, nonadjacent);
  std::vector<uint32_t> component;
  walk.Components(&component, &found);
  // One with a single anti-dependency tells more than those with several.
  const uint8_t rest = nonadjacent ? mask & static_cast<uint8_t>(~kAnyReadWrite) : mask;
  for (size_t i = 0; i < std::min(found.size(), kComponentsMax); ++i) {
    std::vector<uint32_t> nodes;
    for (const uint32_t state : found[i]) nodes.push_back(walk.NodeOf(state));
    Cycle cycle = Through(through, rest, nodes);
    if (cycle.empty()) cycle = Short(walk, component, found[i]);
    Name(std::move(cycle));
  }
}

void CycleNamer::Name(Cycle cycle) {
  if (cycle.empty()) {  // the budget did not suffice; that there is one is known
    if (model_.Count(HistoryAnomaly::kStrict)) {
      model_.Tell(HistoryAnomaly::kStrict, "a cycle too long to be shown");
    }
    return;
  }
  const HistoryAnomaly anomaly = Classify(model_, cycle);
  if (model_.Count(anomaly)) model_.Tell(anomaly, Told(cycle));
}

std::string CycleNamer::Told(const Edge& edge) const {
  const std::string to = "T" + std::to_string(edge.to);
  if (edge.kind == kSessionOrder) return " -session-> " + to + " came after it";
  if (edge.kind == kRealTime) return " -time-> " + to + " began after it had ended";
  const Version& version = model_.versions[edge.version];
  const std::string from = "T" + std::to_string(edge.from);
  if (edge.kind == kWriteWrite) return " -ww-> " + model_.Told(version) + ", over what was there";
  if (edge.kind == kWriteRead) return " -wr-> " + to + " read what " + model_.Told(version);
  return " -rw-> " + model_.Told(version) + ", which " + from + " read as it was before";
}

std::string CycleNamer::Told(const Cycle& cycle) const {
  const size_t transactions = model_.history.transactions.size();
  std::string who, how;
  uint32_t from = kNone;
  // From a transaction on: the others are moments.
  const auto start = std::find_if(cycle.begin(), cycle.end(),
                                  [&](const Edge* edge) { return edge->from < transactions; });
  Cycle ring(start, cycle.end());
  ring.insert(ring.end(), cycle.begin(), start);
  for (const Edge* edge : ring) {
    if (edge->from < transactions) {
      from = edge->from;
      who += "\n    " + model_.Told(from);
    }
    if (edge->to < transactions) how += "\n    T" + std::to_string(from) + Told(*edge);
  }
  return "a cycle:" + who + how;
}

}  // namespace

void CheckCycles(Model* model) {
  const Graph graph = EdgeMaker(*model).Make();
  model->report.edges = graph.edges().size();
  constexpr uint8_t kDependencies = kWriteWrite | kWriteRead;
  constexpr uint8_t kSnapshots = kDependencies | kAnyReadWrite;
  constexpr uint8_t kSerials = kDependencies | kReadWrite | kReadWriteAbsent;
  CycleNamer namer(model, graph);
  const bool snapshots = namer.Clean(kSnapshots | kAnyOrder, true);
  const bool serials = namer.Clean(kSerials | kAnyOrder, false);
  if (snapshots && serials) return;

  const auto some = [&](HistoryAnomaly anomaly) { return model->report.Has(anomaly); };
  // From the worst to the least. Each would find the former again, so the first ends it.
  namer.Search(kWriteWrite, false);
  if (!some(HistoryAnomaly::kG0)) namer.Search(kDependencies, false);
  if (some(HistoryAnomaly::kG0) || some(HistoryAnomaly::kG1c)) return;
  if (!snapshots) {
    namer.Search(kSnapshots, true, kAnyReadWrite);
    if (some(HistoryAnomaly::kGSingle) || some(HistoryAnomaly::kGNonadjacent)) return;
    return namer.Search(kSnapshots | kAnyOrder, true, kAnyReadWrite);
  }
  namer.Search(kDependencies | kReadWrite, false);
  namer.Search(kSerials, false, kReadWriteAbsent);
  if (some(HistoryAnomaly::kG2Item) || some(HistoryAnomaly::kG2)) return;
  namer.Search(kSerials | kAnyOrder, false);
}

}  // namespace logwood::test::history
