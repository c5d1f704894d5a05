// What range deletes leave of a view of memtables and tables, against a look at all of them: in
// both directions, with changes of direction, as of any position.
#include "db/range_cover.h"

#include <gtest/gtest.h>

#include "db/flush_job.h"
#include "db/version.h"
#include "table/block_cache.h"
#include "tests/db/db_test_support.h"

namespace logwood {
namespace {

struct SeenEntry {
  std::string key;
  uint64_t trailer = 0;
  std::string value;

  LogPos position() const { return TrailerPosition(trailer); }
  friend bool operator<(const SeenEntry& a, const SeenEntry& b) {
    return CompareInternal(a.key, a.trailer, b.key, b.trailer) < 0;
  }
};
struct SeenRange {
  std::string begin, end;
  LogPos position = 0;
};

class RangeCoverTest : public testing::Test {
 protected:
  RangeCoverTest() { EXPECT_OK(fs_->CreateDirectory("db")); }

  std::string Key(Random* random) const {
    return "\x01" + std::to_string(100 + random->Uniform(keys_));
  }
  // Operations at the next positions, of which one in `ranges` deletes a range.
  std::shared_ptr<Memtable> MakeMemtable(Random* random, int count, uint64_t ranges) {
    auto memtable = std::make_shared<Memtable>();
    for (; count > 0; --count) {
      const LogPos position = ++last_;
      if (ranges != 0 && random->OneIn(ranges)) {
        std::string a = Key(random), b = Key(random);
        if (a == b) b += '\0';
        if (b < a) std::swap(a, b);
        memtable->InsertRangeDelete(a, b, position);
        ranges_.push_back({a, b, position});
      } else {
        const auto kind = random->OneIn(4) ? EntryKind::kDelete : EntryKind::kPut;
        const std::string value = kind == EntryKind::kPut ? std::to_string(position) : "";
        memtable->Insert(Key(random), PackTrailer(position, kind), value);
      }
    }
    return memtable;
  }
  void AddEntriesOf(InternalIterator* it) {
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const Entry& entry = it->entry();
      entries_.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
    }
    EXPECT_OK(it->status());
  }
  // Nothing of the memtable is dropped.
  void Flush(std::shared_ptr<Memtable> memtable, int level, Edit* edit) {
    SurvivalRules rules;
    for (LogPos position = memtable->first_position(); position <= last_; ++position)
      rules.snapshots.push_back(position);
    SinkOptions sink;
    sink.fs = fs_.get();
    sink.directory = "db";
    sink.table.block_bytes = 256;
    sink.table_bytes_max = level == 0 ? ~uint64_t{0} : 1500;
    sink.next_number = [this] { return ++next_number_; };
    const SealedMemtable sealed{memtable, {}};
    ASSERT_OK_AND_ASSIGN(const SinkResult result, RunFlush({&sealed, 1}, rules, sink));
    for (const TableMeta& meta : result.tables) {
      edit->added.emplace_back(level, meta);
      ASSERT_OK_AND_ASSIGN(const auto reader, cache_.Find(meta));
      AddEntriesOf(reader->NewIterator({}).get());
    }
  }
  // From the oldest: levels 2 and 1 of several tables, two of level 0, two sealed, one active.
  void MakeView(Random* random) {
    Edit edit;
    for (const int level : {2, 1, 0, 0})
      Flush(MakeMemtable(random, level == 0 ? 40 : 150, random->Uniform(15)), level, &edit);
    ASSERT_OK_AND_ASSIGN(view_.version, Version().Apply(edit, nullptr));
    for (int i = 0; i < 2; ++i)
      view_.sealed.insert(view_.sealed.begin(), MakeMemtable(random, 40, random->Uniform(15)));
    view_.active = MakeMemtable(random, 40, random->Uniform(15));
    for (const auto& memtable : view_.sealed) AddEntriesOf(memtable->NewIterator().get());
    AddEntriesOf(view_.active->NewIterator().get());
    std::sort(entries_.begin(), entries_.end());
  }
  // Of entries above the position nothing is promised.
  std::vector<SeenEntry> Expected(LogPos position) const {
    std::vector<SeenEntry> left;
    for (const SeenEntry& entry : entries_) {
      if (entry.position() > position) continue;
      const bool hidden = std::any_of(ranges_.begin(), ranges_.end(), [&](const SeenRange& range) {
        return range.position <= position && range.position > entry.position() &&
               range.begin <= entry.key && entry.key < range.end;
      });
      if (!hidden) left.push_back(entry);
    }
    return left;
  }
  // Nothing to who reads at the position: newer, or the tombstone that stands for a hidden entry.
  bool IsNothing(const Entry& entry, LogPos position) const {
    if (entry.position() > position) return true;
    if (entry.kind() != EntryKind::kDelete || !entry.value.empty()) return false;
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const SeenRange& range) {
      return range.position <= position && range.position > entry.position() &&
             range.begin <= entry.key && entry.key < range.end;
    });
  }
  void PassNothing(InternalIterator* it, LogPos position, bool forward) const {
    while (it->Valid() && IsNothing(it->entry(), position)) forward ? it->Next() : it->Prev();
  }
  static bool StandsAt(const InternalIterator& it, const std::vector<SeenEntry>& all, int64_t at) {
    const bool inside = at >= 0 && at < static_cast<int64_t>(all.size());
    if (it.Valid() != inside) return false;
    if (!inside) return true;
    const SeenEntry& entry = all[static_cast<size_t>(at)];
    return it.entry().key == entry.key && it.entry().trailer == entry.trailer &&
           it.entry().value == entry.value;
  }
  void RandomWalk(Random* random, LogPos position, int steps) {
    const std::vector<SeenEntry> all = Expected(position);
    const auto it = view_.NewIterator(&cache_, {}, {}, position);
    const auto n = static_cast<int64_t>(all.size());
    int64_t at = -1;
    for (bool forward = true; steps > 0; --steps) {
      if (at < 0 || at >= n || random->OneIn(12)) {
        const SeenEntry target{Key(random) + std::string(random->Uniform(2), '\0'),
                               SeekTrailer(random->Uniform(last_ + 2)), ""};
        if (random->OneIn(16)) it->Release();
        if (random->OneIn(8)) {
          const bool first = random->OneIn(2);
          first ? it->SeekToFirst() : it->SeekToLast();
          forward = first;
          at = first ? 0 : n - 1;
        } else if (random->OneIn(2)) {
          it->Seek(target.key, target.trailer);
          forward = true;
          at = std::lower_bound(all.begin(), all.end(), target) - all.begin();
        } else {
          it->SeekForPrev(target.key, target.trailer);
          forward = false;
          at = std::upper_bound(all.begin(), all.end(), target) - all.begin() - 1;
        }
      } else if (random->OneIn(2)) {
        it->Next();
        forward = true;
        ++at;
      } else {
        it->Prev();
        forward = false;
        --at;
      }
      PassNothing(it.get(), position, forward);
      ASSERT_OK(it->status());
      ASSERT_TRUE(StandsAt(*it, all, at)) << at << " of " << n;
    }
  }

  uint64_t keys_ = 60;
  LogPos last_ = 0;
  uint64_t next_number_ = 0;
  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  BlockCache blocks_{1 << 20};
  TableCounters counters_;
  TableCache cache_{fs_.get(), "db", &blocks_, &counters_, 100, 64 << 20};
  View view_;
  std::vector<SeenEntry> entries_;  // of all sources, markers among them
  std::vector<SeenRange> ranges_;
};

