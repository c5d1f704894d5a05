// What the engine does about damage: opens without what it can do without, deletes nothing, leaves
// alone what is damaged and nothing else.
#include <gtest/gtest.h>

#include <set>

#include "db/edit.h"
#include "db/file_names.h"
#include "db/manifest_frame.h"
#include "tests/db/recovery_fixture.h"

namespace logwood {
namespace {

using test::FileContents;
using test::ReadDirectory;
using test::TinyOptions;
using Strings = std::vector<std::string>;

class DamageUnitTest : public test::RecoveryFixture {
 protected:
  // Two keyspaces and a dropped one in a table of their own; "user" data in another; a log that
  // holds none of it.
  void MakeTables() {
    Open();
    for (const char* name : {"left", "gone", "right"}) ASSERT_OK(db_->CreateKeyspace({}, name));
    ASSERT_OK(db_->DropKeyspace({}, "gone"));
    ASSERT_OK(db_->Flush());
    catalogue_table_ = Names(".table").at(0);
    Put("user", "data");
    ASSERT_OK(db_->Flush());
  }

  // Nothing is compacted by itself.
  void OpenQuiet(std::shared_ptr<EventListener> listener = nullptr) {
    Options options = TinyOptions(fs_.get());
    options.tuning.level0_tables = 64;
    if (listener != nullptr) options.listeners.push_back(std::move(listener));
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  }

  Strings KeyspaceNames() {
    Strings names;
    auto list = db_->ListKeyspaces();
    EXPECT_OK(list);
    for (const KeyspaceInfo& info : *list) names.push_back(info.name);
    return names;
  }

  void ExpectKeyspaces(const Strings& names) {
    EXPECT_EQ(KeyspaceNames(), names);
    std::string value;
    ASSERT_OK(db_->Get({}, "user", &value));
    EXPECT_EQ(value, "data");
  }

  std::string catalogue_table_;
};

TEST_F(DamageUnitTest, WithoutTheTableThatHoldsTheKeyspacesTheLogSaysThem) {
  MakeTables();
  Close();
  Remove(catalogue_table_);
  Open();
  ExpectKeyspaces({"default", "left", "right"});
  ASSERT_OK_AND_ASSIGN(const Keyspace fresh, db_->CreateKeyspace({}, "new"));
  EXPECT_EQ(fresh.number(), 5u) << "the number of a dropped keyspace, or of another, was reused";
  ASSERT_OK(db_->Put({}, fresh, "k", "v"));
  ASSERT_OK(db_->DropKeyspace({}, "left"));
  Close();
  Open();
  ExpectKeyspaces({"default", "new", "right"});
  ASSERT_OK_AND_ASSIGN(const auto read_only,
                       DB::OpenReadOnly({.file_system = fs_.get(), .ignore_writer = true}, "db"));
  EXPECT_EQ(read_only->ListKeyspaces()->size(), 3u);
}

TEST_F(DamageUnitTest, KeyspacesMadeSinceTheLastSegmentBeganAreFoundInItsRecords) {
  MakeTables();
  ASSERT_OK(db_->CreateKeyspace({}, "late"));
  ASSERT_OK(db_->DropKeyspace({}, "right"));
  Kill();
  Remove(catalogue_table_);
  Open();
  ExpectKeyspaces({"default", "late", "left"});
}

TEST_F(DamageUnitTest, WhereNeitherTablesNorLogHaveTheKeyspacesTheErrorNamesBothAndSalvage) {
  MakeTables();
  Close();
  const std::string log = Names(".log").back();
  std::string bytes = Bytes(log);
  bytes[12288 + 3] ^= 1;  // within the catalogue
  Replace(log, bytes);
  ASSERT_EQ(Names(".log").size(), 1u);
  Remove(catalogue_table_);
  ExpectDamage(catalogue_table_);
  const Status status = TryOpen();
  EXPECT_NE(status.message().find(log + ":12288"), std::string_view::npos) << status.ToString();
  EXPECT_NE(status.message().find("logwood salvage"), std::string_view::npos) << status.ToString();
}

// A compaction's edit was durable, so its inputs are gone. Without the edit they seem to be live.
TEST_F(DamageUnitTest, ALastEditThatCannotBeReadIsDamageWhereItsInputsAreGone) {
  OpenQuiet();
  Put("a", "1");
  ASSERT_OK(db_->Flush());
  Put("a", "2");
  ASSERT_OK(db_->Flush());
  const std::string manifest = Names(".manifest").at(0);
  size_t end = Bytes(manifest).size();
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());  // whose look at the tables may be the last to let them go
  Kill();
  const std::string whole = Bytes(manifest);
  // To the end of the edit that replaces both; moves to other levels may follow.
  for (bool found = false; !found;) {
    const auto frame = ManifestFrame::At(std::string_view(whole).substr(end));
    ASSERT_TRUE(frame.has_value());
    ASSERT_OK_AND_ASSIGN(const Edit edit, Edit::Decode(frame->body));
    found = edit.removed.size() == 2 && edit.added.size() == 1;
    end += frame->size();
  }
  std::string torn = whole.substr(0, end);
  torn[end - 3] ^= 0x10;
  Replace(manifest, torn);
  ExpectDamage(manifest);
  Replace(manifest, whole);
  Open();
  std::string value;
  ASSERT_OK(db_->Get({}, "a", &value));
  EXPECT_EQ(value, "2");
}

TEST_F(DamageUnitTest, ATornEditIsToldByAnEvent) {
  Open();
  Put("a", "1");
  Kill();
  const std::string manifest = Names(".manifest").at(0);
  const std::string whole = Bytes(manifest);
  Replace(manifest, whole + std::string(30, 'x'));
  Options options = TinyOptions(fs_.get());
  const auto listener = std::make_shared<test::RecordingListener>();
  options.listeners.push_back(listener);
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  ASSERT_FALSE(listener->events.empty());
  const Event& told = listener->events.at(0);
  EXPECT_EQ(told.kind, EventKind::kUnprovenTail);
  EXPECT_EQ(told.file, manifest);
  EXPECT_EQ(told.offset, whole.size());
  EXPECT_EQ(told.bytes_in, 30u);
}

// With an older copy of the manifest the newer tables look like leftovers.
TEST_F(DamageUnitTest, NoTableAndNoManifestIsRemovedWhileATableIsMissing) {
  OpenQuiet();
  Put("a", "1");
  ASSERT_OK(db_->Flush());
  Put("a", "2");
  ASSERT_OK(db_->Flush());
  const std::string manifest = Names(".manifest").at(0);
  const std::string older = Bytes(manifest);
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());
  Kill();
  const Strings newer = Names(".table");  // once nothing removes replaced ones any more
  Replace(manifest, older);
  OpenQuiet();
  std::string value;
  EXPECT_STATUS(kCorruption, db_->Get({}, "a", &value));
  Close();
  EXPECT_EQ(Names(".table"), newer);
  EXPECT_EQ(Names(".manifest").at(0), manifest);
}

