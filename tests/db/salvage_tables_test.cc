// What the tables still hold, and what of them is lost.
#include "db/salvage_tables.h"
#include "tests/db/handmade_database.h"
#include "tests/db/salvage_shown.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using test::Drain;
using test::HandmadeDatabase;
using test::IgnoreBytes;
using test::SalvageStreams;
using test::ShowKeyspaces;
using test::StoredKey;
using Shown = std::vector<std::string>;

// Table 10 holds keys k100 to k159, table 11 holds m100 to m159; positions are those of the digits.
class SalvageTablesTest : public testing::Test {
 protected:
  SalvageTablesTest() {
    options_.fs = db_.fs();
    options_.source = "db";
    Add(10, RowsOf("k"));
    Add(11, RowsOf("m"));
  }
  static std::vector<HandmadeDatabase::Row> RowsOf(const std::string& prefix) {
    std::vector<HandmadeDatabase::Row> rows;
    for (LogPos p = 100; p < 160; ++p) {
      rows.push_back({prefix + std::to_string(p), p, std::string(40, 'v')});
    }
    return rows;
  }
  static Shown Wanted(const std::vector<std::string>& prefixes) {
    Shown shown;
    for (const std::string& prefix : prefixes) {
      for (LogPos p = 100; p < 160; ++p) {
        shown.push_back(prefix + std::to_string(p) + "@" + std::to_string(p) + "=" +
                        std::string(40, 'v'));
      }
    }
    return shown;
  }
  void Add(uint64_t number, const std::vector<HandmadeDatabase::Row>& rows, bool known = true) {
    const TableMeta meta = db_.AddTable(number, rows);
    inventory_.listing.tables.push_back(number);
    if (known) {
      inventory_.tables.emplace_back(0, meta);
    } else {
      inventory_.unknown_tables.push_back(number);
    }
    file_bytes_ += meta.size;
  }
  // What was found is looked at in tables_, its entries returned.
  Shown Survey() {
    tables_ = std::make_unique<SalvageTables>(options_, inventory_);
    EXPECT_OK(tables_->Survey(&parts_, [this](uint64_t bytes) { bytes_ += bytes; }));
    streams_.clear();
    tables_->AddStreams(
        IgnoreBytes, [](const SalvageTables::Loss&) {}, &streams_);
    return Drain(streams_);
  }
  const SalvageTables::Loss& loss(size_t at) const { return tables_->losses().at(at); }
  void ExpectLostKeys(const SalvageTables::Loss& loss, const std::string& first,
                      const std::string& last) {
    EXPECT_TRUE(loss.entries);
    EXPECT_EQ(loss.keys.first, StoredKey(first));
    EXPECT_EQ(loss.keys.last, StoredKey(last));
  }

  HandmadeDatabase db_;
  SalvageOptions options_;
  Inventory inventory_;
  SalvageCatalogue parts_;
  std::unique_ptr<SalvageTables> tables_;
  SalvageStreams streams_;
  uint64_t bytes_ = 0, file_bytes_ = 0;
};

TEST_F(SalvageTablesTest, WholeTablesAreReadWithoutALossInAsFewStreamsAsThereCanBe) {
  EXPECT_EQ(Survey(), Wanted({"k", "m"}));
  EXPECT_TRUE(tables_->losses().empty());
  EXPECT_EQ(tables_->tables(), 2u);
  EXPECT_EQ(tables_->record_bytes_max(), StoredKey("k100").size() + 40);
  EXPECT_EQ(bytes_, file_bytes_);
  EXPECT_EQ(streams_.size(), 1u);
  Add(12, {{"l", 500, "between"}, {"m159", 501, "over"}});
  EXPECT_EQ(Survey().size(), 122u);
  EXPECT_EQ(streams_.size(), 2u);
}

TEST_F(SalvageTablesTest, OfAMissingTableAllKeysAndPositionsAreLost) {
  db_.Remove(TableFileName(10));
  EXPECT_EQ(Survey(), Wanted({"m"}));
  EXPECT_EQ(tables_->tables(), 1u);
  ASSERT_EQ(tables_->losses().size(), 1u);
  ExpectLostKeys(loss(0), "k100", "k159");
  EXPECT_EQ(loss(0).loss.damage.file, TableFileName(10));
  EXPECT_EQ(loss(0).loss.damage.what, "the table is missing");
  EXPECT_EQ(loss(0).first_position, 100u);
  EXPECT_EQ(loss(0).last_position, 159u);
}