class RangeCoverWalk : public RangeCoverTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(RangeCoverWalk, AgreesWithALookAtAllRanges) {
  Random random(GetParam());
  keys_ = GetParam() % 2 == 0 ? 60 : 15;
  MakeView(&random);
  if (HasFatalFailure()) return;
  for (const LogPos position :
       {last_, kPositionMax, random.Uniform(last_), random.Uniform(last_)}) {
    SCOPED_TRACE(position);
    const std::vector<SeenEntry> all = Expected(position);
    const auto it = view_.NewIterator(&cache_, {}, {}, position);
    const auto is_nothing = [&] { return IsNothing(it->entry(), position); };
    int64_t at = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next())
      ASSERT_TRUE(is_nothing() || StandsAt(*it, all, at++));
    ASSERT_EQ(at, static_cast<int64_t>(all.size()));
    for (it->SeekToLast(); it->Valid(); it->Prev())
      ASSERT_TRUE(is_nothing() || StandsAt(*it, all, --at));
    ASSERT_EQ(at, 0);
    ASSERT_OK(it->status());
    RandomWalk(&random, position, 400);
    if (HasFatalFailure()) return;
  }
  // Lookups say the same.
  for (int i = 0; i < 300; ++i) {
    const std::string key = Key(&random);
    const LogPos position = random.Uniform(last_ + 1);
    LookupResult result;
    PinnedValue value;
    result.value = &value;
    ASSERT_OK(view_.Get(&cache_, {key, Hash64(key), position}, true, &result));
    const std::vector<SeenEntry> all = Expected(position);
    const auto at =
        std::lower_bound(all.begin(), all.end(), SeenEntry{key, SeekTrailer(position), ""});
    const bool there =
        at != all.end() && at->key == key && TrailerKind(at->trailer) == EntryKind::kPut;
    const bool found = result.finished && TrailerKind(result.trailer) == EntryKind::kPut;
    ASSERT_EQ(found, there) << key << " at " << position;
    if (found) {
      ASSERT_EQ(value.view(), at->value);
    }
  }
}

