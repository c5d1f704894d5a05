// The keyspaces that salvage puts together from tables, segments and commits.
#include "db/salvage_catalogue.h"
#include "tests/db/handmade_database.h"
#include "tests/db/salvage_shown.h"

namespace logwood {
namespace {

using test::EncodedWith;
using test::ShowKeyspaces;
using test::StoredKey;

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

}  // namespace
}  // namespace logwood
