// The checker of histories on small ones, written by hand: each anomaly by its name, and what is
// right beside it.
#include "tests/support/history_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <thread>

namespace logwood::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using List = std::vector<uint64_t>;
using Rows = std::vector<HistoryRecorder::Session::Row>;

class HistoryCheckerTest : public testing::Test {
 protected:
  HistoryRecorder::Session& Begin(uint32_t session,
                                  HistoryLevel level = HistoryLevel::kSerializable) {
    recorder_.session(session).Begin(level);
    return recorder_.session(session);
  }
  void Appends(uint32_t session, uint64_t key, uint64_t value, LogPos position) {
    Begin(session).Append(key, value);
    recorder_.session(session).Commit(position);
  }
  void Writes(uint32_t session, uint64_t key, uint64_t value, LogPos position) {
    Begin(session).Write(key, value);
    recorder_.session(session).Commit(position);
  }
  void Reads(uint32_t session, uint64_t key, const List& list) {
    Begin(session).Read(key, list);
    recorder_.session(session).Commit(0);
  }
  void Check(const HistoryPromise& promise = {}) {
    report_ = CheckHistory(recorder_.Take(), promise);
  }
  void Accept(const HistoryPromise& promise = {}) {
    Check(promise);
    EXPECT_TRUE(report_.ok()) << report_.Text();
  }
  // These and no others.
  void Refuse(std::initializer_list<HistoryAnomaly> anomalies, const HistoryPromise& promise = {}) {
    Check(promise);
    std::vector<std::string> expected, found;
    for (size_t kind = 0; kind < kHistoryAnomalies; ++kind) {
      const auto anomaly = static_cast<HistoryAnomaly>(kind);
      if (std::count(anomalies.begin(), anomalies.end(), anomaly) > 0) {
        expected.emplace_back(NameOf(anomaly));
      }
      if (report_.Has(anomaly)) found.emplace_back(NameOf(anomaly));
    }
    EXPECT_EQ(found, expected) << report_.Text();
  }

  HistoryRecorder recorder_{4};
  HistoryReport report_;
};

constexpr HistoryPromise kAtAnyTime = {.real_time = false, .sessions = false};

TEST_F(HistoryCheckerTest, OneAfterTheOtherIsAccepted) {
  Appends(0, 1, 11, 1);
  Appends(1, 1, 12, 2);
  Writes(2, 2, 21, 3);
  Reads(0, 1, {11, 12});
  Reads(0, 2, {21});
  Begin(1).Scan(0, 9, Rows{{1, 12}, {2, 21}});
  recorder_.session(1).DeleteRange(0, 2);
  recorder_.session(1).Commit(4);
  Begin(2).SetSnapshot(4);
  recorder_.session(2).Scan(0, 9, Rows{{2, 21}});
  recorder_.session(2).Read(1, {});
  recorder_.session(2).Commit(0);
  Appends(0, 1, 13, 5);
  Reads(0, 1, {13});
  Accept();
  EXPECT_EQ(report_.transactions, 9u);
  EXPECT_EQ(report_.unresolved, 0u);
}

TEST_F(HistoryCheckerTest, UnusableHistories) {
  Writes(0, 1, 11, 1);
  Writes(0, 1, 11, 2);
  Refuse({HistoryAnomaly::kUnusable});
  Writes(0, 1, 11, 1);
  Writes(0, 1, 12, 1);
  Refuse({HistoryAnomaly::kUnusable});
  Writes(0, 1, 11, 0);
  Refuse({HistoryAnomaly::kUnusable});
}

TEST_F(HistoryCheckerTest, ReadOfWhatNobodyWrote) {
  Writes(0, 1, 11, 1);
  Reads(0, 1, {12});
  Refuse({HistoryAnomaly::kUnwritten});
  Appends(0, 1, 11, 1);
  Reads(0, 1, {12, 11});
  Refuse({HistoryAnomaly::kUnwritten});
}