TEST_F(SalvageTablesTest, ADamagedBlockCostsItsOwnKeysAndNoOthers) {
  const uint64_t at = inventory_.tables[0].second.size / 3;
  db_.Flip(TableFileName(10), at);
  const Shown found = Survey();
  ASSERT_EQ(tables_->losses().size(), 1u);
  EXPECT_TRUE(loss(0).entries);
  EXPECT_LE(loss(0).loss.damage.offset, at);
  EXPECT_GT(loss(0).loss.end, at);
  EXPECT_LT(found.size(), 120u);
  EXPECT_GT(found.size(), 100u);
  for (const std::string& entry : Wanted({"k", "m"})) {
    if (std::binary_search(found.begin(), found.end(), entry)) continue;
    EXPECT_TRUE(loss(0).keys.Contain(StoredKey(entry.substr(0, 4)))) << entry;
  }
  EXPECT_FALSE(loss(0).keys.Contain(StoredKey("k100")));
  EXPECT_FALSE(loss(0).keys.Contain(StoredKey("k159")));
}

TEST_F(SalvageTablesTest, SwappedFilesAreFoundUnderEachOthersName) {
  db_.Swap(TableFileName(10), TableFileName(11));
  EXPECT_EQ(Survey(), Wanted({"k", "m"}));
  ASSERT_EQ(tables_->losses().size(), 2u);
  EXPECT_FALSE(loss(0).entries);
  EXPECT_EQ(loss(0).loss.damage.file, TableFileName(10));
  EXPECT_NE(loss(0).loss.damage.what.find(TableFileName(11)), std::string::npos);
  EXPECT_FALSE(loss(1).entries);
}

TEST_F(SalvageTablesTest, AFileOfWhichNothingCanBeVerifiedIsLostAsAWhole) {
  db_.Replace(TableFileName(10), std::string(5000, 'x'));
  EXPECT_EQ(Survey(), Wanted({"m"}));
  Shown lost;
  for (const SalvageTables::Loss& loss : tables_->losses()) {
    if (!loss.entries) continue;  // header and footer are told apart
    ExpectLostKeys(loss, "k100", "k159");
    lost.push_back(loss.loss.damage.file);
  }
  EXPECT_EQ(lost, Shown{TableFileName(10)});
  db_.Replace(TableFileName(11), "");
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_EQ(tables_->tables(), 0u);
  EXPECT_TRUE(streams_.empty());
}

TEST_F(SalvageTablesTest, ATableOfWhichNoEditSpeaksCountsAsItsFileSays) {
  Add(12, RowsOf("n"), /*known=*/false);
  EXPECT_EQ(Survey(), Wanted({"k", "m", "n"}));
  EXPECT_TRUE(tables_->losses().empty());
  EXPECT_EQ(bytes_, file_bytes_);
  db_.Flip(TableFileName(12), db_.Bytes(TableFileName(12)).size() / 3);
  Survey();
  ASSERT_EQ(tables_->losses().size(), 1u);
  EXPECT_EQ(loss(0).first_position, 100u);
  EXPECT_EQ(loss(0).last_position, 159u);
  db_.Replace(TableFileName(12), "noise");
  EXPECT_EQ(Survey(), Wanted({"k", "m"}));
  ASSERT_EQ(tables_->losses().size(), 1u);
  EXPECT_FALSE(loss(0).keys.first.has_value());
  EXPECT_FALSE(loss(0).keys.last.has_value());
}

TEST_F(SalvageTablesTest, WherePositionsWereDroppedAnyCommitMayBeConcerned) {
  Add(12, {{"x", 0, "v"}, {"y", 9, "v"}});
  db_.Remove(TableFileName(12));
  Survey();
  ASSERT_EQ(tables_->losses().size(), 1u);
  EXPECT_EQ(loss(0).first_position, 0u);
  EXPECT_FALSE(loss(0).last_position.has_value());
}

TEST_F(SalvageTablesTest, TheKeyspacesThatATableHoldsAreNoted) {
  Add(12, {{"kusers", 5, "\x02", EntryKind::kPut, kCatalogueKeyspace}, {"x", 6, "v"}});
  Survey();
  EXPECT_EQ(ShowKeyspaces(parts_), "users=2 ");
}

TEST_F(SalvageTablesTest, AFailedOperationIsNoDamage) {
  FaultyFileSystem faulty(db_.fs());
  SalvageOptions options = options_;
  options.fs = &faulty;
  for (const bool swapped : {false, true}) {
    if (swapped) db_.Swap(TableFileName(10), TableFileName(11));
    uint64_t failures = 0;
    for (uint64_t n = 1;; ++n, ++failures) {
      faulty.ResetCounts();
      faulty.FailOperation(n);
      SalvageTables tables(options, inventory_);
      const Status status = tables.Survey(&parts_, IgnoreBytes);
      if (faulty.total() < n) break;
      EXPECT_STATUS(kIoError, status) << n;
      for (const SalvageTables::Loss& loss : tables.losses()) EXPECT_FALSE(loss.entries) << n;
    }
    EXPECT_GT(failures, 5u);
  }
}

}  // namespace
}  // namespace logwood
