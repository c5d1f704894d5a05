// The parts of salvage, each by itself: the merge of what was read, the keyspaces put together,
// what log and tables still hold, and the database that is written.
#include <functional>
#include <set>
#include <tuple>

#include "db/salvage_catalogue.h"
#include "db/salvage_log.h"
#include "db/salvage_merge.h"
#include "db/salvage_tables.h"
#include "db/salvage_target.h"
#include "tests/db/handmade_database.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;
using test::StoredKey;
using Shown = std::vector<std::string>;
using Streams = std::vector<std::unique_ptr<SalvageStream>>;

// "key@position=value", "key@position-" for a tombstone; keys of the default keyspace without it.
std::string ShowEntry(const Entry& entry) {
  std::string key(entry.key);
  if (key.starts_with(KeyspacePrefix(kDefaultKeyspace))) key.erase(0, 1);
  key += "@" + std::to_string(entry.position());
  return entry.kind() == EntryKind::kDelete ? key + "-" : key + "=" + std::string(entry.value);
}

// All that the streams hold, not merged.
Shown Drain(const Streams& streams) {
  Shown shown;
  for (const auto& stream : streams) {
    while (stream->Next()) shown.push_back(ShowEntry(stream->entry()));
    EXPECT_OK(stream->status());
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

void IgnoreBytes(uint64_t) {}
void IgnoreLoss(const SalvageLoss&) {}

// ---- Merge

struct ListedEntry {
  std::string key;
  LogPos position = 0;
  std::string value;
};

class ListedStream final : public SalvageStream {
 public:
  ListedStream(uint64_t rank, std::vector<ListedEntry> entries, Status end = Status::Ok())
      : rank_(rank), entries_(std::move(entries)), end_(std::move(end)) {}
  bool Next() override {
    ended_ = next_ == entries_.size();
    if (ended_) return false;
    const ListedEntry& listed = entries_[next_++];
    entry_ = {listed.key, PackTrailer(listed.position, EntryKind::kPut), listed.value};
    return true;
  }
  const Entry& entry() const override { return entry_; }
  uint64_t rank() const override { return rank_; }
  Status status() const override { return ended_ ? end_ : Status::Ok(); }

 private:
  const uint64_t rank_;
  const std::vector<ListedEntry> entries_;
  const Status end_;
  size_t next_ = 0;
  bool ended_ = false;
  Entry entry_;
};

Shown MergedOf(const Streams& streams) {
  Shown shown;
  EXPECT_OK(MergeNewest(streams, [&](const Entry& entry) {
    shown.push_back(ShowEntry(entry));
    return Status::Ok();
  }));
  return shown;
}

TEST(SalvageMergeTest, OfEachKeyTheNewestEntryIsVisitedInKeyOrder) {
  Streams streams;
  streams.push_back(std::make_unique<ListedStream>(
      1, std::vector<ListedEntry>{{"", 4, "e"}, {"b", 9, "b9"}, {"b", 2, "b2"}, {"d", 1, "d1"}}));
  streams.push_back(std::make_unique<ListedStream>(2, std::vector<ListedEntry>{}));
  streams.push_back(std::make_unique<ListedStream>(
      3, std::vector<ListedEntry>{{"a", 3, "a3"}, {"b", 5, "b5"}, {"d", 7, "d7"}}));
  EXPECT_EQ(MergedOf(streams), (Shown{"@4=e", "a@3=a3", "b@9=b9", "d@7=d7"}));
  EXPECT_EQ(MergedOf({}), Shown{});
}

TEST(SalvageMergeTest, OfEquallyOldEntriesThatOfTheHigherRankCounts) {
  for (const bool higher_first : {false, true}) {
    Streams streams;
    for (const uint64_t rank : {higher_first ? 8u : 7u, higher_first ? 7u : 8u}) {
      streams.push_back(std::make_unique<ListedStream>(
          rank, std::vector<ListedEntry>{{"a", 0, "of " + std::to_string(rank)}}));
    }
    streams.push_back(
        std::make_unique<ListedStream>(9, std::vector<ListedEntry>{{"b", 0, "of 9"}}));
    EXPECT_EQ(MergedOf(streams), (Shown{"a@0=of 8", "b@0=of 9"}));
  }
}

TEST(SalvageMergeTest, AFailedStreamOrVisitEndsIt) {
  for (const size_t entries : {0, 1}) {
    Streams streams;
    streams.push_back(std::make_unique<ListedStream>(
        1, std::vector<ListedEntry>(entries, {"a", 1, "x"}), Status::IoError("by order")));
    streams.push_back(
        std::make_unique<ListedStream>(2, std::vector<ListedEntry>{{"b", 1, ""}, {"c", 1, ""}}));
    const Status failed = MergeNewest(streams, [](const Entry&) { return Status::Ok(); });
    EXPECT_STATUS(kIoError, failed);
  }
  Streams streams;
  streams.push_back(
      std::make_unique<ListedStream>(2, std::vector<ListedEntry>{{"b", 1, ""}, {"c", 1, ""}}));
  int visits = 0;
  EXPECT_STATUS(kCancelled, MergeNewest(streams, [&](const Entry&) {
                  ++visits;
                  return Status::Cancelled("by order");
                }));
  EXPECT_EQ(visits, 1);
}

TEST(SalvageMergeTest, TablesAreGroupedIntoAsFewRowsWithoutOverlapAsCanBe) {
  EXPECT_TRUE(GroupTables({}).empty());
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::vector<SalvageTable> tables(random.Uniform(12) + 1);
    for (SalvageTable& table : tables) {
      const uint64_t begin = random.Uniform(20);
      table.number = static_cast<uint64_t>(&table - tables.data()) + 1;
      table.smallest = std::string(1, static_cast<char>('a' + begin));
      table.largest = std::string(1, static_cast<char>('a' + begin + random.Uniform(5)));
    }
    size_t deepest = 0;  // as many hold one key: no fewer rows can do
    for (char key = 'a'; key < 'a' + 25; ++key) {
      deepest = std::max<size_t>(
          deepest, static_cast<size_t>(std::count_if(
                       tables.begin(), tables.end(), [key](const SalvageTable& table) {
                         return table.smallest[0] <= key && key <= table.largest[0];
                       })));
    }
    const auto rows = GroupTables(tables);
    EXPECT_EQ(rows.size(), deepest) << seed;
    std::set<uint64_t> seen;
    for (const auto& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        EXPECT_TRUE(seen.insert(row[i].number).second);
        EXPECT_TRUE(i == 0 || row[i - 1].largest < row[i].smallest) << seed;
      }
    }
    EXPECT_EQ(seen.size(), tables.size());
  }
}