TEST_F(HistoryCheckerTest, AbortedRead) {
  Begin(0).Write(1, 11);
  recorder_.session(0).Abort();
  Reads(1, 1, {11});
  Refuse({HistoryAnomaly::kAbortedRead});
  Begin(0).Append(1, 11);
  recorder_.session(0).Abort();
  Appends(0, 1, 12, 1);
  Reads(1, 1, {11, 12});  // also beneath what is there
  Refuse({HistoryAnomaly::kAbortedRead});
}

TEST_F(HistoryCheckerTest, IntermediateRead) {
  Begin(0).Write(1, 11);
  recorder_.session(0).Write(1, 12);
  recorder_.session(0).Commit(1);
  Reads(1, 1, {11});
  Refuse({HistoryAnomaly::kIntermediateRead});
  Begin(0).Append(1, 11);
  recorder_.session(0).Append(1, 12);
  recorder_.session(0).Commit(1);
  Reads(1, 1, {11});
  Refuse({HistoryAnomaly::kIntermediateRead});
}

TEST_F(HistoryCheckerTest, InternalInconsistency) {
  Begin(0).Write(1, 11);
  recorder_.session(0).Read(1, {});  // not its own
  recorder_.session(0).Commit(1);
  Refuse({HistoryAnomaly::kInternal});
  Begin(0).Append(1, 11);
  recorder_.session(0).Scan(0, 2, {});
  recorder_.session(0).Commit(1);
  Refuse({HistoryAnomaly::kInternal});
  Begin(0).Append(1, 11);
  recorder_.session(0).DeleteRange(0, 2);
  recorder_.session(0).Read(1, List{11});
  recorder_.session(0).Commit(1);
  Refuse({HistoryAnomaly::kInternal});
  Begin(1).Read(1, {});  // the second read another
  Writes(0, 1, 11, 1);
  recorder_.session(1).Read(1, List{11});
  recorder_.session(1).Commit(0);
  Refuse({HistoryAnomaly::kInternal});
  Writes(0, 1, 11, 1);
  Writes(0, 2, 21, 2);
  Begin(1).Scan(0, 3, Rows{{2, 21}, {1, 11}});  // descending
  recorder_.session(1).Commit(0);
  Check();
  EXPECT_TRUE(report_.Has(HistoryAnomaly::kInternal)) << report_.Text();
}

TEST_F(HistoryCheckerTest, OwnWritesAreSeen) {
  Appends(0, 1, 11, 1);
  Begin(1).Append(1, 12);
  recorder_.session(1).Read(1, List{11, 12});
  recorder_.session(1).Scan(0, 3, Rows{{1, 12}});
  recorder_.session(1).Delete(1);
  recorder_.session(1).Read(1, {});
  recorder_.session(1).Append(1, 13);
  recorder_.session(1).Read(1, List{13});
  recorder_.session(1).Commit(2);
  Accept();
}

TEST_F(HistoryCheckerTest, IncompatibleOrders) {
  Appends(0, 1, 11, 1);
  Appends(0, 1, 12, 2);
  Reads(0, 1, {11, 12});
  Reads(0, 1, {12});
  Refuse({HistoryAnomaly::kIncompatibleOrders});
}

TEST_F(HistoryCheckerTest, ElementsOfOneCommitStayTogetherInTheirOrder) {
  for (const List& list :
       {List{1, 12, 11, 2}, List{1, 11, 2, 12}, List{1, 12, 2}, List{1, 11, 12, 2}}) {
    Appends(0, 1, 1, 1);
    Begin(0).Append(1, 11);
    recorder_.session(0).Append(1, 12);
    recorder_.session(0).Commit(2);
    Appends(0, 1, 2, 3);
    Reads(0, 1, list);
    Check();
    EXPECT_EQ(report_.ok(), list == List({1, 11, 12, 2})) << report_.Text();
  }
}