// Of what lies in its range an iterator shows the same as one without.
TEST_P(RangeCoverWalk, BoundsChangeNothingWithinThem) {
  Random random(GetParam() + 1000);
  MakeView(&random);
  if (HasFatalFailure()) return;
  for (int round = 0; round < 40; ++round) {
    std::string begin = Key(&random), end = Key(&random);
    if (end < begin) std::swap(begin, end);
    const LogPos position = random.OneIn(2) ? last_ : random.Uniform(last_);
    const std::vector<SeenEntry> all = Expected(position);
    auto at = std::lower_bound(all.begin(), all.end(), SeenEntry{begin, ~uint64_t{0}, ""});
    const auto stop = std::lower_bound(all.begin(), all.end(), SeenEntry{end, ~uint64_t{0}, ""});
    const auto it = view_.NewIterator(&cache_, {}, {begin, end}, position);
    for (it->Seek(begin, ~uint64_t{0}); it->Valid() && it->entry().key < end; it->Next()) {
      if (IsNothing(it->entry(), position)) continue;
      ASSERT_NE(at, stop);
      ASSERT_EQ(it->entry().key, at->key);
      ASSERT_EQ(it->entry().trailer, at->trailer);
      ++at;
    }
    ASSERT_EQ(at, stop);
    ASSERT_OK(it->status());
  }
}

