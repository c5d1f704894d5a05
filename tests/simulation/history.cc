#include "tests/simulation/history.h"

#include <algorithm>
#include <sstream>

namespace logwood::test {

namespace {

std::string Text(const std::optional<std::string>& value) {
  return value ? "\"" + *value + "\"" : "nothing";
}

}  // namespace

std::string Difference(const History::Content& expected, const History::Content& found) {
  for (const auto& [number, rows] : expected) {
    const std::string where = "keyspace " + std::to_string(number);
    const auto there = found.find(number);
    if (there == found.end()) return where + " is not there";
    for (const auto& [key, value] : rows) {
      const auto row = there->second.find(key);
      if (row == there->second.end()) return where + " has no " + key + " = " + value;
      if (row->second != value) {
        return where + " has " + key + " = " + row->second + " for " + value;
      }
    }
    for (const auto& [key, value] : there->second) {
      if (!rows.contains(key)) return where + " has " + key + " = " + value;
    }
  }
  for (const auto& [number, rows] : found) {
    if (!expected.contains(number)) return "keyspace " + std::to_string(number) + " is there";
  }
  return "";
}

bool History::Change::Covers(uint32_t number, const std::string& of) const {
  return number == keyspace && (is_range ? key <= of && (!end || of < *end) : key == of);
}

// ---- While the clients work

size_t History::Issue(Commit commit, LogPos visible) {
  MutexLock lock(mutex_);
  Entry entry;
  entry.commit = std::move(commit);
  entry.floor = std::max(visible, acknowledged_);
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

void History::Acknowledge(size_t id, LogPos position) {
  MutexLock lock(mutex_);
  entries_[id].acknowledged = true;
  entries_[id].position = position;
  acknowledged_ = std::max(acknowledged_, position);
}

void History::AcknowledgeKeyspace(size_t id, uint32_t number) {
  MutexLock lock(mutex_);
  entries_[id].acknowledged = true;
  entries_[id].number = number;
}

void History::NoteKeyspaceEvent(bool created, const std::string& name, LogPos position) {
  MutexLock lock(mutex_);
  events_.push_back({created, name, position});
}

void History::Refuse(size_t id) {
  MutexLock lock(mutex_);
  entries_[id].refused = true;
}

void History::RefuseFor(size_t id, LogPos position) {
  MutexLock lock(mutex_);
  entries_[id].refused = true;
  entries_[id].refused_for = position;
}

void History::NoteDurable(LogPos position) {
  MutexLock lock(mutex_);
  durable_ = std::max(durable_, position);
}

void History::Observe(Observation observation) {
  MutexLock lock(mutex_);
  observed_.push_back(std::move(observation));
}

History::Promises History::promises() const {
  MutexLock lock(mutex_);
  return {acknowledged_, durable_};
}

// ---- Between lives

std::string History::NextLife(State state, LogPos at_least) {
  MutexLock lock(mutex_);
  Order order;
  std::string wrong = ResolveKeyspaces();
  if (wrong.empty() && state.position < at_least) {
    wrong = "the database is at position " + std::to_string(state.position) +
            ", promised was at least " + std::to_string(at_least);
  }
  if (wrong.empty()) wrong = ResolveCommits(state, &order);
  if (wrong.empty()) wrong = CheckObservations(AllVersions(order));
  if (wrong.empty()) wrong = CheckTransactions(order);
  if (wrong.empty()) wrong = CheckCounters(order);
  observations_ += observed_.size();
  commits_ += order.size();
  start_ = std::move(state);
  acknowledged_ = durable_ = start_.position;
  entries_.clear();
  events_.clear();
  observed_.clear();
  return wrong;
}

// Keyspaces are made and dropped by one client, so events come in the order of its calls.
std::string History::ResolveKeyspaces() {
  auto event = events_.begin();
  for (Entry& entry : entries_) {
    const bool creates = entry.commit.creates.has_value(), drops = entry.commit.drops.has_value();
    if ((!creates && !drops) || !entry.acknowledged) continue;
    const std::string& name = creates ? *entry.commit.creates : *entry.commit.drops;
    if (event == events_.end() || event->created != creates || event->name != name) {
      return "there was no event for keyspace " + name;
    }
    entry.position = event++->position;
  }
  return event == events_.end() ? "" : "there was an event too many, for keyspace " + event->name;
}

std::string History::ResolveCommits(const State& found, Order* order) {
  LogPos last = found.position;
  std::vector<Entry*> unsure;
  for (Entry& entry : entries_) {
    if (entry.refused) continue;
    if (entry.position == 0) {
      unsure.push_back(&entry);
      continue;
    }
    const std::string what = "position " + std::to_string(entry.position);
    if (!order->emplace(entry.position, &entry).second) return what + " was given twice";
    if (entry.position <= entry.floor) {
      return what + " was given to a commit that began when " + std::to_string(entry.floor) +
             " was visible";
    }
    last = std::max(last, entry.position);
  }
  std::vector<LogPos> holes;  // given to somebody who was not told
  for (LogPos position = start_.position + 1; position <= last; ++position) {
    if (!order->contains(position)) holes.push_back(position);
  }
  if (holes.size() > unsure.size()) {
    return "position " + std::to_string(holes.front()) + " was given to nobody";
  }
  std::erase_if(holes, [&](LogPos position) { return position > found.position; });
  const Order known = *order;
  if (Assign(holes, unsure, found, order)) return "";
  return "what is there at position " + std::to_string(found.position) +
         " is the content after no " + "order of the commits (" + std::to_string(unsure.size()) +
         " unsure, " + std::to_string(holes.size()) + " holes); without the unsure ones: " +
         Difference(ContentAt(found.position, known), found.content);
}

// Tries every way to give the holes to commits that may have them.
bool History::Assign(std::span<const LogPos> holes, std::span<Entry* const> unsure,
                     const State& found, Order* order) const {
  if (holes.empty()) {
    return Difference(ContentAt(found.position, *order), found.content).empty();
  }
  for (Entry* entry : unsure) {
    if (entry->position != 0 || entry->floor >= holes.front()) continue;
    if (entry->commit.creates) {
      const auto number = found.keyspaces.find(*entry->commit.creates);
      if (number == found.keyspaces.end()) continue;
      entry->number = number->second;
    }
    entry->position = holes.front();
    (*order)[holes.front()] = entry;
    if (Assign(holes.subspan(1), unsure, found, order)) return true;
    order->erase(holes.front());
    entry->position = 0;
  }
  return false;
}

bool History::Overwrites(const Entry& entry, const Change& relied) {
  if (entry.commit.drops && entry.number == relied.keyspace) return true;
  return std::any_of(
      entry.commit.changes.begin(), entry.commit.changes.end(), [&](const Change& change) {
        // Two ranges meet where one of them holds the other one's first key.
        return change.keyspace == relied.keyspace && (change.Covers(relied.keyspace, relied.key) ||
                                                      relied.Covers(relied.keyspace, change.key));
      });
}

std::string History::CheckTransactions(const Order& order) const {
  for (const auto& [position, entry] : order) {
    for (const Change& relied : entry->commit.relies) {
      for (auto at = order.upper_bound(entry->commit.read_at); at->first != position; ++at) {
        if (!Overwrites(*at->second, relied)) continue;
        return "the transaction at position " + std::to_string(position) + " read " + relied.key +
               " of keyspace " + std::to_string(relied.keyspace) + " at " +
               std::to_string(entry->commit.read_at) + ", which was written at " +
               std::to_string(at->first);
      }
    }
  }
  for (const Entry& entry : entries_) {
    if (entry.refused_for == 0) continue;
    const std::string what = "a transaction that read at " + std::to_string(entry.commit.read_at) +
                             " was refused for position " + std::to_string(entry.refused_for);
    if (entry.refused_for <= entry.commit.read_at) return what;
    // Who wrote there was not told, perhaps, and it is gone.
    const auto at = order.find(entry.refused_for);
    if (at == order.end()) continue;
    if (!std::any_of(entry.commit.relies.begin(), entry.commit.relies.end(),
                     [&](const Change& relied) { return Overwrites(*at->second, relied); }))
      return what + ", which wrote nothing that it relied on";
  }
  return "";
}

std::string History::CheckCounters(const Order& order) const {
  std::map<std::string, uint64_t> counters;
  const auto rows = start_.content.find(1);
  if (rows != start_.content.end()) {
    for (const auto& [key, value] : rows->second)
      if (key.front() == kCounter) counters[key] = std::stoull(value);
  }
  for (const auto& [position, entry] : order) {
    for (const Change& change : entry->commit.changes) {
      if (change.keyspace != 1 || change.is_range || change.key.front() != kCounter) continue;
      if (std::stoull(*change.value) == ++counters[change.key]) continue;
      return "counter " + change.key + " became " + *change.value + " at position " +
             std::to_string(position) + ", expected " + std::to_string(counters[change.key]);
    }
  }
  return "";
}

History::Content History::ContentAt(LogPos position, const Order& order) const {
  Content content = start_.content;
  for (const auto& [at, entry] : order) {
    if (at > position) break;
    if (entry->commit.creates) content[entry->number];
    if (entry->commit.drops) content.erase(entry->number);
    for (const Change& change : entry->commit.changes) {
      Rows& rows = content[change.keyspace];
      if (change.is_range) {
        std::erase_if(rows,
                      [&](const auto& row) { return change.Covers(change.keyspace, row.first); });
      } else if (change.is_merge && rows.contains(change.key)) {
        rows[change.key] += "," + *change.value;
      } else if (change.value) {
        rows[change.key] = *change.value;
      } else {
        rows.erase(change.key);
      }
    }
  }
  return content;
}

History::Versions History::AllVersions(const Order& order) const {
  Versions all;
  for (const auto& [number, rows] : start_.content) {
    all.created[number] = start_.position;
    for (const auto& [key, value] : rows) {
      all.keys[number][key].emplace_back(start_.position, value);
    }
  }
  for (const auto& [position, entry] : order) {
    if (entry->commit.creates) all.created[entry->number] = position;
    if (entry->commit.drops) all.dropped[entry->number] = position;
    for (const Change& change : entry->commit.changes) all.Add(change, position);
  }
  for (const Entry& entry : entries_) {
    if (entry.acknowledged || entry.refused) continue;
    if (entry.commit.creates || entry.commit.drops) all.unsure_keyspaces = true;
    for (const Change& change : entry.commit.changes) all.AddUnsure(change);
  }
  return all;
}

void History::Versions::Add(const Change& change, LogPos position) {
  const auto add = [&](OfKey* versions) {
    std::optional<std::string> value = change.value;
    if (change.is_merge && !versions->empty() && versions->back().second)
      value = *versions->back().second + "," + *change.value;
    // Of two changes in one commit the later one counts.
    if (!versions->empty() && versions->back().first == position) versions->pop_back();
    versions->emplace_back(position, std::move(value));
  };
  auto& rows = keys[change.keyspace];
  if (!change.is_range) return add(&rows[change.key]);
  // Keys that come only later were nothing before, either.
  for (auto& [key, versions] : rows) {
    if (change.Covers(change.keyspace, key)) add(&versions);
  }
}

void History::Versions::AddUnsure(const Change& change) {
  if (change.is_range) {
    unsure_ranges.push_back(&change);
  } else {
    unsure.emplace(change.keyspace, change.key);
  }
}

bool History::Versions::IsUnsure(uint32_t keyspace, const std::string& key) const {
  return unsure.contains({keyspace, key}) ||
         std::any_of(unsure_ranges.begin(), unsure_ranges.end(),
                     [&](const Change* range) { return range->Covers(keyspace, key); });
}

const std::optional<std::string>& History::Versions::At(const OfKey& versions,
                                                        LogPos position) const {
  static const std::optional<std::string> nothing;
  auto after =
      std::upper_bound(versions.begin(), versions.end(), position,
                       [](LogPos wanted, const auto& version) { return wanted < version.first; });
  return after == versions.begin() ? nothing : std::prev(after)->second;
}

bool History::Versions::Explains(const Observation& observation, LogPos position) const {
  const uint32_t number = observation.keyspace;
  const auto drop = dropped.find(number);
  // It is dropped a moment before its drop is visible.
  if (observation.missing) return drop != dropped.end() && drop->second <= position + 1;
  const auto creation = created.find(number);
  if (creation == created.end() || creation->second > position) {
    // A snapshot from before it was made: nothing is there.
    return unsure_keyspaces || std::all_of(observation.rows.begin(), observation.rows.end(),
                                           [](const auto& row) { return !row.second; });
  }
  if (drop != dropped.end() && drop->second <= position) return false;
  const auto known = keys.find(number);
  uint64_t matched = 0;
  for (const auto& [key, value] : observation.rows) {
    static const OfKey none;
    const OfKey* versions = &none;
    if (known != keys.end()) {
      const auto of_key = known->second.find(key);
      if (of_key != known->second.end()) versions = &of_key->second;
    }
    if (At(*versions, position) == value) {
      matched += value ? 1 : 0;
    } else if (!IsUnsure(number, key)) {
      return false;
    }
  }
  if (!observation.whole || known == keys.end()) return true;
  uint64_t there = 0;
  for (const auto& [key, versions] : known->second) {
    if (At(versions, position) && !IsUnsure(number, key)) ++there;
  }
  return there <= matched;
}

std::string History::CheckObservations(const Versions& versions) const {
  for (const Observation& observation : observed_) {
    if (observation.missing && versions.unsure_keyspaces) continue;
    bool explained = false;
    for (LogPos at = observation.at_least; at <= observation.at_most && !explained; ++at) {
      explained = versions.Explains(observation, at);
    }
    if (explained) continue;
    std::ostringstream text;
    text << observation.by << " saw what keyspace " << observation.keyspace
         << " held at no position from " << observation.at_least << " to " << observation.at_most
         << (observation.missing ? ": that it is gone"
             : observation.whole ? ", as a whole:"
                                 : ":");
    for (const auto& [key, value] : observation.rows) text << "\n  " << key << " = " << Text(value);
    if (observation.rows.size() == 1) {
      const auto keyspace = versions.keys.find(observation.keyspace);
      text << "\nit was";
      if (keyspace != versions.keys.end()) {
        const auto key = keyspace->second.find(observation.rows[0].first);
        if (key != keyspace->second.end()) {
          for (const auto& [at, value] : key->second) text << " at " << at << ": " << Text(value);
        }
      }
    }
    return text.str();
  }
  return "";
}

}  // namespace logwood::test