TEST_F(HistoryCheckerTest, OrderOfPositionsIsNotThatOfTheList) {
  Begin(0).Append(1, 11);
  Begin(1).Append(1, 12);
  recorder_.session(0).Commit(2);
  recorder_.session(1).Commit(1);
  Reads(2, 1, {11, 12});
  Refuse({HistoryAnomaly::kOrderOfPositions});
}

TEST_F(HistoryCheckerTest, StaleReadOnlyWhereRealTimeIsPromised) {
  const auto tell = [&] {
    Writes(0, 1, 11, 1);
    Writes(0, 1, 12, 2);
    Reads(1, 1, {12});
    Reads(2, 1, {11});
  };
  tell();
  Refuse({HistoryAnomaly::kStaleRead});
  EXPECT_THAT(report_.Text(), HasSubstr("-time-> T3 began after it had ended"));
  tell();
  Accept({.real_time = false});
  // In a session of its own.
  Writes(0, 1, 11, 1);
  Writes(0, 1, 12, 2);
  Reads(0, 1, {11});
  Refuse({HistoryAnomaly::kStaleRead}, {.real_time = false, .sessions = true});
}

TEST_F(HistoryCheckerTest, LostCommit) {
  Writes(0, 1, 11, 1);
  Writes(0, 1, 12, 2);
  Reads(1, 1, {11});
  Refuse({HistoryAnomaly::kStaleRead, HistoryAnomaly::kLostCommit});
  Appends(0, 1, 11, 1);
  Appends(0, 1, 12, 2);
  Appends(0, 1, 13, 3);
  Reads(1, 1, {11, 13});
  Refuse({HistoryAnomaly::kLostCommit});
  // Of unknown outcome it may be missing, and may be there.
  Begin(0).Append(1, 11);
  recorder_.session(0).Unknown();
  Begin(0).Append(1, 12);
  recorder_.session(0).Unknown();
  Appends(0, 1, 13, 3);
  Reads(1, 1, {12, 13});
  Accept();
}

TEST_F(HistoryCheckerTest, LostUpdate) {
  for (const HistoryLevel level : {HistoryLevel::kSnapshot, HistoryLevel::kSerializable}) {
    Writes(0, 1, 11, 1);
    Begin(0, level).Read(1, List{11});
    Begin(1, level).Read(1, List{11});
    recorder_.session(0).Write(1, 12);
    recorder_.session(0).Commit(2);
    recorder_.session(1).Write(1, 13);
    recorder_.session(1).Commit(3);
    Refuse({HistoryAnomaly::kLostUpdate, HistoryAnomaly::kGSingle,
            level == HistoryLevel::kSnapshot ? HistoryAnomaly::kWriteConflict
                                             : HistoryAnomaly::kCommitOrder});
    EXPECT_THAT(report_.Text(),
                AllOf(HasSubstr("-rw-> T1 wrote 12 to key 1 at position 2, which T2 read"),
                      HasSubstr("-ww-> T2 wrote 13 to key 1 at position 3")));
  }
}

TEST_F(HistoryCheckerTest, WriteConflictWithoutAnyRead) {
  for (const bool refused : {true, false}) {
    Begin(1, HistoryLevel::kSnapshot).SetSnapshot(0);
    Writes(0, 1, 11, 1);
    recorder_.session(1).Write(refused ? 1 : 2, 12);
    recorder_.session(1).Commit(2);
    if (refused) {
      Refuse({HistoryAnomaly::kWriteConflict});
    } else {
      Accept();
    }
  }
}

TEST_F(HistoryCheckerTest, WrongSnapshot) {
  Begin(1).SetSnapshot(0);
  Writes(0, 1, 11, 1);
  recorder_.session(1).Read(1, List{11});
  recorder_.session(1).Commit(0);
  Refuse({HistoryAnomaly::kWrongSnapshot});
}

TEST_F(HistoryCheckerTest, WriteCycle) {
  // The lists tell another order than the positions.
  Begin(0).Append(1, 11);
  Begin(1).Append(1, 12);
  recorder_.session(0).Append(3, 31);
  recorder_.session(1).Append(3, 32);
  recorder_.session(0).Commit(1);
  recorder_.session(1).Commit(2);
  Reads(2, 1, {11, 12});
  Reads(2, 3, {32, 31});
  Refuse({HistoryAnomaly::kOrderOfPositions, HistoryAnomaly::kG0});
}

