// The keyspaces of a database that is opened: from the tree, and where that is damaged from the
// log, all of them or an answer that says why not.
#include "db/catalogue_load.h"

#include <gtest/gtest.h>

#include "tests/db/catalogue_log.h"
#include "tests/db/core_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using test::CatalogueLog;
using test::HandmadeDatabase;
using test::ShowKeyspaces;

// Segments 3, 4 and 5; each changes the keyspaces.
class CatalogueFromLogTest : public testing::Test {
 protected:
  CatalogueFromLogTest() {
    log_.Begin(3);
    log_.Create("a", 2);  // commit 1
    log_.Create("b", 3);
    log_.Begin(4);
    log_.Put("k");  // 3
    log_.Drop("a", 2);
    log_.Begin(5);
    log_.Create("a", 4);  // 5
    log_.Put("k");
    log_.Drop("b", 3);  // 7
    log_.End();
  }

  Status Read(const std::vector<SegmentSummary>& segments, LogPos last) {
    read_ = std::make_unique<Catalogue>();
    return ReadCatalogueFromLog(log_.fs(), "db", segments, last, read_.get());
  }
  Status Read() { return Read(log_.segments, log_.last()); }
  void ExpectTruth() const {
    EXPECT_EQ(ShowKeyspaces(*read_), ShowKeyspaces(log_.truth()));
    EXPECT_EQ(read_->NextNumber(), log_.truth().NextNumber());
    EXPECT_EQ(read_->position(), log_.truth().position());
  }
  void DamageCatalogue(uint64_t segment) { log_.db().Flip(LogFileName(segment), kCatalogueOffset); }
  static void ExpectDamage(const std::string& place, const Status& status) {
    EXPECT_STATUS(kCorruption, status);
    EXPECT_NE(status.message().find(place), std::string_view::npos) << status.ToString();
  }

  CatalogueLog log_;
  std::unique_ptr<Catalogue> read_;
};

TEST_F(CatalogueFromLogTest, TheNewestSegmentSaysItAll) {
  log_.db().Remove("000003.log");
  log_.db().Remove("000004.log");
  ASSERT_OK(Read());
  ExpectTruth();
  EXPECT_EQ(ShowKeyspaces(*read_), "a=4 | dropped 2 3");
}

TEST_F(CatalogueFromLogTest, CommitsBehindTheLastDoNotCount) {
  ASSERT_OK(Read(log_.segments, 6));
  EXPECT_EQ(ShowKeyspaces(*read_), "a=4 b=3 | dropped 2");
  ASSERT_OK(Read(log_.segments, 4));
  EXPECT_EQ(ShowKeyspaces(*read_), "b=3 | dropped 2");
}

TEST_F(CatalogueFromLogTest, BehindTheLengthThatCountsNothingIsRead) {
  log_.segments.back().last_position = 6;
  log_.segments.back().length = log_.db().records.at(6).end;
  log_.db().DamageCommit(7);
  ASSERT_OK(Read(log_.segments, 6));
  EXPECT_EQ(ShowKeyspaces(*read_), "a=4 b=3 | dropped 2");
}

TEST_F(CatalogueFromLogTest, WhereItIsDamagedTheSegmentsBeforeAndTheirCommitsSayIt) {
  DamageCatalogue(5);
  ASSERT_OK(Read());
  ExpectTruth();
  DamageCatalogue(4);
  ASSERT_OK(Read());
  ExpectTruth();
}

TEST_F(CatalogueFromLogTest, EachFailedReadIsTheAnswerWhicheverSegmentItIsOf) {
  DamageCatalogue(4);
  DamageCatalogue(5);
  FaultyFileSystem files(log_.fs());
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n, ++failures) {
    ASSERT_LT(n, 100u);
    files.FailOperation(n);
    Catalogue read;
    const Status status = ReadCatalogueFromLog(&files, "db", log_.segments, log_.last(), &read);
    if (status.ok()) {
      EXPECT_EQ(ShowKeyspaces(read), ShowKeyspaces(log_.truth()));
      break;
    }
    EXPECT_STATUS(kIoError, status);
  }
  EXPECT_GT(failures, 6u) << "three segments, each opened and read";
}

TEST_F(CatalogueFromLogTest, ADamagedCommitThatMayMatterIsNotPassedOver) {
  log_.db().DamageCommit(6);
  ExpectDamage("000005.log:" + std::to_string(log_.db().records.at(6).begin), Read());
  ASSERT_OK(Read(log_.segments, 5)) << "it lies behind the last";
}

TEST_F(CatalogueFromLogTest, ADamagedCommitBeforeAReadableCatalogueDoesNotMatter) {
  log_.db().DamageCommit(2);
  log_.db().DamageCommit(4);
  ASSERT_OK(Read());
  ExpectTruth();
}

TEST_F(CatalogueFromLogTest, CommitsThatAreGoneAreNotPassedOver) {
  log_.segments.back().last_position = 8;
  ExpectDamage("000005.log:", Read(log_.segments, 8));
}

