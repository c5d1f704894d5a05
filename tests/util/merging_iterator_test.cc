#include "util/merging_iterator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

struct Item {
  std::string key;
  uint64_t trailer = 0;
  std::string value;
};

bool Less(const Item& a, const Item& b) {
  return CompareInternal(a.key, a.trailer, b.key, b.trailer) < 0;
}

// A child over a sorted vector; may fail when it is asked to show its n-th entry (n >= 0). Copies
// its entry into buffers that the next movement overwrites, as a block iterator does.
class VectorIterator final : public InternalIterator {
 public:
  explicit VectorIterator(std::vector<Item> items, int fails_at = -1)
      : items_(std::move(items)), fails_at_(fails_at) {}

  void SeekToFirst() override { Show(0); }
  void SeekToLast() override { Show(static_cast<int>(items_.size()) - 1); }
  void Seek(std::string_view key, uint64_t trailer) override {
    const Item target{std::string(key), trailer, ""};
    Show(static_cast<int>(std::lower_bound(items_.begin(), items_.end(), target, Less) -
                          items_.begin()));
  }
  void SeekForPrev(std::string_view key, uint64_t trailer) override {
    const Item target{std::string(key), trailer, ""};
    Show(static_cast<int>(std::upper_bound(items_.begin(), items_.end(), target, Less) -
                          items_.begin()) -
         1);
  }
  void Next() override {
    ASSERT_TRUE(valid_);
    Show(at_ + 1);
  }
  void Prev() override {
    ASSERT_TRUE(valid_);
    Show(at_ - 1);
  }
  Status status() const override { return status_; }
  std::shared_ptr<const void> value_owner() const override { return owner_; }

 private:
  void Show(int at) {
    at_ = at;
    status_ = Status::Ok();
    if (at == fails_at_ && fails_at_ >= 0)
      status_ = Status::Corruption("000007.table:42: injected");
    valid_ = status_.ok() && at >= 0 && at < static_cast<int>(items_.size());
    key_.assign(valid_ ? items_[static_cast<size_t>(at)].key : "moved away");
    value_.assign(valid_ ? items_[static_cast<size_t>(at)].value : "moved away");
    entry_ = {key_, valid_ ? items_[static_cast<size_t>(at)].trailer : 0, value_};
  }

  const std::vector<Item> items_;
  const int fails_at_;
  int at_ = 0;
  std::string key_, value_;
  Status status_;
  std::shared_ptr<const void> owner_ = std::make_shared<int>(0);
};

using Children = std::vector<std::unique_ptr<InternalIterator>>;

std::string RandomShortKey(Random* random) {
  // Often equal heads of 8 bytes, short keys, and zero bytes at the end: all that the head alone
  // cannot decide.
  std::string key = random->OneIn(2) ? "commonhead" : "";
  const size_t size = random->Uniform(5);
  for (size_t i = 0; i < size; ++i) key.push_back("\x00\x01\x7f\xff"[random->Uniform(4)]);
  return key;
}

// Sorted items, unique in (key, position), and the same spread over `children` children.
std::vector<Item> Spread(Random* random, size_t items, size_t children,
                         std::vector<std::vector<Item>>* parts) {
  std::vector<Item> all;
  for (uint64_t position = 1; position <= items; ++position) {
    const EntryKind kind = random->OneIn(5) ? EntryKind::kDelete : EntryKind::kPut;
    all.push_back(
        {RandomShortKey(random), PackTrailer(position, kind), "v" + std::to_string(position)});
  }
  std::sort(all.begin(), all.end(), Less);
  parts->assign(children, {});
  size_t child = 0;
  for (const Item& item : all) {
    if (random->OneIn(3)) child = random->Uniform(children);  // runs from one child
    (*parts)[child].push_back(item);
  }
  return all;
}