TEST(SalvageMergeTest, AStreamOfTablesGoesFromOneToTheNextAndTellsTheBytesRead) {
  HandmadeDatabase db;
  std::vector<SalvageTable> tables(2);
  tables[0].meta = db.AddTable(30, {{"a", 1, "x"}, {"b", 2, "y"}});
  tables[1].meta = db.AddTable(20, {{"c", 3, "", EntryKind::kDelete}});
  for (SalvageTable& table : tables) {
    table.number = table.meta->number;
    table.path = db.Path(TableFileName(table.number));
    table.smallest = StoredKey("a");
    table.largest = StoredKey("c");
  }
  uint64_t bytes = 0;
  const auto stream = NewTableStream(
      db.fs(), tables, [&](const SalvageTable&, const DamagedTable* table, const Status&) {
        bytes += table->bytes_read();
      });
  Shown shown;
  std::vector<uint64_t> ranks;
  while (stream->Next()) {
    shown.push_back(ShowEntry(stream->entry()));
    ranks.push_back(stream->rank());
  }
  ASSERT_OK(stream->status());
  EXPECT_FALSE(stream->Next()) << "the end stays the end";
  EXPECT_EQ(shown, (Shown{"a@1=x", "b@2=y", "c@3-"}));
  EXPECT_EQ(ranks, (std::vector<uint64_t>{30, 30, 20})) << "of equally old ones the younger table";
  EXPECT_GT(bytes, 0u);
  EXPECT_LE(bytes, tables[0].meta->size + tables[1].meta->size);

  db.Remove(TableFileName(20));
  const auto broken = NewTableStream(db.fs(), tables, nullptr);
  while (broken->Next()) EXPECT_EQ(broken->rank(), 30u);
  EXPECT_STATUS(kNotFound, broken->status());
}

