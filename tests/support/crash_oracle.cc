#include "tests/support/crash_oracle.h"

#include <algorithm>
#include <utility>

#include "util/coding.h"

namespace logwood::test {

void CrashCommit::ApplyTo(CrashContent* content) const {
  if (!creates.empty()) (*content)[creates];
  if (!drops.empty()) content->erase(drops);
  for (const Change& change : changes) {
    auto& rows = (*content)[change.keyspace];
    if (change.is_range) {
      rows.erase(rows.lower_bound(change.key),
                 change.end ? rows.lower_bound(*change.end) : rows.end());
    } else if (change.value) {
      const auto there = rows.find(change.key);
      const bool is_onto = change.is_merge && there != rows.end();
      rows[change.key] = is_onto ? there->second + "," + *change.value : *change.value;
    } else {
      rows.erase(change.key);
    }
  }
}

// ---- Concurrent commits.

// Walks the orders in which concurrent commits may have got their positions, and gathers what each
// position may hold.
class CrashOracle::Orders {
 public:
  Orders(const Writers& writers, const std::map<LogPos, std::pair<size_t, size_t>>& known,
         LogPos base)
      : writers_(writers), known_(known), base_(base), next_(writers.size()) {
    for (const auto& commits : writers) commits_ += commits.size();
    found_.resize(commits_);
  }

  // False: no order fits.
  bool Walk(const CrashContentPtr& before) { return Place(0, before); }
  std::vector<Contents> TakeFound() { return std::move(found_); }

 private:
  bool Place(size_t placed, const CrashContentPtr& content) {
    if (placed == commits_) return true;
    const auto fixed = known_.find(base_ + placed + 1);
    bool fits = false;
    for (size_t writer = 0; writer < writers_.size(); ++writer) {
      if (next_[writer] == writers_[writer].size()) continue;
      const std::pair<size_t, size_t> me = {writer, next_[writer]};
      if (fixed != known_.end() ? fixed->second != me : IsElsewhere(me)) continue;
      auto after = std::make_shared<CrashContent>(*content);
      writers_[writer][next_[writer]].ApplyTo(after.get());
      ++next_[writer];
      if (Place(placed + 1, after)) {
        fits = true;
        Keep(placed, std::move(after));
      }
      --next_[writer];
    }
    return fits;
  }
  bool IsElsewhere(const std::pair<size_t, size_t>& commit) const {
    return std::any_of(known_.begin(), known_.end(),
                       [&](const auto& known) { return known.second == commit; });
  }
  void Keep(size_t placed, CrashContentPtr content) {
    for (const CrashContentPtr& other : found_[placed]) {
      if (*other == *content) return;
    }
    found_[placed].push_back(std::move(content));
  }