// Walks a merge and a sorted vector side by side.
class SideBySide {
 public:
  SideBySide(std::vector<Item> all, std::unique_ptr<InternalIterator> merged)
      : all_(std::move(all)), merged_(std::move(merged)) {}

  void Step(Random* random) {
    switch (random->Uniform(12)) {
      case 0:
        merged_->SeekToFirst();
        at_ = 0;
        break;
      case 1:
        merged_->SeekToLast();
        at_ = static_cast<int>(all_.size()) - 1;
        break;
      case 2:
      case 3: {
        const Item target = Target(random);
        merged_->Seek(target.key, target.trailer);
        at_ = static_cast<int>(std::lower_bound(all_.begin(), all_.end(), target, Less) -
                               all_.begin());
        break;
      }
      case 4:
      case 5: {
        const Item target = Target(random);
        merged_->SeekForPrev(target.key, target.trailer);
        at_ = static_cast<int>(std::upper_bound(all_.begin(), all_.end(), target, Less) -
                               all_.begin()) -
              1;
        break;
      }
      case 6:
        forward_ = !forward_;
        break;
      default:
        if (!merged_->Valid()) break;
        if (forward_) {
          merged_->Next();
          ++at_;
        } else {
          merged_->Prev();
          --at_;
        }
    }
  }

  void Check() const {
    const bool valid = at_ >= 0 && at_ < static_cast<int>(all_.size());
    ASSERT_EQ(merged_->Valid(), valid);
    ASSERT_TRUE(merged_->status().ok());
    if (!valid) return;
    const Item& expected = all_[static_cast<size_t>(at_)];
    ASSERT_EQ(merged_->entry().key, expected.key);
    ASSERT_EQ(merged_->entry().trailer, expected.trailer);
    ASSERT_EQ(merged_->entry().value, expected.value);
    ASSERT_NE(merged_->value_owner(), nullptr);
  }

 private:
  Item Target(Random* random) const {
    if (!all_.empty() && random->OneIn(2)) {
      return all_[random->Uniform(all_.size())];
    }
    return {RandomShortKey(random), SeekTrailer(random->Uniform(all_.size() + 2)), ""};
  }

  const std::vector<Item> all_;
  const std::unique_ptr<InternalIterator> merged_;
  int at_ = -1;
  bool forward_ = true;
};

TEST(MergingIterator, WalksLikeOneSortedVectorInBothDirections) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    std::vector<std::vector<Item>> parts;
    std::vector<Item> all = Spread(&random, random.Uniform(200), 1 + random.Uniform(9), &parts);
    Children children;
    for (auto& part : parts) children.push_back(std::make_unique<VectorIterator>(std::move(part)));
    SideBySide walk(std::move(all), NewMergingIterator(std::move(children)));
    for (int step = 0; step < 400; ++step) {
      walk.Step(&random);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
      ASSERT_NO_FATAL_FAILURE(walk.Check());
    }
  }
}

TEST(MergingIterator, FullScanShowsEveryEntryOnceInEitherDirection) {
  Random random(311);
  std::vector<std::vector<Item>> parts;
  const std::vector<Item> all = Spread(&random, 5000, 7, &parts);
  Children children;
  for (auto& part : parts) children.push_back(std::make_unique<VectorIterator>(std::move(part)));
  const auto merged = NewMergingIterator(std::move(children));
  size_t seen = 0;
  for (merged->SeekToFirst(); merged->Valid(); merged->Next()) {
    ASSERT_EQ(merged->entry().trailer, all[seen++].trailer);
  }
  EXPECT_EQ(seen, all.size());
  for (merged->SeekToLast(); merged->Valid(); merged->Prev()) {
    ASSERT_EQ(merged->entry().trailer, all[--seen].trailer);
  }
  EXPECT_EQ(seen, 0U);
}