// A log that ends before what is asked for, as an older copy of it does.
TEST_F(CatalogueFromLogTest, ALogThatDoesNotReachTheLastSaysNothing) {
  ExpectDamage("000005.log:", Read(log_.segments, 8));
  log_.segments.pop_back();
  ExpectDamage("000004.log:", Read());
  ASSERT_OK(Read(log_.segments, 4));
  EXPECT_EQ(ShowKeyspaces(*read_), "b=3 | dropped 2");
}

TEST_F(CatalogueFromLogTest, ASegmentWithoutCommitsThatBeginsBehindTheLastSaysItAll) {
  log_.Begin(6);
  log_.End();
  for (const char* name : {"000003.log", "000004.log", "000005.log"}) log_.db().Remove(name);
  ASSERT_OK(Read());
  ExpectTruth();
}

TEST_F(CatalogueFromLogTest, ASegmentThatIsGoneIsNotPassedOver) {
  DamageCatalogue(5);
  log_.segments.erase(log_.segments.begin() + 1);
  ExpectDamage("000005.log:0: ", Read());
}

TEST_F(CatalogueFromLogTest, WithoutAReadableCatalogueALogFileIsNamed) {
  DamageCatalogue(5);
  DamageCatalogue(4);
  log_.db().Remove("000003.log");
  const Status status = Read();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("000003.log"), std::string_view::npos) << status.ToString();
}

TEST_F(CatalogueFromLogTest, WithoutASegmentThereIsNone) { ExpectDamage("db: ", Read({}, 0)); }

// The same keyspaces in tables: an older one, in which "a" is still there, and one above it.
class LoadCatalogueTest : public CatalogueFromLogTest {
 protected:
  LoadCatalogueTest() {
    using Row = HandmadeDatabase::Row;
    const auto row = [](const std::string& key, LogPos position, const std::string& value,
                        EntryKind kind = EntryKind::kPut) {
      return Row{key, position, value, kind, kCatalogueKeyspace};
    };
    const std::string d2("d\0\0\0\2", 5), d3("d\0\0\0\3", 5);
    Edit edit;
    edit.added.emplace_back(6, log_.db().AddTable(10, {row("ka", 1, "\2"), row("kb", 2, "\3")}));
    edit.added.emplace_back(
        0, log_.db().AddTable(11, {row(d2, 4, "a"), row(d3, 7, "b"), row("ka", 5, "\4"),
                                   row("kb", 7, "", EntryKind::kDelete)}));
    auto version = Version().Apply(edit, nullptr);
    EXPECT_OK(version);
    view_ = View{std::make_shared<Memtable>(), {}, *version};
  }
  Status Load() {
    core_ = test::NewCore(&files_, std::make_unique<test::ManualExecutor>());
    return LoadCatalogue(core_.get(), view_, log_.segments, log_.last(), &damage_);
  }
  void DamageTable(uint64_t number) { log_.db().Flip(TableFileName(number), 70); }

  FaultyFileSystem files_{log_.fs()};
  View view_;
  std::shared_ptr<Core> core_;
  Status damage_ = Status::Corruption("from before");
};

TEST_F(LoadCatalogueTest, AWholeTreeNeedsNoLog) {
  log_.segments.clear();
  ASSERT_OK(Load());
  EXPECT_OK(damage_);
  EXPECT_EQ(ShowKeyspaces(core_->catalogue), "a=4 | dropped 2 3");
}

TEST_F(LoadCatalogueTest, WhereATableIsDamagedTheLogSaysItAndTheDamageIsTold) {
  for (const uint64_t number : {10, 11}) {
    DamageTable(number);
    ASSERT_OK(Load());
    ExpectDamage(TableFileName(number) + ":", damage_);
    EXPECT_EQ(ShowKeyspaces(core_->catalogue), "a=4 | dropped 2 3");
    for (const uint32_t dropped : {2, 3}) EXPECT_FALSE(core_->catalogue.Live(dropped));
    DamageTable(number);  // whole again
  }
}

TEST_F(LoadCatalogueTest, WhereNeitherHasItBothAreNamed) {
  DamageTable(11);
  log_.db().DamageCommit(6);
  const Status status = Load();
  ExpectDamage("000011.table:", status);
  ExpectDamage("000005.log:", status);
  EXPECT_STATUS(kCorruption, damage_);
}

TEST_F(LoadCatalogueTest, AFailedReadIsNoDamage) {
  files_.SetFault([](FileOp, const std::string& path) {
    return path.ends_with(".table") ? Status::IoError("injected") : Status::Ok();
  });
  EXPECT_STATUS(kIoError, Load());
}

TEST_F(LoadCatalogueTest, AFailedReadOfTheLogIsNoDamageEither) {
  DamageTable(11);
  log_.db().Remove("000003.log");
  files_.SetFault([](FileOp, const std::string& path) {
    return path.ends_with(".log") ? Status::IoError("injected") : Status::Ok();
  });
  EXPECT_STATUS(kIoError, Load());
  files_.SetFault({});
  ASSERT_OK(Load());
  EXPECT_EQ(ShowKeyspaces(core_->catalogue), "a=4 | dropped 2 3");
}

}  // namespace
}  // namespace logwood
