#include "tests/simulation/history.h"

#include <algorithm>
#include <sstream>

namespace logwood::test {

namespace {

std::string Text(const std::optional<std::string>& value) {
  return value ? "\"" + *value + "\"" : "nothing";
}

}  // namespace

std::string History::DifferenceOf(const VersionContent& expected, const State& found) {
  for (const auto& [number, rows] : expected) {
    const std::string where = "keyspace " + std::to_string(number);
    const auto there = found.content.find(number);
    if (there == found.content.end()) return where + " is not there";
    for (const auto& [key, version] : rows) {
      const auto row = there->second.find(key);
      std::optional<std::string> seen;
      if (row != there->second.end()) seen = row->second;
      if (version.MayBe(seen, found.time)) continue;
      const std::string is = version.value.value_or("nothing");
      return where +
             (seen ? " has " + key + " = " + *seen + " for " + is : " has no " + key + " = " + is);
    }
    for (const auto& [key, value] : there->second) {
      if (!rows.contains(key)) return where + " has " + key + " = " + value;
    }
  }
  for (const auto& [number, rows] : found.content) {
    if (!expected.contains(number)) return "keyspace " + std::to_string(number) + " is there";
  }
  return "";
}

bool History::Change::Covers(uint32_t number, const std::string& of) const {
  return number == keyspace && (is_range ? key <= of && (!end || of < *end) : key == of);
}

History::Version History::Version::Changed(const Change& change, LogPos at,
                                           const TimeWindow& time) const {
  Version version{at, change.value, change.value, {}};
  if (change.is_merge) {
    if (value) version.value = *value + "," + *change.value;
    if (after) version.after = *after + "," + *change.value;
    version.expires = expires;
  } else if (change.value && change.ttl_us != 0) {
    version.after.reset();
    version.expires = time.After(change.ttl_us);
  }
  return version;
}

bool History::Version::MayBe(const std::optional<std::string>& seen, const TimeWindow& time) const {
  return (seen == value && time.least < expires.most) ||
         (seen == after && time.most >= expires.least);
}

bool History::Version::MustBe(const TimeWindow& time) const { return !MayBe(std::nullopt, time); }

// ---- While the clients work

size_t History::Issue(Commit commit, LogPos visible) {
  MutexLock lock(mutex_);
  Entry entry;
  entry.commit = std::move(commit);
  entry.floor = std::max(visible, acknowledged_);
  entry.issued = clock_.Now();
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

void History::Acknowledge(size_t id, LogPos position) {
  MutexLock lock(mutex_);
  entries_[id].acknowledged = true;
  entries_[id].position = position;
  entries_[id].time = clock_.Since(entries_[id].issued);
  clock_.Reach(entries_[id].time.least);
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
  for (Entry& entry : entries_)
    if (entry.position == 0) entry.time = clock_.Since(entry.issued);
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
  start_content_ = ContentAt(state.position, order);
  uint64_t reached_us = 0;
  for (const auto& [position, entry] : order)
    if (position <= state.position) reached_us = std::max(reached_us, entry->time.least);
  start_reached_us_ = std::max(start_reached_us_, reached_us);
  clock_.BeginLife(start_reached_us_);
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
  // What is there may not tell which of several it was, as later ones wrote over it: then it is one
  // that could be committed, if there is one.
  if (Assign(holes, unsure, found, true, order) || Assign(holes, unsure, found, false, order))
    return "";
  return "what is there at position " + std::to_string(found.position) +
         " is the content after no " + "order of the commits (" + std::to_string(unsure.size()) +
         " unsure, " + std::to_string(holes.size()) + " holes); without the unsure ones: " +
         DifferenceOf(ContentAt(found.position, known), found);
}

// Tries every way to give the holes to commits that may have them. `checks`: one in which
// transactions and counters are right.
bool History::Assign(std::span<const LogPos> holes, std::span<Entry* const> unsure,
                     const State& found, bool checks, Order* order) const {
  if (holes.empty()) {
    return DifferenceOf(ContentAt(found.position, *order), found).empty() &&
           (!checks || (CheckTransactions(*order).empty() && CheckCounters(*order).empty()));
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
    if (Assign(holes.subspan(1), unsure, found, checks, order)) return true;
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

History::VersionContent History::ContentAt(LogPos position, const Order& order) const {
  VersionContent content = start_content_;
  for (const auto& [at, entry] : order) {
    if (at > position) break;
    if (entry->commit.creates) content[entry->number];
    if (entry->commit.drops) content.erase(entry->number);
    for (const Change& change : entry->commit.changes) {
      auto& rows = content[change.keyspace];
      if (change.is_range) {
        std::erase_if(rows,
                      [&](const auto& row) { return change.Covers(change.keyspace, row.first); });
      } else {
        Version& version = rows[change.key];
        version = version.Changed(change, at, entry->time);
      }
    }
  }
  return content;
}

History::Versions History::AllVersions(const Order& order) const {
  Versions all;
  for (const auto& [number, rows] : start_content_) {
    all.created[number] = start_.position;
    for (const auto& [key, version] : rows) {
      all.keys[number][key].push_back(version);
      all.keys[number][key].back().position = start_.position;
    }
  }
  for (const auto& [position, entry] : order) {
    if (entry->commit.creates) all.created[entry->number] = position;
    if (entry->commit.drops) all.dropped[entry->number] = position;
    for (const Change& change : entry->commit.changes) all.Add(change, position, entry->time);
  }
  for (const Entry& entry : entries_) {
    if (entry.acknowledged || entry.refused) continue;
    if (entry.commit.creates || entry.commit.drops) all.unsure_keyspaces = true;
    for (const Change& change : entry.commit.changes) all.AddUnsure(change);
  }
  return all;
}

void History::Versions::Add(const Change& change, LogPos position, const TimeWindow& time) {
  const auto add = [&](OfKey* versions) {
    Version version =
        (versions->empty() ? Version() : versions->back()).Changed(change, position, time);
    // Of two changes in one commit the later one counts.
    if (!versions->empty() && versions->back().position == position) versions->pop_back();
    versions->push_back(std::move(version));
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

const History::Version& History::Versions::At(const OfKey& versions, LogPos position) const {
  static const Version nothing;
  auto after = std::upper_bound(
      versions.begin(), versions.end(), position,
      [](LogPos wanted, const Version& version) { return wanted < version.position; });
  return after == versions.begin() ? nothing : *std::prev(after);
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
    const Version& version = At(*versions, position);
    if (version.MayBe(value, observation.time)) {
      matched += version.MustBe(observation.time) ? 1 : 0;
    } else if (!IsUnsure(number, key)) {
      return false;
    }
  }
  if (!observation.whole || known == keys.end()) return true;
  uint64_t there = 0;
  for (const auto& [key, versions] : known->second) {
    if (At(versions, position).MustBe(observation.time) && !IsUnsure(number, key)) ++there;
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
          for (const Version& version : key->second) {
            text << " at " << version.position << ": " << Text(version.value);
            if (version.after != version.value)
              text << ", from " << version.expires.least << " to " << version.expires.most << " on "
                   << Text(version.after);
          }
          text << "; read from " << observation.time.least << " to " << observation.time.most;
        }
      }
    }
    return text.str();
  }
  return "";
}

}  // namespace logwood::test
