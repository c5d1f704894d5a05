// The judge of the simulated runs: it accepts what an order of the commits explains, and names what
// none does.
#include "tests/simulation/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace logwood::test {
namespace {

using testing::HasSubstr;

class HistoryTest : public testing::Test {
 protected:
  static constexpr uint32_t kDefault = 1;

  History::Commit Sets(const std::string& key, const std::string& value) {
    return {.changes = {{kDefault, key, value}}};
  }
  size_t Write(const std::string& key, const std::string& value, LogPos position,
               LogPos visible = 0) {
    const size_t id = history_.Issue(Sets(key, value), visible);
    history_.Acknowledge(id, position);
    return id;
  }
  void Read(const std::string& key, std::optional<std::string> value, LogPos at_least,
            LogPos at_most) {
    history_.Observe({.at_least = at_least,
                      .at_most = at_most,
                      .keyspace = kDefault,
                      .rows = {{key, std::move(value)}}});
  }
  static History::State Found(LogPos position, History::Rows rows) {
    History::State state;
    state.position = position;
    state.content[kDefault] = std::move(rows);
    return state;
  }

  History history_;
};

TEST_F(HistoryTest, WhatHappenedInOrderIsAccepted) {
  Write("a", "1", 1);
  Write("b", "2", 2, 1);
  Read("a", "1", 1, 2);
  Read("b", std::nullopt, 0, 1);
  EXPECT_EQ(history_.NextLife(Found(2, {{"a", "1"}, {"b", "2"}}), 2), "");
  // And goes on from there.
  Write("a", "3", 3);
  Read("b", "2", 2, 3);
  EXPECT_EQ(history_.NextLife(Found(3, {{"a", "3"}, {"b", "2"}}), 3), "");
  EXPECT_EQ(history_.commits(), 3u);
  EXPECT_EQ(history_.observations(), 3u);
}

TEST_F(HistoryTest, LossOfWhatWasNotPromisedIsAccepted) {
  Write("a", "1", 1);
  Write("a", "2", 2);
  Read("a", "2", 2, 2);
  EXPECT_EQ(history_.NextLife(Found(1, {{"a", "1"}}), 1), "");
}

TEST_F(HistoryTest, LossOfWhatWasPromisedIsTold) {
  Write("a", "1", 1);
  EXPECT_THAT(history_.NextLife(Found(0, {}), 1), HasSubstr("promised was at least 1"));
}

TEST_F(HistoryTest, HoleIsTold) {
  Write("a", "1", 1);
  Write("b", "2", 3);
  EXPECT_THAT(history_.NextLife(Found(3, {{"a", "1"}, {"b", "2"}}), 3),
              HasSubstr("position 2 was given to nobody"));
}

TEST_F(HistoryTest, PositionGivenTwiceIsTold) {
  Write("a", "1", 1);
  Write("b", "2", 1);
  EXPECT_THAT(history_.NextLife(Found(1, {}), 0), HasSubstr("position 1 was given twice"));
}

TEST_F(HistoryTest, PositionBeforeWhatWasVisibleIsTold) {
  Write("a", "1", 2);
  Write("b", "2", 1);
  EXPECT_THAT(history_.NextLife(Found(2, {{"a", "1"}, {"b", "2"}}), 0),
              HasSubstr("position 1 was given to a commit that began when 2 was visible"));
}

TEST_F(HistoryTest, StaleReadIsTold) {
  Write("a", "1", 1);
  Write("a", "2", 2);
  Read("a", "1", 2, 2);
  EXPECT_THAT(history_.NextLife(Found(2, {{"a", "2"}}), 0),
              HasSubstr("at no position from 2 to 2"));
}

TEST_F(HistoryTest, ReadOfWhatWasNotYetThereIsTold) {
  Write("a", "1", 1);
  Write("a", "2", 2);
  Read("a", "2", 0, 1);
  EXPECT_THAT(history_.NextLife(Found(2, {{"a", "2"}}), 0),
              HasSubstr("at no position from 0 to 1"));
}

TEST_F(HistoryTest, KeysReadAtDifferentPositionsAreTold) {
  Write("a", "1", 1);
  Write("b", "1", 2);
  Write("a", "2", 3);
  history_.Observe({.at_least = 1,
                    .at_most = 3,
                    .keyspace = kDefault,
                    .rows = {{"a", "2"}, {"b", std::nullopt}}});
  EXPECT_THAT(history_.NextLife(Found(3, {{"a", "2"}, {"b", "1"}}), 0),
              HasSubstr("at no position"));
}

TEST_F(HistoryTest, ScanThatLacksAKeyIsTold) {
  Write("a", "1", 1);
  Write("b", "1", 2);
  history_.Observe(
      {.at_least = 2, .at_most = 2, .keyspace = kDefault, .rows = {{"a", "1"}}, .whole = true});
  EXPECT_THAT(history_.NextLife(Found(2, {{"a", "1"}, {"b", "1"}}), 0), HasSubstr("as a whole"));
}

TEST_F(HistoryTest, ContentThatNobodyWroteIsTold) {
  Write("a", "1", 1);
  EXPECT_THAT(history_.NextLife(Found(1, {{"a", "x"}}), 1), HasSubstr("has a = x for 1"));
}

TEST_F(HistoryTest, UnsureCommitMayBeThereOrNot) {
  Write("a", "1", 1);
  static_cast<void>(history_.Issue(Sets("a", "unsure"), 1));
  EXPECT_EQ(history_.NextLife(Found(1, {{"a", "1"}}), 1), "");
  static_cast<void>(history_.Issue(Sets("b", "first"), 1));
  static_cast<void>(history_.Issue(Sets("b", "second"), 1));
  Read("b", "first", 1, 1);  // before both were told
  EXPECT_EQ(history_.NextLife(Found(3, {{"a", "1"}, {"b", "first"}}), 1), "");
}

TEST_F(HistoryTest, UnsureCommitFillsTheHoleWhereItBelongs) {
  Write("a", "1", 1);
  static_cast<void>(history_.Issue(Sets("a", "unsure"), 1));
  Write("a", "3", 3);
  EXPECT_EQ(history_.NextLife(Found(3, {{"a", "3"}}), 3), "");
  Write("b", "4", 4);
  static_cast<void>(history_.Issue(Sets("b", "unsure"), 4));
  Write("c", "5", 6);
  // Begun after position 4, so it cannot be hidden by it.
  EXPECT_THAT(history_.NextLife(Found(6, {{"a", "3"}, {"b", "4"}, {"c", "5"}}), 4),
              HasSubstr("no order of the commits"));
}

// ---- Ranges

History::Commit DeletesFrom(const std::string& begin, std::optional<std::string> end) {
  return {.changes = {{1, begin, std::nullopt, true, std::move(end)}}};
}

// Either gives what is there, and only one of them could be committed.
TEST_F(HistoryTest, UnsureTransactionThatWasInTheWayIsNotTakenForAnother) {
  for (const bool other : {true, false}) {
    History history;
    const auto write = [&history, this](const std::string& key, LogPos position) {
      history.Acknowledge(history.Issue(Sets(key, "1"), 0), position);
    };
    write("a", 1);
    write("b", 2);
    History::Commit commit = Sets("c", "transaction");
    commit.read_at = 1;
    commit.relies = {{kDefault, "b", {}}};
    static_cast<void>(history.Issue(commit, 1));
    if (other) static_cast<void>(history.Issue(Sets("c", "other"), 2));
    write("c", 4);
    const std::string wrong = history.NextLife(Found(4, {{"a", "1"}, {"b", "1"}, {"c", "1"}}), 4);
    if (other) {
      EXPECT_EQ(wrong, "");
    } else {
      EXPECT_THAT(wrong, HasSubstr("the transaction at position 3 read b of keyspace 1 at 1"));
    }
  }
}

TEST_F(HistoryTest, RangeDeleteTakesWhatIsThereAndNotWhatComesLater) {
  Write("a", "1", 1);
  Write("b", "1", 2);
  Write("c", "1", 3);
  history_.Acknowledge(history_.Issue(DeletesFrom("a\1", "c"), 3), 4);
  Write("b", "2", 5);
  Read("b", "1", 3, 3);
  Read("b", std::nullopt, 4, 4);
  Read("b", "2", 5, 5);
  Read("c", "1", 5, 5);
  // In a batch in their order.
  history_.Acknowledge(history_.Issue({.changes = {{kDefault, "d", "1"},
                                                   {kDefault, "b", std::nullopt, true, {}},
                                                   {kDefault, "e", "1"}}},
                                      5),
                       6);
  history_.Observe({.at_least = 6,
                    .at_most = 6,
                    .keyspace = kDefault,
                    .rows = {{"a", "1"}, {"e", "1"}},
                    .whole = true});
  Read("c", "1", 5, 6);
  EXPECT_EQ(history_.NextLife(Found(6, {{"a", "1"}, {"e", "1"}}), 6), "");
}

TEST_F(HistoryTest, ReadOfWhatARangeDeleteTookIsTold) {
  Write("a", "1", 1);
  history_.Acknowledge(history_.Issue(DeletesFrom("", {}), 1), 2);
  Read("a", "1", 2, 2);
  EXPECT_THAT(history_.NextLife(Found(2, {}), 0), HasSubstr("at no position from 2 to 2"));
}

TEST_F(HistoryTest, RangeDeleteThatTakesItsEndIsTold) {
  Write("a", "1", 1);
  Write("b", "1", 2);
  history_.Acknowledge(history_.Issue(DeletesFrom("a", "b"), 2), 3);
  Read("b", std::nullopt, 3, 3);
  EXPECT_THAT(history_.NextLife(Found(3, {{"b", "1"}}), 0), HasSubstr("at no position from 3"));
}

TEST_F(HistoryTest, RangeDeleteThatIsForgottenIsTold) {
  Write("a", "1", 1);
  history_.Acknowledge(history_.Issue(DeletesFrom("a", "b"), 1), 2);
  EXPECT_THAT(history_.NextLife(Found(2, {{"a", "1"}}), 2), HasSubstr("has a = 1"));
}

TEST_F(HistoryTest, UnsureRangeDeleteMayBeThereOrNot) {
  Write("a", "1", 1);
  Write("b", "1", 2);
  static_cast<void>(history_.Issue(DeletesFrom("a", "b"), 2));
  Read("a", std::nullopt, 2, 3);
  Read("a", "1", 2, 3);
  EXPECT_EQ(history_.NextLife(Found(3, {{"b", "1"}}), 2), "");
  static_cast<void>(history_.Issue(DeletesFrom("a", {}), 3));
  EXPECT_EQ(history_.NextLife(Found(3, {{"b", "1"}}), 3), "");
  // But it touched nothing else.
  Write("c", "1", 4);
  static_cast<void>(history_.Issue(DeletesFrom("a", "c"), 4));
  Read("c", std::nullopt, 4, 4);
  EXPECT_THAT(history_.NextLife(Found(5, {{"c", "1"}}), 4), HasSubstr("at no position from 4"));
}

TEST_F(HistoryTest, RefusedCommitIsNotThere) {
  history_.Refuse(history_.Issue(Sets("a", "refused"), 0));
  EXPECT_THAT(history_.NextLife(Found(1, {{"a", "refused"}}), 0), HasSubstr("given to nobody"));
}

TEST_F(HistoryTest, KeyspacesComeAndGo) {
  const size_t create = history_.Issue({.creates = "x"}, 0);
  history_.NoteKeyspaceEvent(true, "x", 1);
  history_.AcknowledgeKeyspace(create, 2);
  const size_t write = history_.Issue({.changes = {{2, "k", "v"}}}, 1);
  history_.Acknowledge(write, 2);
  const size_t drop = history_.Issue({.drops = "x"}, 2);
  history_.NoteKeyspaceEvent(false, "x", 3);
  history_.AcknowledgeKeyspace(drop, 2);
  history_.Observe({.at_least = 1, .at_most = 3, .keyspace = 2, .rows = {{"k", "v"}}});
  history_.Observe({.at_least = 3, .at_most = 3, .keyspace = 2, .missing = true});
  EXPECT_EQ(history_.NextLife(Found(3, {}), 3), "");
}

TEST_F(HistoryTest, ReadOfADroppedKeyspaceIsTold) {
  history_.AcknowledgeKeyspace(history_.Issue({.creates = "x"}, 0), 2);
  history_.NoteKeyspaceEvent(true, "x", 1);
  history_.Acknowledge(history_.Issue({.changes = {{2, "k", "v"}}}, 1), 2);
  history_.AcknowledgeKeyspace(history_.Issue({.drops = "x"}, 2), 2);
  history_.NoteKeyspaceEvent(false, "x", 3);
  history_.Observe({.at_least = 3, .at_most = 3, .keyspace = 2, .rows = {{"k", "v"}}});
  EXPECT_THAT(history_.NextLife(Found(3, {}), 3), HasSubstr("at no position"));
}

// A key that lasts ten, and what others see of it between two looks at the machine's clock.
class HistoryOfTimeTest : public testing::Test {
 protected:
  // A commit that takes from now until `until`.
  void Commit(History::Change change, LogPos position, uint64_t until) {
    const size_t id = history_.Issue({.changes = {std::move(change)}}, position - 1);
    now_ = until;
    history_.Acknowledge(id, position);
  }
  void PutToExpire(LogPos position, uint64_t until) {
    Commit({1, "a", "1", false, {}, false, 10}, position, until);
  }
  // A view that is made from now until `until`.
  void Sees(LogPos position, const std::optional<std::string>& value, uint64_t until) {
    const HistoryClock::Mark mark = history_.clock()->Now();
    now_ = until;
    history_.Observe({.at_least = position,
                      .at_most = position,
                      .keyspace = 1,
                      .rows = {{"a", value}},
                      .time = history_.clock()->Since(mark)});
  }
  void SetTo(uint64_t now) {
    history_.clock()->Set([&] { now_ = now; });
  }
  std::string NextLife(LogPos position, History::Rows rows) {
    history_.ForgetTimes();
    History::State state;
    state.position = position;
    state.content[1] = std::move(rows);
    state.time = history_.clock()->Since(history_.clock()->Now());
    return history_.NextLife(std::move(state), position);
  }

