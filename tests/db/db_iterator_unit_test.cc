// DbIterator against a model: random versions and tombstones, every position, both directions,
// bounds, and changes of direction at every place.
#include "db/db_iterator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/db/core_support.h"
#include "tests/db/db_test_support.h"
#include "util/merging_iterator.h"

namespace logwood {
namespace {

using Rows = std::map<std::string, std::string>;

// Ends with an error in its n-th movement, and in each one behind it.
class FailsAt final : public InternalIterator {
 public:
  FailsAt(std::unique_ptr<InternalIterator> inner, uint64_t n)
      : inner_(std::move(inner)), left_(n) {}
  void SeekToFirst() override { Move(&InternalIterator::SeekToFirst); }
  void SeekToLast() override { Move(&InternalIterator::SeekToLast); }
  void Seek(std::string_view key, uint64_t trailer) override {
    Move(&InternalIterator::Seek, key, trailer);
  }
  void SeekForPrev(std::string_view key, uint64_t trailer) override {
    Move(&InternalIterator::SeekForPrev, key, trailer);
  }
  void Next() override { Move(&InternalIterator::Next); }
  void Prev() override { Move(&InternalIterator::Prev); }
  Status status() const override { return left_ == 0 ? Status::IoError("injected") : Status::Ok(); }

 private:
  template <typename How, typename... Where>
  void Move(How how, Where... where) {
    if (left_ > 0) --left_;
    valid_ = false;
    if (left_ == 0) return;
    (inner_.get()->*how)(where...);
    valid_ = inner_->Valid();
    if (valid_) entry_ = inner_->entry();
  }

  const std::unique_ptr<InternalIterator> inner_;
  uint64_t left_;
};

class DbIteratorTest : public testing::Test {
 protected:
  ~DbIteratorTest() override { core_->executor->Shutdown(); }

  // Versions of few keys over three memtables, newest last, and what each position shows.
  void Fill(Random* random, LogPos commits) {
    auto view = std::make_shared<View>();
    view->version = std::make_shared<const Version>();
    std::vector<std::shared_ptr<Memtable>> memtables;
    for (int i = 0; i < 3; ++i) memtables.push_back(std::make_shared<Memtable>());
    shown_.assign(1, {});
    const uint64_t keys = 1 + random->Uniform(12);
    for (LogPos position = 1; position <= commits; ++position) {
      Memtable* to = memtables[static_cast<size_t>((position - 1) * 3 / commits)].get();
      Rows rows = shown_.back();
      const std::string key = Key(random->Uniform(keys));
      if (random->OneIn(3)) {
        to->Insert("\x01" + key, PackTrailer(position, EntryKind::kDelete), "");
        rows.erase(key);
      } else {
        // Now and then a value that is pinned instead of copied.
        std::string value = "v" + std::to_string(position);
        if (random->OneIn(10)) value.resize(kPinnedBytesMin + 3, 'x');
        to->Insert("\x01" + key, PackTrailer(position, EntryKind::kPut), value);
        rows[key] = value;
      }
      // Neighbours that must never show.
      if (random->OneIn(4))
        to->Insert(std::string("\0kx", 3), PackTrailer(position, EntryKind::kPut), "catalogue");
      if (random->OneIn(4))
        to->Insert("\x02" + key, PackTrailer(position, EntryKind::kPut), "other");
      shown_.push_back(std::move(rows));
    }
    view->active = memtables[2];
    view->sealed = {memtables[1], memtables[0]};
    view_ = view;
  }
  static std::string Key(uint64_t n) {
    return n == 0 ? "" : n % 4 == 1 ? std::string(n, '\xff') : "k" + std::to_string(n);
  }

