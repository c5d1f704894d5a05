// The head of a log segment that was never synced, as a loss of power may leave it: no damage, and
// none later, when the segment is durable.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "db/directory_check.h"
#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "wal/log_format.h"
#include "wal/segment_probe.h"

namespace logwood::test {
namespace {

class UnsyncedHead : public DatabaseTest {
 protected:
  // Killed with two segments; the second was never synced, and the catalogue changed before it and
  // in it. On a busy machine the log may be synced before the copy is made: then once more.
  void SetUp() override {
    options_.tuning.memtable_bytes = 1 << 20;
    bool unsynced = false;
    for (int tries = 0; tries < 50 && !unsynced && !HasFatalFailure(); ++tries) {
      MakeKilled(&unsynced);
      db_.reset();
      ASSERT_OK(DB::Destroy(options_, path_));
    }
    ASSERT_TRUE(unsynced);
  }

  void MakeKilled(bool* unsynced) {
    Open();
    ASSERT_OK(db_->CreateKeyspace({}, "photos"));
    ASSERT_OK(db_->CreateKeyspace({}, "sounds"));
    ASSERT_OK(db_->DropKeyspace({}, "sounds"));
    std::set<std::string> logs = Logs();
    ASSERT_EQ(logs.size(), 1u);
    for (int i = 0; logs.size() == 1; ++i) {
      ASSERT_OK(db_->Put({}, std::to_string(i), std::string(1000, 'v')));
      logs = Logs();
    }
    ASSERT_OK(db_->DropKeyspace({}, "photos"));
    ASSERT_OK(db_->Put({}, "last", "1"));
    newest_ = *logs.rbegin();
    ASSERT_OK_AND_ASSIGN(killed_, ReadLiveDirectory(place_.files(), path_));
    ASSERT_OK_AND_ASSIGN(const auto file, place_.files()->OpenRandomAccess(path_ + "/" + newest_));
    ASSERT_OK_AND_ASSIGN(const SegmentProbe probe, ProbeSegment(*file, newest_));
    *unsynced = db_->DurablePosition() < probe.header().first_position;
    catalogue_bytes_ = probe.decoded.catalogue_bytes;
    ASSERT_GT(catalogue_bytes_, 0u);
  }

  std::set<std::string> Logs() {
    std::set<std::string> logs;
    const auto names = place_.files()->List(path_);
    EXPECT_OK(names.status());
    if (!names.ok()) return logs;
    for (const std::string& name : *names) {
      if (name.ends_with(".log")) logs.insert(name);
    }
    return logs;
  }

  static std::string Damages(const Place& place) {
    std::string damages;
    DirectoryCheckOptions options;
    options.fs = place.files();
    options.path = "/db";
    options.damage = [&damages](const Damage& damage) { damages += damage.ToString() + "\n"; };
    options.note = [](const Damage&) {};
    EXPECT_OK(CheckDirectory(options).status());
    return damages;
  }

  // The newest segment with other bytes at `at`: opens, is whole then, and stays so.
  void ExpectMended(uint64_t at, const std::string& bytes) {
    SCOPED_TRACE("at " + std::to_string(at));
    FileContents torn = killed_;
    torn[newest_].replace(at, bytes.size(), bytes);
    ASSERT_NE(torn[newest_], killed_[newest_]);
    const Place place;
    ASSERT_OK(WriteDirectory(place.files(), "/db", torn));
    EXPECT_EQ(Damages(place), "");
    Options options = options_;
    options.file_system = place.files();
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "/db"));
    std::string value;
    EXPECT_OK(db->Get({}, "last", &value));
    EXPECT_STATUS(kNotFound, db->OpenKeyspace("photos").status());
    EXPECT_OK(db->Verify({}));
    ASSERT_OK(db->Close());
    EXPECT_EQ(Damages(place), "");
    ASSERT_OK_AND_ASSIGN(const std::string mended, ReadFile(place.files(), "/db/" + newest_));
    EXPECT_TRUE(mended.substr(0, kCatalogueOffset + catalogue_bytes_) ==
                killed_[newest_].substr(0, kCatalogueOffset + catalogue_bytes_));
  }

  FileContents killed_;
  std::string newest_;
  uint64_t catalogue_bytes_ = 0;
};

TEST_F(UnsyncedHead, TornHeaderIsMendedFromItsCopy) { ExpectMended(0, std::string(100, '\0')); }

TEST_F(UnsyncedHead, TornCopyIsMended) { ExpectMended(kHeaderCopyOffset, std::string(100, '\0')); }

TEST_F(UnsyncedHead, StaleBytesBetweenAreCleared) { ExpectMended(kSegmentHeaderBytes, "stale"); }

TEST_F(UnsyncedHead, TornCatalogueIsMadeAnew) {
  ExpectMended(kCatalogueOffset, std::string(catalogue_bytes_, '\0'));
  ExpectMended(kCatalogueOffset + catalogue_bytes_ / 2, std::string(1, '\xee'));
}

// A failed sync, then a loss of power, may leave it so; what is retained must be there.
TEST_F(UnsyncedHead, OfASegmentThatWaitsForItsRemovalNothingIsNeeded) {
  for (const uint64_t retained_bytes : {uint64_t{0}, uint64_t{1} << 30}) {
    const Place place;
    ASSERT_OK(WriteDirectory(place.files(), "/db", killed_));
    Options options = options_;
    options.file_system = place.files();
    options.log_retention = LogRetention{.bytes_min = retained_bytes};
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "/db"));
    ASSERT_OK(db->Flush());
    ASSERT_OK_AND_ASSIGN(FileContents after, ReadLiveDirectory(place.files(), "/db"));
    db.reset();
    after[newest_] = std::string(killed_[newest_].size(), '\0');
    const Place later;
    ASSERT_OK(WriteDirectory(later.files(), "/db", after));
    EXPECT_EQ(Damages(later) == "", retained_bytes == 0) << Damages(later);
  }
}

}  // namespace
}  // namespace logwood::test