  uint64_t now_ = 100;
  History history_{[this] { return now_; }};
};

TEST_F(HistoryOfTimeTest, EitherMayBeSeenWhereTheWindowsMeet) {
  PutToExpire(1, 105);  // it expires from 110 to 115
  now_ = 109;
  Sees(1, "1", 109);
  for (const uint64_t until : {110, 112, 114}) {
    Sees(1, "1", until);
    Sees(1, std::nullopt, until);
  }
  now_ = 115;
  Sees(1, std::nullopt, 200);
  EXPECT_EQ(NextLife(1, {}), "");
}

TEST_F(HistoryOfTimeTest, WhatGoesEarlyOrLateIsTold) {
  PutToExpire(1, 105);
  Sees(1, std::nullopt, 109);
  EXPECT_THAT(NextLife(1, {{"a", "1"}}), HasSubstr("from 110 to 115 on nothing; read from 105"));
  PutToExpire(2, 111);
  now_ = 121;
  Sees(2, "1", 300);
  EXPECT_THAT(NextLife(2, {}), HasSubstr("at no position"));
  PutToExpire(3, 301);
  EXPECT_THAT(NextLife(3, {}), HasSubstr("has no a = 1"));
  now_ = 400;
  EXPECT_THAT(NextLife(3, {{"a", "1"}}), HasSubstr("has a = 1"));
}

TEST_F(HistoryOfTimeTest, AMergeGoesOnFromNothing) {
  PutToExpire(1, 100);
  Commit({1, "a", "2", false, {}, true}, 2, 100);
  Sees(2, "1,2", 109);
  now_ = 110;
  Sees(2, "2", 110);
  EXPECT_EQ(NextLife(2, {{"a", "2"}}), "");
  Sees(2, "1,2", 110);
  EXPECT_THAT(NextLife(2, {{"a", "2"}}), HasSubstr("at no position"));
}

// The clock is set back: times go on from the last commit's, in another life, too.
TEST_F(HistoryOfTimeTest, ACommitsTimeStaysReached) {
  PutToExpire(1, 100);
  now_ = 110;
  Commit({1, "b", "2"}, 2, 110);
  SetTo(50);
  Sees(2, "1", 50);
  EXPECT_THAT(NextLife(2, {{"b", "2"}}), HasSubstr("at no position"));
  Sees(2, std::nullopt, 51);
  EXPECT_THAT(NextLife(2, {{"a", "1"}, {"b", "2"}}), HasSubstr("has a = 1"));
}

// But where it is gone with the power.
TEST_F(HistoryOfTimeTest, ATimeIsLostWithItsCommit) {
  PutToExpire(1, 100);
  now_ = 110;
  Commit({1, "b", "2"}, 2, 110);
  SetTo(50);
  EXPECT_EQ(NextLife(1, {{"a", "1"}}), "");
}

// No commit came behind the later time: it may be forgotten.
TEST_F(HistoryOfTimeTest, ATimeThatOnlyReadsSawMayComeAgain) {
  PutToExpire(1, 100);
  now_ = 120;
  Sees(1, std::nullopt, 120);
  SetTo(105);
  Sees(1, "1", 105);
  Sees(1, std::nullopt, 105);
  EXPECT_EQ(NextLife(1, {{"a", "1"}}), "");
}

TEST_F(HistoryTest, KeyspaceWithoutItsEventIsTold) {
  history_.AcknowledgeKeyspace(history_.Issue({.creates = "x"}, 0), 2);
  EXPECT_THAT(history_.NextLife(Found(0, {}), 0), HasSubstr("no event for keyspace x"));
}

}  // namespace
}  // namespace logwood::test