// A block that could not be read when the rows were made, and now can, does not break their order.
TEST(SalvageMergeTest, AStreamOfTablesKeepsToTheRangesThatWereSeen) {
  HandmadeDatabase db;
  std::vector<SalvageTable> tables(2);
  tables[0].meta = db.AddTable(30, {{"a", 1, "x"}, {"b", 2, "y"}, {"d", 9, "newer"}});
  tables[1].meta = db.AddTable(20, {{"c", 3, "z"}, {"d", 4, "older"}});
  for (SalvageTable& table : tables) {
    table.number = table.meta->number;
    table.path = db.Path(TableFileName(table.number));
  }
  tables[0].smallest = tables[0].largest = StoredKey("b");
  tables[1].smallest = StoredKey("c");
  tables[1].largest = StoredKey("d");
  Streams streams;
  streams.push_back(NewTableStream(db.fs(), tables, nullptr));
  EXPECT_EQ(Drain(streams), (Shown{"b@2=y", "c@3=z", "d@4=older"}));
}

TEST(SalvageMergeTest, AnIteratorsStreamIsAboveAllTablesAndKeepsItsOwner) {
  auto memtable = std::make_shared<Memtable>();
  memtable->Insert(StoredKey("a"), PackTrailer(4, EntryKind::kPut), "of memory");
  std::weak_ptr<Memtable> watched = memtable;
  Streams streams;
  streams.push_back(std::make_unique<ListedStream>(
      ~uint64_t{0} - 1, std::vector<ListedEntry>{{StoredKey("a"), 4, "of a table"}}));
  auto iterator = memtable->NewIterator();
  streams.push_back(NewIteratorStream(std::move(iterator), std::move(memtable)));
  EXPECT_EQ(MergedOf(streams), Shown{"a@4=of memory"});
  EXPECT_FALSE(watched.expired());
  streams.clear();
  EXPECT_TRUE(watched.expired());
}

// ---- Keyspaces

// "name=number" of each; "-number" of those that were dropped.
std::string ShowKeyspaces(const SalvageCatalogue& parts) {
  Catalogue catalogue;
  parts.Resolve(&catalogue);
  std::string text;
  for (const KeyspaceInfo& info : catalogue.List()) {
    if (info.keyspace.number() == kDefaultKeyspace) continue;
    text += info.name + "=" + std::to_string(info.keyspace.number()) + " ";
  }
  for (const auto& [number, position] : catalogue.Dropped()) {
    text += "-" + std::to_string(number) + " ";
  }
  return text;
}

void AddChange(SalvageCatalogue* parts, LogPos position, const std::string& operations) {
  CommitRecord record;
  record.position = position;
  record.operations = operations;
  parts->AddCommit(record);
}
// As a table holds them.
void AddEntriesOf(SalvageCatalogue* parts, LogPos position, const std::string& operations) {
  BatchReader reader(operations);
  BatchOperation operation;
  while (reader.Next(&operation)) {
    parts->AddEntry({operation.stored_key, PackTrailer(position, operation.kind), operation.value});
  }
}
std::string EncodedWith(const std::string& name, uint32_t number) {
  Catalogue catalogue;
  catalogue.Apply(Catalogue::CreateOperations(name, number), 1);
  return catalogue.Encode();
}