  std::unique_ptr<DbIterator> NewAt(LogPos position, const std::string& lower = "",
                                    const std::optional<std::string>& upper = {}) {
    DbIterator::Source source;
    source.core = core_;
    source.view = view_;
    source.account = std::make_unique<MemoryAccount>(&core_->cache, MemoryAccount::Of::kReader);
    source.inner = view_->NewIterator(&core_->tables, {}, {}, kPositionMax);
    if (fails_at_ != 0)
      source.inner = std::make_unique<FailsAt>(std::move(source.inner), fails_at_);
    source.position = position;
    source.prefix_bytes = 1;
    source.lower = "\x01" + lower;
    source.upper = upper ? "\x01" + *upper : "\x02";
    return std::make_unique<DbIterator>(std::move(source));
  }
  Rows Expected(LogPos position, const std::string& lower = "",
                const std::optional<std::string>& upper = {}) const {
    Rows rows;
    for (const auto& [key, value] : shown_[position]) {
      if (key >= lower && (!upper || key < *upper)) rows[key] = value;
    }
    return rows;
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::shared_ptr<Core> core_ = test::NewCore(fs_.get());
  std::shared_ptr<const View> view_;
  std::vector<Rows> shown_;
  uint64_t fails_at_ = 0;  // a movement of what is below; 0: none
};

TEST_F(DbIteratorTest, ScansShowEveryPositionInBothDirections) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    Fill(&random, 60);
    for (LogPos position = 0; position <= 60; position += 1 + position / 9) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " position " + std::to_string(position));
      auto it = NewAt(position);
      EXPECT_EQ(it->position(), position);
      Rows forward, backward;
      for (it->SeekToFirst(); it->Valid(); it->Next()) forward.emplace(it->key(), it->value());
      for (it->SeekToLast(); it->Valid(); it->Prev()) backward.emplace(it->key(), it->value());
      ASSERT_OK(it->status());
      ASSERT_EQ(forward, shown_[position]);
      ASSERT_EQ(backward, shown_[position]);
    }
  }
}

// The model of a walk: a place in the rows, or none.
struct ModelWalk {
  const Rows& rows;
  Rows::const_iterator at = rows.end();

  bool Valid() const { return at != rows.end(); }
  void Before(Rows::const_iterator place) { at = place == rows.begin() ? rows.end() : --place; }
  void Step(uint64_t action, const std::string& target) {
    switch (action) {
      case 0:
        at = rows.begin();
        break;
      case 1:
        Before(rows.end());
        break;
      case 2:
        at = rows.lower_bound(target);
        break;
      case 3:
        Before(rows.upper_bound(target));
        break;
      case 4:
        if (Valid()) ++at;
        break;
      default:
        if (Valid()) Before(at);
    }
  }
};

void StepIterator(Iterator* it, uint64_t action, const std::string& target) {
  switch (action) {
    case 0:
      it->SeekToFirst();
      break;
    case 1:
      it->SeekToLast();
      break;
    case 2:
      it->Seek(target);
      break;
    case 3:
      it->SeekForPrev(target);
      break;
    case 4:
      it->Next();
      break;
    default:
      it->Prev();
  }
}

TEST_F(DbIteratorTest, RandomWalksWithBoundsFollowTheModel) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    if (seed % 10 == 1) Fill(&random, 80);
    const LogPos position = random.Uniform(81);
    const std::string lower = random.OneIn(2) ? Key(random.Uniform(12)) : "";
    std::optional<std::string> upper;
    if (random.OneIn(2)) upper = Key(random.Uniform(12));
    const Rows rows = Expected(position, lower, upper);
    auto it = NewAt(position, lower, upper);
    ModelWalk model{rows};
    std::string trace;
    for (int step = 0; step < 100; ++step) {
      // Steps mostly; a seek now and then. An iterator that is not valid stays where it is.
      const uint64_t action =
          step == 0 || random.OneIn(6) ? random.Uniform(4) : 4 + random.Uniform(2);
      const std::string target = Key(random.Uniform(14)) + (random.OneIn(3) ? "+" : "");
      trace += " " + std::to_string(action);
      StepIterator(it.get(), action, target);
      model.Step(action, target);
      ASSERT_OK(it->status());
      ASSERT_EQ(it->Valid(), model.Valid()) << "seed " << seed << trace;
      if (!model.Valid()) continue;
      ASSERT_EQ(it->key(), model.at->first) << "seed " << seed << trace;
      ASSERT_EQ(it->value(), model.at->second) << "seed " << seed << trace;
    }
  }
}

