// What listeners of a database that is open for reading only are told.
#include "db/read_only.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/db/handmade_database.h"
#include "tests/db/recording_listener.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;

class ReadOnlyEventsTest : public testing::Test {
 protected:
  // Table 10 holds commits 1 to 3, segment 3 holds 4 to 7, of which 4 and 5 are durable.
  ReadOnlyEventsTest() {
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.tables = TablesState{3, 0, 0};
    edit.first_segment = 3;
    edit.added = {{0, db_.AddTable(10, {{"a", 1, "x"}, {"b", 2, "y"}, {"c", 3, "z"}})}};
    db_.BeginManifest(2, edit);
    db_.BeginSegment(3, 4);
    db_.Put("k");
    db_.Put("l");
    db_.MarkDurable();
    db_.Put("m");
    db_.Put("n");
    db_.CloseLog();
    options_.file_system = db_.fs();
    options_.listeners = {nullptr, listener_};
  }
  Result<std::unique_ptr<DB>> Open() {
    listener_->events.clear();
    return DB::OpenReadOnly(options_, HandmadeDatabase::kPath);
  }
  const Event& Told(size_t n) const { return listener_->events.at(n); }
  // "opened closed"
  std::string Kinds() const {
    std::string kinds;
    for (const Event& event : listener_->events) {
      kinds += (kinds.empty() ? "" : " ") + std::string(EventKindName(event.kind));
    }
    return kinds;
  }

  HandmadeDatabase db_;
  ReadOnlyOptions options_;
  const std::shared_ptr<test::RecordingListener> listener_ =
      std::make_shared<test::RecordingListener>();
};

TEST_F(ReadOnlyEventsTest, OpenedAndClosedAreToldAndNoFileIsWritten) {
  const auto before = db_.fs()->List(HandmadeDatabase::kPath);
  {
    ASSERT_OK_AND_ASSIGN(const auto db, Open());
    EXPECT_EQ(Kinds(), "opened");
    EXPECT_EQ(Told(0).position, 7u);
    EXPECT_EQ(Told(0).detail, "not closed before; replayed 4 commits");
    ASSERT_OK(db->Close());
    EXPECT_STATUS(kClosed, db->Close());
  }
  EXPECT_EQ(Kinds(), "opened closed");
  EXPECT_EQ(Told(1).position, 7u);
  const auto after = db_.fs()->List(HandmadeDatabase::kPath);
  ASSERT_OK(before);
  ASSERT_OK(after);
  EXPECT_EQ(*after, *before);
}

// Beside a writer, where several attempts to see a state without a tail come before.
TEST_F(ReadOnlyEventsTest, AnUnprovenTailIsToldOnce) {
  db_.DamageCommit(6);
  for (const bool beside_writer : {false, true}) {
    options_.ignore_writer = beside_writer;
    ASSERT_OK(Open());
    EXPECT_EQ(Kinds(), "unproven_tail opened closed");
    EXPECT_EQ(Told(0).file, LogFileName(3));
    EXPECT_EQ(Told(0).offset, db_.records.at(6).begin);
    EXPECT_GT(Told(0).bytes_in, 0u);
    EXPECT_EQ(Told(1).position, 5u);
  }
}

// The log then follows edits that the manifest did not have when it was read: none is lost.
TEST_F(ReadOnlyEventsTest, EditsAndASegmentThatAWriterAddsMeanwhileAreNoDamage) {
  FaultyFileSystem files(db_.fs());
  bool added = false;
  files.SetFault([&](FileOp op, const std::string& path) {
    if (op != FileOp::kRead || !path.ends_with(".manifest") || std::exchange(added, true)) {
      return Status::Ok();
    }
    Edit edit;
    edit.durable = 5;
    db_.Append(edit);
    db_.BeginSegment(4);
    db_.Put("o");
    db_.CloseLog();
    return Status::Ok();
  });
  options_.file_system = &files;
  options_.ignore_writer = true;
  ASSERT_OK_AND_ASSIGN(const auto db, Open());
  EXPECT_TRUE(added);
  EXPECT_EQ(Kinds(), "opened");
  EXPECT_EQ(db->LastPosition(), 8u);
}

TEST_F(ReadOnlyEventsTest, DamageOfTheLogIsToldWhereItIsAllowed) {
  db_.DamageCommit(5);
  EXPECT_STATUS(kCorruption, Open());
  EXPECT_EQ(Kinds(), "") << "who opened knows by the status";
  options_.allow_damaged_log = true;
  ASSERT_OK(Open());
  EXPECT_EQ(Kinds(), "corruption opened closed");
  EXPECT_EQ(Told(0).file, LogFileName(3));
  EXPECT_EQ(Told(0).offset, db_.records.at(5).begin);
  EXPECT_EQ(Told(0).first_position, 5u);
  EXPECT_EQ(Told(0).last_position, 5u);
}

TEST_F(ReadOnlyEventsTest, DamageThatReadsMeetIsToldOnceWithItsPlaceAndKeys) {
  std::string bytes = db_.Bytes(TableFileName(10));
  bytes[70] ^= 1;  // of the only block
  db_.Replace(TableFileName(10), bytes);
  ASSERT_OK_AND_ASSIGN(const auto db, Open());
  std::string value;
  EXPECT_STATUS(kCorruption, db->Get({}, "a", &value));
  EXPECT_STATUS(kCorruption, db->Get({}, "c", &value));
  EXPECT_OK(db->Get({}, "k", &value));
  EXPECT_EQ(Kinds(), "opened corruption");
  const Event& told = Told(1);
  EXPECT_EQ(told.file, TableFileName(10));
  EXPECT_EQ(told.offset, 64u);
  EXPECT_EQ(told.first_keyspace + "/" + told.first_key, "default/a");
  EXPECT_EQ(told.last_keyspace + "/" + told.last_key, "default/c");
  EXPECT_EQ(told.first_position, 1u);
  EXPECT_EQ(told.last_position, 3u);
  EXPECT_STATUS(kCorruption, told.status);
  EXPECT_STATUS(kCorruption, db->Verify({}));
  EXPECT_EQ(Kinds(), "opened corruption corruption");
  EXPECT_EQ(Told(2).file, TableFileName(10));
}

}  // namespace
}  // namespace logwood