TEST(SalvageCatalogueTest, WithoutASnapshotEntriesAndCommitsCountByTheirPositions) {
  SalvageCatalogue parts;
  EXPECT_EQ(ShowKeyspaces(parts), "");
  EXPECT_FALSE(parts.snapshot_end().has_value());
  AddChange(&parts, 9, Catalogue::CreateOperations("a", 4));
  AddEntriesOf(&parts, 7, Catalogue::DropOperations("a", 2));
  AddChange(&parts, 5, Catalogue::CreateOperations("b", 3));
  AddChange(&parts, 3, Catalogue::CreateOperations("a", 2));
  AddEntriesOf(&parts, 3, Catalogue::CreateOperations("a", 2));  // the same commit once more
  EXPECT_EQ(ShowKeyspaces(parts), "a=4 b=3 -2 ");
}

TEST(SalvageCatalogueTest, WhatASnapshotHoldsOlderPartsDoNotChange) {
  SalvageCatalogue parts;
  AddChange(&parts, 5, Catalogue::CreateOperations("old", 2));  // dropped since; nothing says it
  AddChange(&parts, 6, Catalogue::CreateOperations("kept", 3));
  parts.AddSnapshot(6, 20, EncodedWith("kept", 3));
  AddChange(&parts, 25, Catalogue::CreateOperations("new", 4));
  EXPECT_EQ(ShowKeyspaces(parts), "kept=3 new=4 ");
  EXPECT_EQ(parts.snapshot_end(), 20u);
}

TEST(SalvageCatalogueTest, TheNewestSnapshotCountsInWhateverOrderTheyCome) {
  for (const bool newest_first : {true, false}) {
    SalvageCatalogue parts;
    if (newest_first) parts.AddSnapshot(12, 20, EncodedWith("b", 3));
    parts.AddSnapshot(5, 10, EncodedWith("a", 2));
    if (!newest_first) parts.AddSnapshot(12, 20, EncodedWith("b", 3));
    AddChange(&parts, 11, Catalogue::CreateOperations("c", 4));
    AddChange(&parts, 13, Catalogue::CreateOperations("d", 5));
    EXPECT_EQ(ShowKeyspaces(parts), "b=3 d=5 ");
    EXPECT_EQ(parts.snapshot_end(), 20u);
  }
}

TEST(SalvageCatalogueTest, EntriesOfOtherKeyspacesSayNothing) {
  SalvageCatalogue parts;
  parts.AddEntry({StoredKey("kusers"), PackTrailer(5, EntryKind::kPut), "\x02"});
  parts.AddEntry({"\xff\xff\xff", PackTrailer(5, EntryKind::kPut), "\x02"});
  EXPECT_EQ(ShowKeyspaces(parts), "");
  parts.AddEntry({StoredKey("kusers", 0), PackTrailer(5, EntryKind::kPut), "\x02"});
  EXPECT_EQ(ShowKeyspaces(parts), "users=2 ");
}

// ---- Log

// "000003.log 4-5", with "lost " before it where it is.
std::string ShowLoss(const SalvageLoss& loss) {
  EXPECT_FALSE(loss.damage.what.empty());
  return (loss.lost ? "lost " : "") + loss.damage.file + " " +
         std::to_string(loss.damage.first_position) + "-" +
         std::to_string(loss.damage.last_position);
}

