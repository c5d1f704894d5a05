// Runs of deleted keys that an iterator passed once are passed in one seek from then on, and what
// an iterator shows never depends on it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "db/dead_ranges.h"
#include "logwood/db.h"
#include "tests/db/db_test_support.h"
#include "tests/support/database_fixture.h"
#include "util/internal_key.h"
#include "util/random.h"

namespace logwood {
namespace {

using DeadRangeRows = std::map<std::string, std::string>;

class DeadRanges : public testing::Test {
 protected:
  void Open(uint64_t memtable_bytes) {
    Options options;
    options.file_system = fs_.get();
    options.tuning.memtable_bytes = memtable_bytes;
    options.tuning.log_segment_bytes = 64 << 10;
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  }
  static std::string Key(uint64_t n) { return std::to_string(100'000'000 + n); }
  std::string First() {
    const auto it = db_->NewIterator({});
    it->SeekToFirst();
    EXPECT_OK(it->status());
    return it->Valid() ? std::string(it->key()) : std::string();
  }
  uint64_t Skipped() { return db_->GetStats().tombstones_skipped; }

  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<DB> db_;
};

// Through memtables, flushes and compactions alike.
TEST_F(DeadRanges, AQueuesFrontIsNotWalkedOverAgain) {
  constexpr uint64_t kItems = 4000, kBacklog = 100;
  for (const uint64_t memtable_bytes : {4 << 20, 128 << 10}) {
    SCOPED_TRACE(memtable_bytes);
    Open(memtable_bytes);
    for (uint64_t i = 0; i < kItems + kBacklog; ++i) {
      ASSERT_OK(db_->Put({}, Key(i), "item"));
      if (i < kBacklog) continue;
      ASSERT_EQ(First(), Key(i - kBacklog));
      ASSERT_OK(db_->Delete({}, Key(i - kBacklog)));
    }
    // Without notes half of kItems each time.
    EXPECT_LT(Skipped(), kItems * 200);
    for (uint64_t i = kItems; i < kItems + kBacklog; ++i) ASSERT_OK(db_->Delete({}, Key(i)));
    ASSERT_OK(db_->Close());
  }
}

TEST_F(DeadRanges, ALongRunBecomesKnownWhileOthersWrite) {
  constexpr uint64_t kKeys = 20'000;
  Open(8 << 20);
  for (uint64_t i = 0; i < kKeys; ++i) ASSERT_OK(db_->Put({}, Key(i), "v"));
  for (uint64_t i = 0; i + 1 < kKeys; ++i) ASSERT_OK(db_->Delete({}, Key(i)));
  uint64_t seeks = 0;
  for (uint64_t last = kKeys; last > 1000; ++seeks) {
    const uint64_t before = Skipped();
    ASSERT_EQ(First(), Key(kKeys - 1));
    ASSERT_OK(db_->Put({}, "other", "v"));  // newer than what the iterator saw
    ASSERT_OK(db_->Put({}, "other", "v"));
    last = Skipped() - before;
    ASSERT_LT(seeks, 30u);
  }
}

// What an iterator or a snapshot sees is what it saw, with notes of any age about.
class DeadRangesWalk : public DeadRanges, public testing::WithParamInterface<uint64_t> {
 protected:
  struct Held {
    std::unique_ptr<Iterator> it;
    std::shared_ptr<const Snapshot> snapshot;
    DeadRangeRows rows;
  };
  static std::string Shown(const Iterator& it) {
    return it.Valid() ? std::string(it.key()) + '=' + std::string(it.value()) : std::string();
  }
  static std::string Of(const DeadRangeRows& rows, DeadRangeRows::const_iterator at) {
    return at == rows.end() ? std::string() : at->first + '=' + at->second;
  }
  static DeadRangeRows::const_iterator Before(const DeadRangeRows& rows,
                                              DeadRangeRows::const_iterator at) {
    return at == rows.begin() ? rows.end() : std::prev(at);
  }
  void Look(Held* held) {
    const DeadRangeRows& rows = held->rows;
    const std::string key = Key(random_.Uniform(keys_));
    DeadRangeRows::const_iterator at;
    const bool forward = random_.OneIn(2);
    if (forward) {
      held->it->Seek(key);
      at = rows.lower_bound(key);
    } else {
      held->it->SeekForPrev(key);
      at = Before(rows, rows.upper_bound(key));
    }
    for (int steps = 0; steps < 6; ++steps) {
      ASSERT_EQ(Shown(*held->it), Of(rows, at)) << "from " << key << " step " << steps;
      ASSERT_OK(held->it->status());
      if (at == rows.end()) return;
      const bool next = random_.OneIn(4) ? !forward : forward;
      next ? held->it->Next() : held->it->Prev();
      at = next ? std::next(at) : Before(rows, at);
    }
  }
  void Write() {
    const std::string key = Key(random_.Uniform(keys_));
    const std::string value = std::to_string(++writes_);
    switch (random_.Uniform(8)) {
      case 0:
      case 1:
        ASSERT_OK(db_->Put({}, key, value));
        rows_[key] = value;
        break;
      case 2: {
        const std::string end = Key(random_.Uniform(keys_));
        if (end < key) break;
        ASSERT_OK(db_->DeleteRange({}, key, end));
        rows_.erase(rows_.lower_bound(key), rows_.lower_bound(end));
        break;
      }
      case 3: {
        WriteBatch batch;
        const uint64_t from = random_.Uniform(keys_);
        for (uint64_t i = from; i < std::min(keys_, from + 12); ++i) {
          batch.Delete(Key(i));
          rows_.erase(Key(i));
        }
        batch.Put(key, value);
        rows_[key] = value;
        ASSERT_OK(db_->Write({}, batch));
        break;
      }
      default:
        ASSERT_OK(db_->Delete({}, key));
        rows_.erase(key);
    }
  }
  Held Hold() {
    Held held;
    held.rows = rows_;
    IteratorOptions options;
    if (random_.OneIn(3)) {
      held.snapshot = *db_->GetSnapshot();
      options.snapshot = held.snapshot.get();
    }
    held.it = db_->NewIterator(options);
    return held;
  }