  const Writers& writers_;
  const std::map<LogPos, std::pair<size_t, size_t>>& known_;
  const LogPos base_;
  size_t commits_ = 0;
  std::vector<size_t> next_;  // of each writer
  std::vector<Contents> found_;
};

CrashOracle::CrashOracle()
    : contents_{{std::make_shared<const CrashContent>(CrashContent{{"", {}}})}} {}

LogPos CrashOracle::last() const {
  MutexLock lock(mutex_);
  return contents_.size() - 1;
}

CrashContentPtr CrashOracle::content() const {
  MutexLock lock(mutex_);
  return contents_.back().front();
}

LogPos CrashOracle::Issue(const CrashCommit& commit) {
  MutexLock lock(mutex_);
  auto next = std::make_shared<CrashContent>(*contents_.back().front());
  commit.ApplyTo(next.get());
  contents_.push_back({std::move(next)});
  const LogPos position = contents_.size() - 1;
  if (!commit.note.empty()) notes_[position] = commit.note;
  return position;
}

void CrashOracle::MayExpireBetween(LogPos begin, LogPos end,
                                   const std::vector<CrashCommit::Change>& expiring) {
  MutexLock lock(mutex_);
  for (LogPos at = begin; at < end; ++at) {
    Contents& contents = contents_[at];
    auto expired = std::make_shared<CrashContent>(*contents.front());
    CrashCommit{.changes = expiring}.ApplyTo(expired.get());
    contents.push_back(std::move(expired));
  }
}

void CrashOracle::IssueConcurrently(Writers writers) {
  MutexLock lock(mutex_);
  concurrent_base_ = contents_.size() - 1;
  writers_ = std::move(writers);
  known_.clear();
  UpdateConcurrent();
}

void CrashOracle::UpdateConcurrent() {
  Orders orders(writers_, known_, concurrent_base_);
  orders.Walk(contents_[concurrent_base_].front());
  contents_.resize(concurrent_base_ + 1);
  for (Contents& each : orders.TakeFound()) contents_.push_back(std::move(each));
}

void CrashOracle::NotePosition(size_t writer, size_t n, LogPos position) {
  MutexLock lock(mutex_);
  known_[position] = {writer, n};
  UpdateConcurrent();
}

Status CrashOracle::ConcludeConcurrent() {
  MutexLock lock(mutex_);
  writers_.clear();
  for (size_t i = concurrent_base_ + 1; i < contents_.size(); ++i) {
    if (contents_[i].size() == 1) continue;
    return Status::Corruption("the positions that concurrent commits got fit no order of them");
  }
  return Status::Ok();
}

void CrashOracle::CutBehind(LogPos position) {
  MutexLock lock(mutex_);
  contents_.resize(std::min<size_t>(contents_.size(), position + 1));
  notes_.erase(notes_.upper_bound(position), notes_.end());
}

CrashExpectation CrashOracle::Expect(LogPos at_least, LogPos at_most, LogPos from) const {
  CrashExpectation expected;
  expected.at_least = at_least;
  expected.at_most = at_most;
  MutexLock lock(mutex_);
  for (LogPos at = std::min(from, at_least); at <= at_most && at < contents_.size(); ++at)
    expected.contents[at] = contents_[at];
  expected.notes = {notes_.begin(), notes_.upper_bound(at_most)};
  return expected;
}

// ---- An expectation as bytes.

void CrashExpectation::AppendTo(std::string* bytes) const {
  for (const uint64_t number :
       {at_least, at_most, proven, proven_beside_log, uint64_t{closed_cleanly}, uint64_t{keeps_log},
        uint64_t{notes.size()}}) {
    PutVarint(bytes, number);
  }
  for (const auto& [position, note] : notes) {
    PutVarint(bytes, position);
    PutLengthPrefixed(bytes, note);
  }
  PutVarint(bytes, contents.size());
  for (const auto& [position, choices] : contents) {
    PutVarint(bytes, position);
    PutVarint(bytes, choices.size());
    for (const CrashContentPtr& content : choices) {
      PutVarint(bytes, content->size());
      for (const auto& [keyspace, rows] : *content) {
        PutLengthPrefixed(bytes, keyspace);
        PutVarint(bytes, rows.size());
        for (const auto& [key, value] : rows) {
          PutLengthPrefixed(bytes, key);
          PutLengthPrefixed(bytes, value);
        }
      }
    }
  }
}

std::optional<CrashExpectation> CrashExpectation::Decode(std::string_view* bytes) {
  Decoder in(*bytes);
  CrashExpectation expected;
  expected.at_least = in.Varint64();
  expected.at_most = in.Varint64();
  expected.proven = in.Varint64();
  expected.proven_beside_log = in.Varint64();
  expected.closed_cleanly = in.Varint64() != 0;
  expected.keeps_log = in.Varint64() != 0;
  for (uint64_t left = in.Varint64(); left > 0 && in.ok(); --left) {
    const LogPos position = in.Varint64();
    expected.notes[position] = in.LengthPrefixed();
  }
  for (uint64_t positions = in.Varint64(); positions > 0 && in.ok(); --positions) {
    std::vector<CrashContentPtr>& choices = expected.contents[in.Varint64()];
    for (uint64_t left = in.Varint64(); left > 0 && in.ok(); --left) {
      CrashContent content;
      for (uint64_t keyspaces = in.Varint64(); keyspaces > 0 && in.ok(); --keyspaces) {
        auto& rows = content[std::string(in.LengthPrefixed())];
        for (uint64_t n = in.Varint64(); n > 0 && in.ok(); --n) {
          std::string key(in.LengthPrefixed());
          rows[std::move(key)] = in.LengthPrefixed();
        }
      }
      choices.push_back(std::make_shared<const CrashContent>(std::move(content)));
    }
  }
  if (!in.ok()) return std::nullopt;
  *bytes = in.rest();
  return expected;
}

}  // namespace logwood::test