// Segment 3 holds commits 1 to 4, segment 4 holds 5 to 8; each commit puts the key of its position,
// "1" to "8". Up to commit 6 they are durable.
class SalvageLogTest : public testing::Test {
 protected:
  SalvageLogTest() {
    options_.fs = db_.fs();
    options_.source = "db";
    db_.BeginSegment(3);
    for (LogPos p = 1; p <= 4; ++p) db_.Put(std::to_string(p));
    db_.BeginSegment(4);
    for (LogPos p = 5; p <= 6; ++p) db_.Put(std::to_string(p));
    db_.MarkDurable();
    for (LogPos p = 7; p <= 8; ++p) db_.Put(std::to_string(p));
    db_.CloseLog();
  }
  // The segment before `number` counts as far as this one's header says.
  void Take(uint64_t number) {
    auto survey = SegmentSurvey::Open(db_.fs(), db_.Path(LogFileName(number)));
    ASSERT_OK(survey);
    if (!inventory_.segments.empty()) {
      Inventory::Segment& before = inventory_.segments.back();
      const SegmentHeader& header = (*survey)->probe().header();
      if (header.predecessor == before.number) {
        before.limits = {header.predecessor_length, header.predecessor_last_position};
      }
    }
    inventory_.segments.push_back({number, std::move(*survey), {}});
  }
  // Losses as text; the log that was surveyed is log_.
  Shown Survey(LogPos in_tables = 0) {
    if (inventory_.segments.empty()) {
      Take(3);
      Take(4);
    }
    losses_.clear();
    log_ = std::make_unique<SalvageLog>(options_, inventory_, in_tables);
    EXPECT_OK(log_->Survey(
        &parts_, [this](uint64_t bytes) { bytes_ += bytes; },
        [this](const SalvageLoss& loss) { losses_.push_back(loss); }));
    Shown shown;
    for (const SalvageLoss& loss : losses_) shown.push_back(ShowLoss(loss));
    return shown;
  }
  Shown Collected(const std::vector<LostKeys>& lost = {}, uint64_t memory_bytes = 1 << 20) {
    losses_.clear();
    streams_.clear();
    EXPECT_OK(log_->Collect(
        lost, memory_bytes, "spilled", [this](const SalvageLoss& loss) { losses_.push_back(loss); },
        &streams_));
    return Drain(streams_);
  }

  HandmadeDatabase db_;
  SalvageOptions options_;
  Inventory inventory_;
  SalvageCatalogue parts_;
  std::unique_ptr<SalvageLog> log_;
  std::vector<SalvageLoss> losses_;
  Streams streams_;
  uint64_t bytes_ = 0;
};

TEST_F(SalvageLogTest, AWholeLogIsReadableToItsEnd) {
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_TRUE(log_->readable().Missing(1, 8).empty());
  EXPECT_EQ(log_->commits(), 8u);
  EXPECT_EQ(log_->durable_point(), 6u);
  EXPECT_EQ(log_->last_position(), 8u);
  EXPECT_GT(log_->record_bytes_max(), 4u);
  EXPECT_EQ(bytes_, db_.Bytes(LogFileName(3)).size() + db_.Bytes(LogFileName(4)).size());
}

TEST_F(SalvageLogTest, ADamagedCommitIsLostUnlessTablesHoldIt) {
  db_.DamageCommit(3);
  db_.DamageCommit(4);
  EXPECT_EQ(Survey(), Shown{"lost 000003.log 3-4"});
  EXPECT_EQ(losses_[0].damage.offset, db_.records.at(3).begin);
  EXPECT_EQ(losses_[0].end, db_.records.at(4).end);
  EXPECT_EQ(log_->commits(), 6u);
  EXPECT_EQ(Survey(/*in_tables=*/3), Shown{"lost 000003.log 4-4"});
  EXPECT_EQ(Survey(/*in_tables=*/4), Shown{"000003.log 3-4"});
}

TEST_F(SalvageLogTest, ATailThatWasNeverDurableIsNoLossAndAHoleIs) {
  db_.DamageCommit(8);
  EXPECT_EQ(Survey(), Shown{"000004.log 8-8"});
  inventory_.tree.durable = 8;
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 8-8"}) << "the manifest knows better";
  inventory_ = Inventory();
  db_.DamageCommit(8);  // whole again
  db_.DamageCommit(7);
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 7-7"}) << "a later commit is there";
}

TEST_F(SalvageLogTest, CommitsThatNoFileHoldsAreLostInTheFileThatHeldThem) {
  db_.BeginSegment(6);
  db_.Put("9");
  db_.CloseLog();
  Take(3);
  Take(6);
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 5-8"});
  EXPECT_EQ(Survey(/*in_tables=*/6), Shown{"lost 000004.log 7-8"});
  EXPECT_EQ(Survey(/*in_tables=*/8), Shown{});
}