  Random random_{GetParam()};
  uint64_t keys_ = GetParam() % 2 == 0 ? 40 : 200;
  uint64_t writes_ = 0;
  DeadRangeRows rows_;
};

TEST_P(DeadRangesWalk, AgreesWithAMap) {
  Open(GetParam() % 3 == 0 ? 8 << 10 : 40 << 10);
  std::vector<Held> held;
  for (int step = 0; step < 1500; ++step) {
    ASSERT_NO_FATAL_FAILURE(Write());
    if (held.size() < 6) held.push_back(Hold());
    const size_t one = random_.Uniform(held.size());
    ASSERT_NO_FATAL_FAILURE(Look(&held[one])) << "step " << step;
    if (random_.OneIn(3)) held[one] = Hold();
    ASSERT_NO_FATAL_FAILURE(Look(&held.back()));
    if (random_.OneIn(500)) {
      ASSERT_OK(db_->Flush());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeadRangesWalk, testing::Range<uint64_t>(1, 13));

TEST_F(DeadRanges, ConcurrentProducersAndAConsumerLoseNothing) {
  constexpr uint64_t kItems = 3000;
  Open(64 << 10);
  std::vector<std::thread> producers;
  for (const char* name : {"a", "b"}) {
    producers.emplace_back([&, name] {
      for (uint64_t i = 0; i < kItems; ++i) EXPECT_OK(db_->Put({}, Key(i) + name, name));
    });
  }
  // Out of order: some of what is put comes in where the front was passed already.
  uint64_t taken = 0;
  while (taken < 2 * kItems) {
    const std::string key = First();
    if (key.empty()) continue;
    PinnedValue value;
    ASSERT_OK(db_->Get({}, key, &value));
    ASSERT_OK(db_->Delete({}, key));
    ++taken;
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(First(), "");
}

class NotedDeadRange : public testing::Test {
 protected:
  static std::string Key(int n) { return "\x01" + std::to_string(100'000 + n); }
  void Put(int n, LogPos position, EntryKind kind = EntryKind::kDelete) {
    memtable_->Insert(Key(n), PackTrailer(position, kind), "");
  }
  void Note(int begin, int end, LogPos position, LogPos last) {
    NoteDeadRange({memtable_, Key(begin), Key(end), position}, last + 1, memtable_.get());
  }
  // Where the note around the key begins and ends; empty: there is none.
  std::string Noted(int n) const {
    const CoveredStretch at = memtable_->dead_ranges().Around(Key(n), kPositionMax);
    return at.deleted_at == 0 ? "" : std::string(at.lower) + " to " + std::string(at.upper);
  }
  static std::string Span(int begin, int end) { return Key(begin) + " to " + Key(end); }

  const std::shared_ptr<Memtable> memtable_ = std::make_shared<Memtable>();
};

TEST_F(NotedDeadRange, EndsWhereSomethingCameInSince) {
  for (int n = 0; n < 100; ++n) Put(n, static_cast<LogPos>(n) + 1);
  Note(0, 100, 100, 100);
  EXPECT_EQ(Noted(50), Span(0, 100));
  Put(130, 101, EntryKind::kPut);
  Note(110, 150, 100, 101);
  EXPECT_EQ(Noted(120), Span(110, 130));
  EXPECT_EQ(Noted(130), "");
  Note(130, 150, 100, 101);
  EXPECT_EQ(Noted(130), "");
}

TEST_F(NotedDeadRange, IsLongAsFarAsItWasLookedAt) {
  for (int n = 0; n < 5000; ++n) Put(n, static_cast<LogPos>(n) + 1);
  Put(9000, 5001, EntryKind::kPut);
  for (const int end : {2048, 4096, 5000}) {
    Note(0, 5000, 5000, 5001);
    EXPECT_EQ(Noted(0), Span(0, end));
  }
}

TEST_F(NotedDeadRange, OfAnotherMemtableOrAnOlderViewIsNothing) {
  Put(1, 1);
  NoteDeadRange({std::make_shared<Memtable>(), Key(0), Key(9), 1}, 2, memtable_.get());
  NoteDeadRange({{}, Key(0), Key(9), 1}, 2, memtable_.get());
  EXPECT_EQ(Noted(1), "");
  Put(2, 5);
  Note(0, 9, 5, 5);
  Put(3, 6);
  Note(0, 9, 4, 6);
  const CoveredStretch at = memtable_->dead_ranges().Around(Key(1), kPositionMax);
  EXPECT_EQ(at.deleted_at, 6u);
  Note(0, 9, 6, 6);  // the key that came in is dead as well
  EXPECT_EQ(memtable_->dead_ranges().Around(Key(1), kPositionMax).deleted_at, 7u);
}

}  // namespace
}  // namespace logwood