TEST_F(DamageUnitTest, ATableThatCannotBeReadCountsWholeInAnEstimate) {
  MakeTables();
  for (const char* key : {"v1", "v2", "v3", "v4"}) Put(key, "x");
  ASSERT_OK(db_->Flush());
  Close();
  const std::string damaged = Names(".table").back();
  std::string bytes = Bytes(damaged);
  bytes.back() ^= 1;  // its footer
  Replace(damaged, bytes);
  const auto listener = std::make_shared<test::RecordingListener>();
  OpenQuiet(listener);
  EXPECT_EQ(db_->Estimate(Keyspace(), {.begin = "v2", .end = "v3"}).entries, 4u);
  Close();
  EXPECT_TRUE(listener->Told(EventKind::kCorruption, damaged));
}

TEST(DamageText, IsOneLineWhateverKeysAndNamesHold) {
  Damage damage;
  damage.file = "000012.table";
  damage.what = "what is wrong";
  damage.first_keyspace = "two\nlines";
  damage.first_key = "\n";
  damage.last_keyspace = "\xff";
  EXPECT_EQ(damage.ToString(), "000012.table:0: what is wrong; keys two\\nlines/\\n to \\xff/");
}

class QuarantineTest : public DamageUnitTest {
 protected:
  struct Listener : EventListener {
    void OnEvent(const Event& event) override {
      if (event.kind == EventKind::kCorruption) events.push_back(event);
    }
    std::vector<Event> events;
  };

  void OpenListening() { OpenQuiet(listener_); }

  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
};

// Two tables in the last level; one above that overlaps both.
TEST_F(QuarantineTest, OnlyTheDamagedTableIsLeftAlone) {
  OpenListening();
  Put("a1", std::string(100, 'x'));
  Put("a2", std::string(100, 'x'));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());
  const std::string damaged = Names(".table").at(0);
  Put("m1", "good");
  Put("n9", "good");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  Close();
  std::string bytes = Bytes(damaged);
  bytes[80] ^= 0x10;
  Replace(damaged, bytes);
  OpenListening();
  Put("a2", "newer");
  Put("m1", "newer");
  ASSERT_OK(db_->Flush());
  EXPECT_STATUS(kCorruption, db_->CompactAll({}));
  // What touches it is refused, and why is told; the other table may still be rewritten.
  const Status status = db_->CompactRange({}, Keyspace(), {.begin = "a", .end = "b"});
  EXPECT_STATUS(kCorruption, status);
  EXPECT_NE(status.message().find(damaged), std::string_view::npos) << status.ToString();
  ASSERT_OK(db_->CompactRange({.force_last_level = true}, Keyspace(), {.begin = "n", .end = "z"}));
  Close();  // another thread may have been telling the events
  ASSERT_EQ(listener_->events.size(), 1u) << "the same damage is met once";
  const Event& told = listener_->events[0];
  EXPECT_EQ(told.file, damaged);
  EXPECT_EQ(told.offset, 64u);
  EXPECT_EQ(told.first_keyspace + "/" + told.first_key, "default/a1");
  EXPECT_EQ(told.last_keyspace + "/" + told.last_key, "default/a2");
  EXPECT_NE(told.detail.find("a2"), std::string::npos) << told.detail;
  EXPECT_NE(told.detail.find("positions"), std::string::npos) << told.detail;
}

}  // namespace
}  // namespace logwood