TEST_F(SalvageLogTest, OlderSegmentsMayBeGoneUnlessTablesEndBeforeThoseThatAreThere) {
  Take(4);
  EXPECT_EQ(Survey(), Shown{}) << "how far tables reach is not known";
  EXPECT_EQ(Survey(/*in_tables=*/4), Shown{});
  EXPECT_EQ(Survey(/*in_tables=*/2), Shown{"lost 000003.log 3-4"});
}

TEST_F(SalvageLogTest, WhatACleanCloseSaysAndNobodyHoldsIsLost) {
  inventory_.tree.clean_close = LogEnd{4, 99'999, 10};
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 9-10"});
  EXPECT_EQ(log_->last_position(), 10u);
}

TEST_F(SalvageLogTest, TheCatalogueGetsWhatSegmentsBeginWithAndCommitsThatChangeIt) {
  db_.catalogue = EncodedWith("first", 2);
  db_.catalogue_position = 3;
  db_.BeginSegment(5);
  db_.Commit(Catalogue::CreateOperations("second", 3), kFlagCatalogue);
  db_.CloseLog();
  Take(5);
  Survey(/*in_tables=*/8);
  EXPECT_EQ(ShowKeyspaces(parts_), "first=2 second=3 ");
  EXPECT_EQ(parts_.snapshot_end(), 9u);
}

TEST_F(SalvageLogTest, CommitsBehindTheTablesAreCollectedAndOfOlderOnesTheKeysThatTablesLost) {
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected(), (Shown{"7@7=v7", "8@8=v8"}));
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({{StoredKey("2"), StoredKey("3")}, {StoredKey("6"), std::nullopt}}),
            (Shown{"2@2=v2", "3@3=v3", "6@6=v6", "7@7=v7", "8@8=v8"}));
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({{std::nullopt, StoredKey("1")}}), (Shown{"1@1=v1", "7@7=v7", "8@8=v8"}));
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({LostKeys()}).size(), 8u);
}

TEST_F(SalvageLogTest, WhatMemoryDoesNotHoldGoesIntoTables) {
  Survey();
  const Shown wanted = Collected();
  EXPECT_STATUS(kNotFound, db_.fs()->List("spilled")) << "made only when it is needed";
  Survey();
  EXPECT_EQ(Collected({}, /*memory_bytes=*/1), wanted);
  EXPECT_GT(streams_.size(), 2u);
  EXPECT_OK(db_.fs()->List("spilled"));
}

TEST_F(SalvageLogTest, ASecondCopyOfASegmentIsTakenOnce) {
  Take(3);
  Take(3);
  Take(4);
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_EQ(Collected().size(), 8u);
}

TEST_F(SalvageLogTest, AWholeRecordThatIsNoBatchIsALossOfItsOwn) {
  db_.BeginSegment(5);
  db_.Commit("\x01");
  db_.Put("10");
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 5}) Take(number);
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_EQ(Collected().size(), 9u);
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_EQ(ShowLoss(losses_[0]), "lost the log 9-9");
}

TEST_F(SalvageLogTest, ItEndsWhereItIsCancelledOrTheFileSystemFails) {
  Survey();
  bool cancelled = true;
  options_.cancelled = [&] { return cancelled; };
  EXPECT_STATUS(kCancelled, log_->Survey(&parts_, IgnoreBytes, IgnoreLoss));
  EXPECT_STATUS(kCancelled, log_->Collect({}, 1 << 20, "spilled", IgnoreLoss, &streams_));
  cancelled = false;
  FaultyFileSystem full(db_.fs());
  full.SetFault([](FileOp op, const std::string&) {
    return op == FileOp::kAppend ? Status::NoSpace("by order") : Status::Ok();
  });
  options_.fs = &full;
  EXPECT_STATUS(kNoSpace, log_->Collect({}, 1, "spilled", IgnoreLoss, &streams_));
}

// ---- Tables

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
  Streams streams_;
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