// Of several versions of a key the older ones are met first on the way back: one that was met
// before an error is no answer.
TEST_F(DbIteratorTest, WhatAnErrorCutsShortShowsNothingThatIsNotSo) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Random random(seed);
    Fill(&random, 60);
    const Rows& rows = shown_[60];
    for (const bool forward : {true, false}) {
      bool met = true;
      for (fails_at_ = 1; met; ++fails_at_) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", movement " + std::to_string(fails_at_) +
                     (forward ? " forward" : " backward"));
        ASSERT_LT(fails_at_, 500U);
        const auto it = NewAt(60);
        std::vector<std::pair<std::string, std::string>> shown;
        forward ? it->SeekToFirst() : it->SeekToLast();
        while (it->Valid()) {
          shown.emplace_back(it->key(), it->value());
          forward ? it->Next() : it->Prev();
        }
        met = !it->status().ok();
        std::vector<std::pair<std::string, std::string>> all(rows.begin(), rows.end());
        if (!forward) std::reverse(all.begin(), all.end());
        ASSERT_LE(shown.size(), all.size());
        if (met) all.resize(shown.size());
        ASSERT_EQ(shown, all);
      }
    }
  }
}

TEST_F(DbIteratorTest, BoundsThatLeaveNothingAreNeverValid) {
  Random random(1);
  Fill(&random, 60);
  auto it = NewAt(60, "z", "a");
  for (uint64_t action = 0; action < 6; ++action) {
    StepIterator(it.get(), action, "k3");
    EXPECT_FALSE(it->Valid());
    EXPECT_OK(it->status());
  }
}

TEST_F(DbIteratorTest, ManyVersionsOfOneKeyAreSteppedOverAndSoughtOver) {
  for (LogPos versions : {LogPos{1}, LogPos{7}, LogPos{8}, LogPos{9}, LogPos{10}, LogPos{500}}) {
    auto view = std::make_shared<View>();
    view->version = std::make_shared<const Version>();
    view->active = std::make_shared<Memtable>();
    for (LogPos p = 1; p <= versions; ++p) {
      view->active->Insert(
          "\x01"
          "hot",
          PackTrailer(p, EntryKind::kPut), std::to_string(p));
    }
    view->active->Insert(
        "\x01"
        "next",
        PackTrailer(versions + 1, EntryKind::kPut), "n");
    view_ = view;
    auto it = NewAt(versions + 1);
    it->SeekToFirst();
    ASSERT_EQ(it->value(), std::to_string(versions));
    it->Next();
    ASSERT_TRUE(it->Valid());
    EXPECT_EQ(it->key(), "next");
    it->Prev();
    ASSERT_TRUE(it->Valid());
    EXPECT_EQ(it->value(), std::to_string(versions));
    it->Next();
    EXPECT_EQ(it->key(), "next");
  }
}

TEST_F(DbIteratorTest, AfterCloseItAnswersClosedAndNothingElse) {
  Random random(1);
  Fill(&random, 60);
  auto it = NewAt(60);
  it->SeekToFirst();
  core_->closed.store(true);
  EXPECT_FALSE(it->Valid());
  EXPECT_STATUS(kClosed, it->status());
  it->Next();
  it->SeekToLast();
  EXPECT_FALSE(it->Valid());
}

TEST_F(DbIteratorTest, AnErrorIteratorShowsNothingButItsStatus) {
  auto it = NewErrorIterator(Status::IoError("as told"));
  for (uint64_t action = 0; action < 6; ++action) {
    StepIterator(it.get(), action, "x");
    EXPECT_FALSE(it->Valid());
    EXPECT_STATUS(kIoError, it->status());
  }
}

}  // namespace
}  // namespace logwood
