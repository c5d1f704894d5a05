// The names in a database directory: what is ours, and what is never touched.
#include "db/file_names.h"

#include <gtest/gtest.h>

#include "table/table_meta.h"
#include "wal/segments.h"

namespace logwood {
namespace {

void ExpectIs(std::string_view name, NameKind kind, uint64_t number) {
  auto parsed = ParseFileName(name);
  ASSERT_TRUE(parsed.has_value()) << name;
  EXPECT_EQ(parsed->kind, kind) << name;
  EXPECT_EQ(parsed->number, number) << name;
}

TEST(FileNames, EachKindIsRecognised) {
  ExpectIs("ROOT", NameKind::kRoot, 0);
  ExpectIs("ROOT.new", NameKind::kRootNew, 0);
  ExpectIs("LOCK", NameKind::kLock, 0);
  ExpectIs("EVENTS", NameKind::kEvents, 0);
  ExpectIs("EVENTS.old", NameKind::kEvents, 0);
}

TEST(FileNames, NumbersSurviveTheRoundTrip) {
  for (uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{12}, uint64_t{999'999},
                          uint64_t{1'000'000}, uint64_t{123'456'789'012}}) {
    ExpectIs(LogFileName(number), NameKind::kLog, number);
    ExpectIs(TableFileName(number), NameKind::kTable, number);
    ExpectIs(ManifestFileName(number), NameKind::kManifest, number);
  }
}

TEST(FileNames, ForeignNamesAreNotOurs) {
  for (std::string_view name : {"",
                                ".",
                                "root",
                                "ROOT.old",
                                "ROOT.new2",
                                "LOCK~",
                                "EVENTS.1",
                                "12.log",
                                "00012.log",
                                "000012.LOG",
                                "000012.log.bak",
                                "000012.logs",
                                "x00012.log",
                                "00001x.log",
                                ".log",
                                "-00012.table",
                                "+00012.table",
                                " 00012.table",
                                "000012",
                                "000012.manifest ",
                                "notes.txt"}) {
    EXPECT_FALSE(ParseFileName(name).has_value()) << name;
  }
}

// Two names for one number would make one file count twice, and the other never be found.
TEST(FileNames, OnlyTheSpellingThatIsWrittenCounts) {
  for (std::string_view name : {"0000012.log", "00000000012.table", "0000012.manifest"}) {
    EXPECT_FALSE(ParseFileName(name).has_value()) << name;
  }
}

// The next file's number is one more than the largest there is: it must not wrap around.
TEST(FileNames, NumbersNobodyEverGaveAreNotOurs) {
  for (std::string_view name : {"18446744073709551615.log", "18446744073709551616.log",
                                "99999999999999999999999.table", "18446744073709551614.manifest"}) {
    EXPECT_FALSE(ParseFileName(name).has_value()) << name;
  }
}

TEST(FileNames, PathsAreJoinedWithOneSlash) {
  EXPECT_EQ(JoinPath("/a/b", "ROOT"), "/a/b/ROOT");
  EXPECT_EQ(JoinPath("/a/b/", "ROOT"), "/a/b/ROOT");
  EXPECT_EQ(JoinPath("", "ROOT"), "ROOT");
}

}  // namespace
}  // namespace logwood
