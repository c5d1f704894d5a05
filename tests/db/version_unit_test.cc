// Versions: what an edit makes of one, which edits do not fit, and which table a key leads to.
#include "db/version.h"

#include <gtest/gtest.h>

#include "tests/db/db_test_support.h"

namespace logwood {
namespace {

using test::MetaOf;
using VersionPtr = std::shared_ptr<const Version>;

Edit Adding(int level, TableMeta meta) {
  Edit edit;
  edit.added.emplace_back(level, std::move(meta));
  return edit;
}

VersionPtr MustApply(const Version& base, const Edit& edit,
                     std::vector<LiveTablePtr>* removed = nullptr) {
  auto next = base.Apply(edit, removed);
  EXPECT_OK(next);
  return next.ok() ? *next : nullptr;
}

TEST(Version, ApplyAddsAndRemovesAndLeavesTheOldOneAlone) {
  const Version empty;
  const VersionPtr one = MustApply(empty, Adding(1, MetaOf(5, "a", "c")));
  const VersionPtr two = MustApply(*one, Adding(1, MetaOf(6, "c", "e")));
  ASSERT_EQ(two->level(1).size(), 2u);
  EXPECT_EQ(two->level(1)[0]->meta()->number, 5u);
  EXPECT_EQ(two->level(1)[1]->meta()->number, 6u);
  EXPECT_EQ(two->level(1)[0], one->level(1)[0]) << "the table was opened anew";

  Edit remove;
  remove.removed = {{1, 5}};
  std::vector<LiveTablePtr> gone;
  const VersionPtr three = MustApply(*two, remove, &gone);
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(gone[0]->meta()->number, 5u);
  EXPECT_EQ(three->level(1).size(), 1u);
  EXPECT_EQ(two->level(1).size(), 2u);
  EXPECT_EQ(one->level(1).size(), 1u);
  EXPECT_EQ(empty.level(1).size(), 0u);
  EXPECT_EQ(three->shape().TableCount(), 1u);
}

TEST(Version, LevelZeroStandsNewestFirst) {
  Edit edit;
  for (uint64_t n : {3, 9, 5}) edit.added.emplace_back(0, MetaOf(n, "a", "z"));
  const VersionPtr version = MustApply(Version(), edit);
  EXPECT_EQ(version->level(0)[0]->meta()->number, 9u);
  EXPECT_EQ(version->level(0)[1]->meta()->number, 5u);
  EXPECT_EQ(version->level(0)[2]->meta()->number, 3u);
}

TEST(Version, AMoveKeepsTheLiveTableAndRemovesNothing) {
  const VersionPtr before = MustApply(Version(), Adding(1, MetaOf(5, "a", "c")));
  Edit move = Adding(2, MetaOf(5, "a", "c"));
  move.removed = {{1, 5}};
  std::vector<LiveTablePtr> gone;
  const VersionPtr after = MustApply(*before, move, &gone);
  EXPECT_TRUE(gone.empty());
  EXPECT_TRUE(after->level(1).empty());
  ASSERT_EQ(after->level(2).size(), 1u);
  EXPECT_EQ(after->level(2)[0], before->level(1)[0]);
}

TEST(Version, ATableThatChangesWhileItMovesIsANewOne) {
  const VersionPtr before = MustApply(Version(), Adding(1, MetaOf(5, "a", "c")));
  TableMeta other = MetaOf(5, "a", "c");
  other.size++;
  Edit move = Adding(2, other);
  move.removed = {{1, 5}};
  std::vector<LiveTablePtr> gone;
  const VersionPtr after = MustApply(*before, move, &gone);
  EXPECT_EQ(gone.size(), 1u);
  EXPECT_NE(after->level(2)[0], before->level(1)[0]);
}

TEST(Version, RemovalOfAnUnknownTableIsRefused) {
  const VersionPtr version = MustApply(Version(), Adding(1, MetaOf(5, "a", "c")));
  for (const auto& [level, number] : {std::pair<int, uint64_t>{1, 6}, {2, 5}, {0, 5}}) {
    Edit edit;
    edit.removed = {{level, number}};
    EXPECT_STATUS(kCorruption, version->Apply(edit, nullptr));
  }
  Edit twice;
  twice.removed = {{1, 5}, {1, 5}};
  EXPECT_STATUS(kCorruption, version->Apply(twice, nullptr));
}

TEST(Version, OverlapIsRefused) {
  const VersionPtr version = MustApply(Version(), Adding(1, MetaOf(5, "c", "f")));
  for (const auto& [begin, end] : {std::pair{"a", "d"}, {"c", "f"}, {"d", "e"}, {"e", "z"}}) {
    EXPECT_STATUS(kCorruption, version->Apply(Adding(1, MetaOf(6, begin, end)), nullptr));
    EXPECT_OK(version->Apply(Adding(2, MetaOf(6, begin, end)), nullptr));
  }
  EXPECT_OK(version->Apply(Adding(1, MetaOf(6, "f", "g")), nullptr));
  EXPECT_OK(version->Apply(Adding(1, MetaOf(6, "a", "c")), nullptr));
}

TEST(Version, OverlapOfPositionsInLevelZeroIsRefused) {
  const VersionPtr version = MustApply(Version(), Adding(0, MetaOf(5, "c", "f")));
  TableMeta mixed = MetaOf(6, "d", "e");
  mixed.min_position = 53;
  EXPECT_STATUS(kCorruption, version->Apply(Adding(0, mixed), nullptr));
  mixed.begin = "f";
  mixed.end = "g";
  EXPECT_OK(version->Apply(Adding(0, mixed), nullptr));
}

// One number, one table: the same file in two places would be read as two.
TEST(Version, ANumberThatIsTakenIsRefused) {
  const VersionPtr version = MustApply(Version(), Adding(1, MetaOf(5, "c", "f")));
  EXPECT_STATUS(kCorruption, version->Apply(Adding(1, MetaOf(5, "x", "z")), nullptr));
  EXPECT_STATUS(kCorruption, version->Apply(Adding(2, MetaOf(5, "c", "f")), nullptr));
}

// Which table's file a Get opens is the table that Find chose: no file exists, so the error names
// it.
std::string TableAsked(const Version& version, TableCache* cache, const std::string& key) {
  PinnedValue value;
  LookupResult result;
  result.value = &value;
  const Status status = version.Get(cache, {key, 0, kPositionMax}, true, &result);
  if (status.ok()) return "";
  const std::string text = status.ToString();
  const size_t at = text.find(".table");
  return at == std::string::npos || at < 6 ? text : text.substr(at - 6, 12);
}

TEST(Version, FindByFencesAgreesWithALinearSearch) {
  auto fs = FileSystem::InMemory();
  ASSERT_OK(fs->CreateDirectory("db"));
  BlockCache blocks(1 << 20);
  TableCounters counters;
  TableCache cache(fs.get(), "db", &blocks, &counters, 100, 1 << 20);
  Random random(11);
  const auto key = [&random] {
    // Short alphabets and long shared prefixes: fences of 8 bytes often say "equal".
    std::string text(random.OneIn(2) ? "prefix__" : "");
    for (uint64_t n = 1 + random.Uniform(6); n > 0; --n) {
      text +=
          "\x00\x01"
          "ab\xff"[random.Uniform(5)];
    }
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> fences;
    for (uint64_t n = 2 + random.Uniform(20); n > 0; --n) fences.push_back(key());
    std::sort(fences.begin(), fences.end());
    fences.erase(std::unique(fences.begin(), fences.end()), fences.end());
    Edit edit;
    uint64_t number = 100;
    for (size_t i = 0; i + 1 < fences.size(); ++i) {
      if (!random.OneIn(3)) edit.added.emplace_back(3, MetaOf(number++, fences[i], fences[i + 1]));
    }
    const VersionPtr version = MustApply(Version(), edit);
    for (int probe = 0; probe < 40; ++probe) {
      const std::string wanted = random.OneIn(2) ? fences[random.Uniform(fences.size())] : key();
      std::string expected;
      for (const auto& [level, meta] : edit.added) {
        if (meta.Contains(wanted)) expected = TableFileName(meta.number);
      }
      ASSERT_EQ(TableAsked(*version, &cache, wanted), expected) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace logwood
