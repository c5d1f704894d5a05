// The checker of histories against a judge that is slow and plain: it tries each position for each
// transaction. Thousands of small histories, of correct and of defective stores; the two must
// agree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

#include "tests/history/reference_store.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

using Kind = TransactionHistory::Kind;
using Transaction = TransactionHistory::Transaction;
using State = std::map<uint64_t, std::vector<uint64_t>>;

// Needs outcomes that are known, and snapshots that are told where there are deletions.
class NaiveJudge {
 public:
  explicit NaiveJudge(const TransactionHistory& history);
  bool Accepts() const;

 private:
  // Runs it on a state; false: its reads would have been others.
  bool Run(const Transaction& transaction, State* state) const;
  bool Explains(const Transaction& transaction, LogPos position) const;
  bool Accepts(const Transaction& transaction) const;
  bool Changes(uint64_t key, LogPos position) const;

  const TransactionHistory& history_;
  std::map<LogPos, const Transaction*> commits_;
  std::vector<State> states_;  // by position; one that was not given changes nothing
};

NaiveJudge::NaiveJudge(const TransactionHistory& history) : history_(history), states_(1) {
  LogPos last = 0;
  for (const Transaction& transaction : history.transactions) {
    if (transaction.position > 0) commits_[transaction.position] = &transaction;
    last = std::max(last, transaction.position);
    if (transaction.snapshot != kHistoryNever) last = std::max(last, transaction.snapshot);
  }
  for (LogPos position = 1; position <= last; ++position) {
    states_.push_back(states_.back());
    if (commits_.contains(position)) Run(*commits_.at(position), &states_.back());
  }
}

bool NaiveJudge::Run(const Transaction& transaction, State* state) const {
  bool same = true;
  for (const TransactionHistory::Operation& operation : history_.OperationsOf(transaction)) {
    const auto first = state->lower_bound(operation.key);
    const auto found = state->find(operation.key);
    const auto data = history_.DataOf(operation);
    std::vector<uint64_t> answer;
    switch (operation.kind) {
      case Kind::kRead:
        if (found != state->end()) answer = found->second;
        same = same && std::equal(answer.begin(), answer.end(), data.begin(), data.end());
        break;
      case Kind::kScan:
        for (auto row = first; row != state->lower_bound(operation.end); ++row) {
          answer.insert(answer.end(), {row->first, row->second.back()});
        }
        same = same && std::equal(answer.begin(), answer.end(), data.begin(), data.end());
        break;
      case Kind::kWrite:
        (*state)[operation.key] = {operation.value};
        break;
      case Kind::kAppend:
        (*state)[operation.key].push_back(operation.value);
        break;
      case Kind::kDelete:
        state->erase(operation.key);
        break;
      case Kind::kDeleteRange:
        state->erase(first, state->lower_bound(operation.end));
        break;
    }
  }
  return same;
}

bool NaiveJudge::Changes(uint64_t key, LogPos position) const {
  const auto at = [&](LogPos p) {
    const auto found = states_[p].find(key);
    return found == states_[p].end() ? std::vector<uint64_t>() : found->second;
  };
  return at(position - 1) != at(position);
}

bool NaiveJudge::Explains(const Transaction& transaction, LogPos position) const {
  if (transaction.snapshot != kHistoryNever && transaction.snapshot != position) return false;
  State state = states_[position];
  return Run(transaction, &state);
}

bool NaiveJudge::Accepts(const Transaction& transaction) const {
  LogPos least = 0;
  for (const auto& [position, commit] : commits_) {
    if (commit->ended < transaction.begun) least = std::max(least, position);
  }
  const bool wrote = transaction.position > 0;
  const LogPos most = wrote ? transaction.position - 1 : states_.size() - 1;
  for (LogPos position = least; position <= most; ++position) {
    if (!Explains(transaction, position)) continue;
    if (!wrote) return true;
    if (transaction.level == HistoryLevel::kSerializable) {
      // Up to its own position nothing changed, also not into something else and back.
      bool same = true;
      for (LogPos between = position; between <= most; ++between) {
        State state = states_[between];
        same = same && Run(transaction, &state);
      }
      if (same) return true;
      continue;
    }
    // The first committer wins.
    bool wins = true;
    for (uint64_t key = 0; key < 10; ++key) {
      if (!Changes(key, transaction.position)) continue;
      for (LogPos between = position + 1; between <= most; ++between) {
        wins = wins && !Changes(key, between);
      }
    }
    if (wins) return true;
  }
  return false;
}

bool NaiveJudge::Accepts() const {
  return std::all_of(history_.transactions.begin(), history_.transactions.end(),
                     [&](const Transaction& transaction) { return Accepts(transaction); });
}

std::string TextOf(const TransactionHistory& history) {
  static constexpr const char* kNames[] = {"read",   "scan",   "write",
                                           "append", "delete", "delete_range"};
  std::ostringstream text;
  for (const Transaction& of : history.transactions) {
    text << "session " << of.session << " level " << static_cast<int>(of.level) << " outcome "
         << static_cast<int>(of.outcome) << " position " << of.position << " snapshot "
         << of.snapshot << " from " << of.begun << " to " << of.ended << ":";
    for (const TransactionHistory::Operation& operation : history.OperationsOf(of)) {
      text << " " << kNames[static_cast<size_t>(operation.kind)] << " " << operation.key << " "
           << operation.end << " " << operation.value << " (";
      for (const uint64_t value : history.DataOf(operation)) text << value << " ";
      text << ")";
    }
    text << "\n";
  }
  return text.str();
}

TEST(NaiveJudge, AgreesWithTheChecker) {
  const uint64_t first = EnvironmentNumber("LOGWOOD_SEED", 1);
  const uint64_t histories = EnvironmentNumber("LOGWOOD_HISTORIES", kSanitized ? 1000 : 4000);
  uint64_t accepted = 0;
  for (uint64_t i = 0; i < histories; ++i) {
    const uint64_t seed = MixSeeds(first, i);
    Random random(seed);
    const auto defect = static_cast<StoreDefect>(random.Uniform(13));
    std::optional<HistoryLevel> level;
    if (random.OneIn(2)) level = static_cast<HistoryLevel>(random.Uniform(2));
    ReferenceStore store(seed, defect);
    const TransactionHistory history =
        RunWorkload({.seed = seed,
                     .sessions = static_cast<uint32_t>(2 + random.Uniform(3)),
                     .transactions = static_cast<uint32_t>(1 + random.Uniform(4)),
                     .keys = static_cast<uint32_t>(2 + random.Uniform(4)),
                     .operations_max = 4,
                     .level = level,
                     .deletes = defect != StoreDefect::kNoSnapshot && random.OneIn(2)},
                    &store);
    const bool expected = NaiveJudge(history).Accepts();
    const HistoryReport report = CheckHistory(history);
    ASSERT_EQ(report.ok(), expected) << "LOGWOOD_SEED=" << first << ", history " << i << ", defect "
                                     << static_cast<int>(defect) << "\n"
                                     << report.Text() << TextOf(history);
    accepted += expected ? 1 : 0;
  }
  std::printf("%llu small histories, %llu of them right\n",
              static_cast<unsigned long long>(histories),
              static_cast<unsigned long long>(accepted));
  EXPECT_GT(accepted, histories / 10);
  EXPECT_LT(accepted, histories - histories / 10);
}

}  // namespace
}  // namespace logwood::test
