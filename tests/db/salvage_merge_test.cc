// The merge of what salvage read: the order of entries, and tables in rows.
#include <set>

#include "db/salvage_merge.h"
#include "db/salvage_tables.h"
#include "tests/db/handmade_database.h"
#include "tests/db/salvage_shown.h"

namespace logwood {
namespace {

using test::Drain;
using test::HandmadeDatabase;
using test::SalvageStreams;
using test::ShowEntry;
using test::StoredKey;
using Shown = std::vector<std::string>;

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

Shown MergedOf(const SalvageStreams& streams) {
  Shown shown;
  EXPECT_OK(MergeStreams(streams, [&](const SalvageStream& stream) {
    shown.push_back(ShowEntry(stream.entry()));
    return Status::Ok();
  }));
  return shown;
}

TEST(SalvageMergeTest, EntriesAreVisitedInKeyOrderTheNewestFirst) {
  SalvageStreams streams;
  streams.push_back(std::make_unique<ListedStream>(
      1, std::vector<ListedEntry>{{"", 4, "e"}, {"b", 9, "b9"}, {"b", 2, "b2"}, {"d", 1, "d1"}}));
  streams.push_back(std::make_unique<ListedStream>(2, std::vector<ListedEntry>{}));
  streams.push_back(std::make_unique<ListedStream>(
      3, std::vector<ListedEntry>{{"a", 3, "a3"}, {"b", 5, "b5"}, {"d", 7, "d7"}}));
  EXPECT_EQ(MergedOf(streams),
            (Shown{"@4=e", "a@3=a3", "b@9=b9", "b@5=b5", "b@2=b2", "d@7=d7", "d@1=d1"}));
  EXPECT_EQ(MergedOf({}), Shown{});
}

TEST(SalvageMergeTest, OfEquallyOldEntriesThatOfTheHigherRankComesFirst) {
  for (const bool higher_first : {false, true}) {
    SalvageStreams streams;
    for (const uint64_t rank : {higher_first ? 8u : 7u, higher_first ? 7u : 8u}) {
      streams.push_back(std::make_unique<ListedStream>(
          rank, std::vector<ListedEntry>{{"a", 0, "of " + std::to_string(rank)}}));
    }
    streams.push_back(
        std::make_unique<ListedStream>(9, std::vector<ListedEntry>{{"b", 0, "of 9"}}));
    EXPECT_EQ(MergedOf(streams), (Shown{"a@0=of 8", "a@0=of 7", "b@0=of 9"}));
  }
}

TEST(SalvageMergeTest, AFailedStreamOrVisitEndsIt) {
  for (const size_t entries : {0, 1}) {
    SalvageStreams streams;
    streams.push_back(std::make_unique<ListedStream>(
        1, std::vector<ListedEntry>(entries, {"a", 1, "x"}), Status::IoError("by order")));
    streams.push_back(
        std::make_unique<ListedStream>(2, std::vector<ListedEntry>{{"b", 1, ""}, {"c", 1, ""}}));
    const Status failed = MergeStreams(streams, [](const auto&) { return Status::Ok(); });
    EXPECT_STATUS(kIoError, failed);
  }
  SalvageStreams streams;
  streams.push_back(
      std::make_unique<ListedStream>(2, std::vector<ListedEntry>{{"b", 1, ""}, {"c", 1, ""}}));
  int visits = 0;
  EXPECT_STATUS(kCancelled, MergeStreams(streams, [&](const auto&) {
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
  SalvageStreams streams;
  streams.push_back(NewTableStream(db.fs(), tables, nullptr));
  EXPECT_EQ(Drain(streams), (Shown{"b@2=y", "c@3=z", "d@4=older"}));
}

TEST(SalvageMergeTest, AnIteratorsStreamIsAboveAllTablesAndKeepsItsOwner) {
  auto memtable = std::make_shared<Memtable>();
  memtable->Insert(StoredKey("a"), PackTrailer(4, EntryKind::kPut), "of memory");
  std::weak_ptr<Memtable> watched = memtable;
  SalvageStreams streams;
  streams.push_back(std::make_unique<ListedStream>(
      ~uint64_t{0} - 1, std::vector<ListedEntry>{{StoredKey("a"), 4, "of a table"}}));
  auto iterator = memtable->NewIterator();
  streams.push_back(NewIteratorStream(std::move(iterator), std::move(memtable)));
  EXPECT_EQ(MergedOf(streams), (Shown{"a@4=of memory", "a@4=of a table"}));
  EXPECT_FALSE(watched.expired());
  streams.clear();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace logwood