TEST_F(HistoryCheckerTest, CircularInformationFlow) {
  Begin(0).Write(1, 11);
  Begin(1).Write(2, 21);
  recorder_.session(0).Read(2, List{21});
  recorder_.session(1).Read(1, List{11});
  recorder_.session(0).Commit(1);
  recorder_.session(1).Commit(2);
  Refuse({HistoryAnomaly::kOrderOfPositions, HistoryAnomaly::kG1c});
}

TEST_F(HistoryCheckerTest, ReadSkew) {
  Begin(1, HistoryLevel::kSnapshot).Read(1, {});
  Begin(0).Write(1, 11);
  recorder_.session(0).Write(2, 21);
  recorder_.session(0).Commit(1);
  recorder_.session(1).Read(2, List{21});
  recorder_.session(1).Commit(0);
  Refuse({HistoryAnomaly::kNoSnapshot, HistoryAnomaly::kGSingle}, kAtAnyTime);
  EXPECT_THAT(report_.Text(), HasSubstr("T1 read key 1 and found nothing, before T0"
                                        " wrote 11 to key 1 at position 1"));
}

// Two writers that know nothing of each other, and two readers that saw one of them each.
TEST_F(HistoryCheckerTest, LongFork) {
  Begin(0, HistoryLevel::kSnapshot).Write(1, 11);
  Begin(1, HistoryLevel::kSnapshot).Write(2, 21);
  Begin(2, HistoryLevel::kSnapshot);
  Begin(3, HistoryLevel::kSnapshot);
  recorder_.session(2).Read(1, List{11});
  recorder_.session(2).Read(2, {});
  recorder_.session(3).Read(1, {});
  recorder_.session(3).Read(2, List{21});
  for (const uint32_t reader : {2u, 3u}) recorder_.session(reader).Commit(0);
  recorder_.session(0).Commit(1);
  recorder_.session(1).Commit(2);
  Refuse({HistoryAnomaly::kNoSnapshot, HistoryAnomaly::kGNonadjacent});
}

TEST_F(HistoryCheckerTest, WriteSkewOnlyUnderSnapshotIsolation) {
  for (const HistoryLevel level : {HistoryLevel::kSnapshot, HistoryLevel::kSerializable}) {
    Begin(0, level).Read(1, {});
    Begin(1, level).Read(2, {});
    recorder_.session(0).Write(2, 21);
    recorder_.session(0).Commit(1);
    recorder_.session(1).Write(1, 11);
    recorder_.session(1).Commit(2);
    if (level == HistoryLevel::kSnapshot) {
      Accept();
    } else {
      Refuse({HistoryAnomaly::kCommitOrder, HistoryAnomaly::kG2Item});
    }
  }
}

// One that asked for snapshot isolation owes nothing to one that asked for more.
TEST_F(HistoryCheckerTest, WriteSkewOfTwoLevels) {
  Begin(0, HistoryLevel::kSerializable).Read(1, {});
  Begin(1, HistoryLevel::kSnapshot).Read(2, {});
  recorder_.session(0).Write(2, 21);
  recorder_.session(0).Commit(1);
  recorder_.session(1).Write(1, 11);
  recorder_.session(1).Commit(2);
  const TransactionHistory history = recorder_.Take();
  EXPECT_TRUE(CheckHistory(history).ok()) << CheckHistory(history).Text();
  const HistoryReport report =
      CheckHistory(history, {.level = HistoryPromise::Level::kSerializable});
  EXPECT_TRUE(report.Has(HistoryAnomaly::kG2Item)) << report.Text();
  EXPECT_TRUE(CheckHistory(history, {.level = HistoryPromise::Level::kSnapshot}).ok());
}