TEST(MergingIterator, OfNoChildrenIsEmptyAndOfOneIsThatOne) {
  const auto none = NewMergingIterator({});
  none->SeekToFirst();
  EXPECT_FALSE(none->Valid());
  EXPECT_TRUE(none->status().ok());
  Children one;
  one.push_back(std::make_unique<VectorIterator>(std::vector<Item>{}));
  const InternalIterator* const only = one[0].get();
  EXPECT_EQ(NewMergingIterator(std::move(one)).get(), only);
}

std::vector<Item> Letters(std::string_view letters) {
  std::vector<Item> items;
  for (const char letter : letters) {
    items.push_back({std::string(1, letter), PackTrailer(1, EntryKind::kPut), "v"});
  }
  return items;
}

std::unique_ptr<InternalIterator> MergeWithFailure(int fails_at) {
  Children children;
  children.push_back(std::make_unique<VectorIterator>(Letters("adg")));
  children.push_back(std::make_unique<VectorIterator>(Letters("beh"), fails_at));
  children.push_back(std::make_unique<VectorIterator>(Letters("cfi")));
  return NewMergingIterator(std::move(children));
}

TEST(MergingIterator, ErrorOfAChildWhileSeekingEndsTheMerge) {
  const auto merged = MergeWithFailure(0);
  merged->SeekToFirst();
  EXPECT_FALSE(merged->Valid());
  EXPECT_TRUE(merged->status().Is(StatusCode::kCorruption));
  EXPECT_EQ(merged->value_owner(), nullptr);
}

TEST(MergingIterator, ErrorOfAChildWhileMovingEndsTheMergeBeforeWrongEntriesShow) {
  const auto merged = MergeWithFailure(1);
  std::string seen;
  for (merged->SeekToFirst(); merged->Valid(); merged->Next()) seen += merged->entry().key;
  EXPECT_EQ(seen, "ab");
  EXPECT_TRUE(merged->status().Is(StatusCode::kCorruption));
}

TEST(MergingIterator, ErrorOfAChildWhileTurningEndsTheMerge) {
  const auto merged = MergeWithFailure(0);
  merged->Seek("d", SeekTrailer(kPositionMax));
  ASSERT_TRUE(merged->Valid());
  merged->Prev();  // 'c' is before 'd', but the child of 'b' must turn, too
  EXPECT_FALSE(merged->Valid());
  EXPECT_TRUE(merged->status().Is(StatusCode::kCorruption));
}

TEST(MergingIterator, SeekAfterAnErrorStartsAfresh) {
  const auto merged = MergeWithFailure(0);
  merged->SeekToFirst();
  ASSERT_FALSE(merged->status().ok());
  merged->Seek("d", SeekTrailer(kPositionMax));
  ASSERT_TRUE(merged->Valid());
  EXPECT_TRUE(merged->status().ok());
  EXPECT_EQ(merged->entry().key, "d");
}

TEST(MergingIterator, EntryThatTwoDamagedChildrenHoldLosesNoOtherOnATurn) {
  Children children;
  children.push_back(std::make_unique<VectorIterator>(Letters("abc")));
  children.push_back(std::make_unique<VectorIterator>(Letters("bd")));
  const auto merged = NewMergingIterator(std::move(children));
  merged->Seek("b", SeekTrailer(kPositionMax));
  std::string seen;
  for (merged->Prev(); merged->Valid(); merged->Prev()) seen += merged->entry().key;
  EXPECT_EQ(seen.back(), 'a');
  merged->SeekForPrev("b", 0);
  for (seen.clear(); merged->Valid(); merged->Next()) seen += merged->entry().key;
  EXPECT_TRUE(seen.ends_with("cd")) << seen;
}

TEST(EmptyIterator, KeepsItsStatusThroughSeeks) {
  const auto empty = NewEmptyIterator(Status::Closed("database"));
  empty->Seek("a", 0);
  EXPECT_FALSE(empty->Valid());
  EXPECT_TRUE(empty->status().Is(StatusCode::kClosed));
}

}  // namespace
}  // namespace logwood