// Long enough stretches to be gone by in one seek, with few entries that came in behind the delete.
TEST_P(RangeCoverWalk, SeeksOverWhatIsOlderAndNothingElse) {
  Random random(GetParam() + 2000);
  keys_ = 400;
  view_.active = std::make_shared<Memtable>();
  view_.version = std::make_shared<const Version>();
  for (int round = 0; round < 6; ++round) {
    const auto many = MakeMemtable(&random, 120, 0);
    for (const auto it =
             [&] {
               auto first = many->NewIterator();
               first->SeekToFirst();
               return first;
             }();
         it->Valid(); it->Next())
      view_.active->Insert(it->entry().key, it->entry().trailer, it->entry().value);
    std::string a = Key(&random), b = Key(&random);
    if (a == b) b += '\0';
    if (b < a) std::swap(a, b);
    view_.active->InsertRangeDelete(a, b, ++last_);
    ranges_.push_back({a, b, last_});
    for (uint64_t more = random.Uniform(3); more > 0; --more) {
      // Half of them at the delete's own position, as behind it in one batch.
      const LogPos position = random.OneIn(2) ? last_ : ++last_;
      const std::string key = Key(&random) + std::to_string(more);
      view_.active->Insert(key, PackTrailer(position, EntryKind::kPut), std::to_string(position));
    }
  }
  AddEntriesOf(view_.active->NewIterator().get());
  std::sort(entries_.begin(), entries_.end());
  for (LogPos position = last_; position > last_ - 300; position -= 37) {
    SCOPED_TRACE(position);
    RandomWalk(&random, position, 300);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RangeCoverWalk, testing::Range<uint64_t>(1, 11));

// What a table hides is not known while it cannot be opened: an error, and nothing that was
// deleted.
TEST_F(RangeCoverTest, ATableThatCannotBeOpenedEndsTheWalk) {
  for (const int level : {1, 0}) {
    SCOPED_TRACE(level);
    Edit edit;
    const auto old = std::make_shared<Memtable>();
    for (int i = 0; i < 20; ++i)
      old->Insert("\x01" + std::to_string(100 + i), PackTrailer(++last_, EntryKind::kPut), "v");
    Flush(old, 2, &edit);
    const auto newer = std::make_shared<Memtable>();
    newer->InsertRangeDelete(
        "\x01"
        "105",
        "\x01"
        "115",
        ++last_);
    Flush(newer, level, &edit);
    const TableMeta broken = edit.added.back().second;
    ASSERT_EQ(broken.range_deletes, 1u);
    View view;
    view.active = std::make_shared<Memtable>();
    ASSERT_OK_AND_ASSIGN(view.version, Version().Apply(edit, nullptr));
    cache_.Erase(broken.number);
    ASSERT_OK(fs_->Remove("db/" + TableFileName(broken.number)));
    for (const bool forward : {true, false}) {
      const auto it = view.NewIterator(&cache_, {}, {}, last_);
      size_t seen = 0;
      for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
           forward ? it->Next() : it->Prev()) {
        if (it->entry().kind() == EntryKind::kDelete) continue;
        ++seen;
        const std::string key(it->entry().key.substr(1));
        ASSERT_TRUE(key < "105" || key >= "115") << key << " is back";
      }
      EXPECT_STATUS(kCorruption, it->status());
      EXPECT_LE(seen, 5u);
    }
  }
}