TEST_F(HistoryCheckerTest, WriteSkewOfPhantoms) {
  Begin(0).Scan(10, 20, {});
  Begin(1).Scan(20, 30, {});
  recorder_.session(0).Write(25, 21);
  recorder_.session(0).Commit(1);
  recorder_.session(1).Write(15, 11);
  recorder_.session(1).Commit(2);
  Refuse({HistoryAnomaly::kCommitOrder, HistoryAnomaly::kG2});
}

// Serializable in some order, but not in that of real time: no read is stale by itself.
TEST_F(HistoryCheckerTest, OnlyRealTimeIsViolated) {
  Begin(2);
  Writes(0, 1, 11, 1);
  Writes(1, 2, 21, 2);
  recorder_.session(2).Read(1, {});
  recorder_.session(2).Read(2, List{21});
  recorder_.session(2).Commit(0);
  const TransactionHistory history = recorder_.Take();
  const HistoryReport report = CheckHistory(history);
  EXPECT_TRUE(report.Has(HistoryAnomaly::kStrict)) << report.Text();
  EXPECT_THAT(report.Text(), HasSubstr("-time-> T"));
  // The order of positions says the same.
  EXPECT_TRUE(CheckHistory(history, kAtAnyTime).Has(HistoryAnomaly::kNoSnapshot));
}

TEST_F(HistoryCheckerTest, AbsentByWhoseDeletionNobodyCanTell) {
  Writes(0, 1, 11, 1);
  Begin(0).Delete(1);
  recorder_.session(0).Commit(2);
  Reads(0, 1, {});
  Accept();
  EXPECT_EQ(report_.unresolved, 1u);
  // With the snapshot's position it can be told.
  Begin(1).SetSnapshot(0);
  Writes(0, 1, 11, 1);
  Begin(0).Delete(1);
  recorder_.session(0).Commit(2);
  recorder_.session(1).Read(1, {});
  recorder_.session(1).Write(2, 21);
  recorder_.session(1).Commit(3);
  Check();
  EXPECT_EQ(report_.unresolved, 0u);
  EXPECT_TRUE(report_.Has(HistoryAnomaly::kCommitOrder)) << report_.Text();
}

TEST_F(HistoryCheckerTest, UnknownIsThereWhenSomebodySawIt) {
  Begin(0).Write(1, 11);
  recorder_.session(0).Write(2, 21);
  Begin(0);  // the crash came between
  recorder_.session(0).Read(1, List{11});
  recorder_.session(0).Read(2, List{21});
  recorder_.session(0).Commit(0);
  Accept();
  EXPECT_EQ(report_.transactions, 2u);
  Begin(0).Write(1, 12);
  recorder_.session(0).Write(2, 22);
  recorder_.session(0).Unknown();
  Begin(0).Read(1, List{12});
  recorder_.session(0).Read(2, {});  // half of it
  recorder_.session(0).Commit(0);
  Refuse({HistoryAnomaly::kGSingle});
}

TEST_F(HistoryCheckerTest, RecordsOfConcurrentThreadsAreOneOrder) {
  {
    std::vector<std::jthread> threads;
    for (uint32_t number = 0; number < 4; ++number) {
      threads.emplace_back([this, number] {
        HistoryRecorder::Session& session = recorder_.session(number);
        for (int i = 0; i < 1000; ++i) {
          session.Begin(HistoryLevel::kSnapshot);
          session.Append(number, session.NextValue());
          session.Abort();
        }
      });
    }
  }
  const TransactionHistory history = recorder_.Take();
  EXPECT_EQ(history.transactions.size(), 4000u);
  std::vector<bool> seen(8000);
  for (const TransactionHistory::Transaction& transaction : history.transactions) {
    ASSERT_LT(transaction.begun, transaction.ended);
    ASSERT_LT(transaction.ended, seen.size());
    seen[transaction.begun] = seen[transaction.ended] = true;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 8000);
  EXPECT_TRUE(recorder_.Take().transactions.empty());
}

}  // namespace
}  // namespace logwood::test