// A range deleted in a newer source is passed in one seek, however much lies in it.
TEST_F(RangeCoverTest, WhatANewerSourceHidesIsNotWalkedThrough) {
  Edit edit;
  const auto old = std::make_shared<Memtable>();
  for (int i = 0; i < 20'000; ++i)
    old->Insert("\x01" + std::to_string(100'000 + i), PackTrailer(++last_, EntryKind::kPut), "v");
  Flush(old, 2, &edit);
  view_.active = std::make_shared<Memtable>();
  view_.active->InsertRangeDelete(
      "\x01"
      "1",
      "\x01"
      "119990",
      ++last_);
  ASSERT_OK_AND_ASSIGN(view_.version, Version().Apply(edit, nullptr));
  BlockCache empty(1 << 20);
  TableCounters counters;
  TableCache cold(fs_.get(), "db", &empty, &counters, 100, 64 << 20);
  const auto it = view_.NewIterator(&cold, {}, {}, last_);
  size_t seen = 0;
  const auto count = [&] { seen += it->entry().kind() == EntryKind::kPut; };
  for (it->SeekToFirst(); it->Valid(); it->Next()) count();
  for (it->SeekToLast(); it->Valid(); it->Prev()) count();
  EXPECT_EQ(seen, 20u);
  EXPECT_LT(counters.blocks_read.load(), 20u);
}

// Who wants a small key does not wait for a walk over all that was deleted behind it.
TEST_F(RangeCoverTest, ASeekWalksOverNoMoreThanOneStretchOfEachSource) {
  view_.active = std::make_shared<Memtable>();
  const auto key = [](int i) { return "\x01z" + std::to_string(100'000 + i); };
  for (int i = 0; i < 1000; ++i) {
    for (int k = 0; k < 3; ++k)
      view_.active->Insert(key(10 * i + k), PackTrailer(++last_, EntryKind::kPut), "v");
    view_.active->InsertRangeDelete(key(10 * i), key(10 * i + 5), ++last_);
  }
  Edit edit;
  const auto old = std::make_shared<Memtable>();
  old->Insert("\x01m", PackTrailer(1, EntryKind::kPut), "v");
  Flush(old, 2, &edit);
  ASSERT_OK_AND_ASSIGN(view_.version, Version().Apply(edit, nullptr));
  SteppedOver passed;
  const auto it = view_.NewIterator(&cache_, {}, {}, last_, &passed);
  it->Seek("\x01m", ~uint64_t{0});
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->entry().key, "\x01m");
  it->SeekForPrev("\x01n", 0);
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->entry().key, "\x01m");
  EXPECT_LE(passed.count(), 6u);
  uint64_t shown = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) shown += it->entry().kind() == EntryKind::kPut;
  EXPECT_EQ(shown, 1u);
}

class OwnStretch : public RangeCoverTest {
 protected:
  static constexpr int kKeys = 20'000;
  static std::string KeyOf(int i) { return "\x01" + std::to_string(100'000 + i); }
  void Put(int i) { view_.active->Insert(KeyOf(i), PackTrailer(++last_, EntryKind::kPut), "v"); }
  OwnStretch() {
    view_.active = std::make_shared<Memtable>();
    view_.version = std::make_shared<const Version>();
    for (int i = 0; i < kKeys; ++i) Put(i);
    view_.active->InsertRangeDelete(KeyOf(0), KeyOf(kKeys - 10), ++last_);
  }
  // What a walk over all of it shows, and how many hidden entries it steps over.
  uint64_t Walk(bool forward, LogPos position, uint64_t* shown) {
    SteppedOver passed;
    const auto it = view_.NewIterator(&cache_, {}, {}, position, &passed);
    *shown = 0;
    for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
         forward ? it->Next() : it->Prev())
      *shown += it->entry().kind() == EntryKind::kPut;
    EXPECT_OK(it->status());
    return passed.count();
  }
  void ExpectSteps(uint64_t expected_shown, uint64_t steps_max) {
    for (const bool forward : {true, false}) {
      uint64_t shown = 0;
      EXPECT_LE(Walk(forward, last_, &shown), steps_max) << forward;
      EXPECT_EQ(shown, expected_shown) << forward;
    }
  }
};

TEST_F(OwnStretch, IsPassedInOneSeek) { ExpectSteps(10, 10); }

TEST_F(OwnStretch, IsPassedUpToWhatCameInLaterAndBehindIt) {
  for (int i = 7000; i < 7100; ++i) Put(i);
  ExpectSteps(110, 120);
  Put(0);  // from here to the last of those nothing is known
  ExpectSteps(111, 7100 + 120);
}

TEST_F(OwnStretch, OfAnOlderPositionIsPassedToo) {
  const LogPos then = last_;
  view_.active->InsertRangeDelete(KeyOf(5000), KeyOf(5010), ++last_);
  Put(5005);
  uint64_t shown = 0;
  EXPECT_LE(Walk(true, then, &shown), 10u);
  EXPECT_EQ(shown, 10u);
  ExpectSteps(11, 60);
}

TEST_F(OwnStretch, OfATableIsPassedWhereAllEntriesAreOlder) {
  // The last ten are not put again: all is older than the delete.
  Edit edit;
  Flush(view_.active, 1, &edit);
  ASSERT_OK_AND_ASSIGN(view_.version, Version().Apply(edit, nullptr));
  ASSERT_GT(edit.added.size(), 3u);
  view_.active = std::make_shared<Memtable>();
  ExpectSteps(10, 10 * edit.added.size());
}

}  // namespace
}  // namespace logwood
