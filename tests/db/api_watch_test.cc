// What a database says about itself: events, the EVENTS file, statistics, durability, waiting.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/generators.h"
#include "tests/support/json_checker.h"

namespace logwood::test {
namespace {

class Recorder : public EventListener {
 public:
  void OnEvent(const Event& event) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.push_back(event);
  }
  std::vector<Event> Of(EventKind kind) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Event> some;
    for (const Event& event : events_)
      if (event.kind == kind) some.push_back(event);
    return some;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

class Watching : public DatabaseTest {
 protected:
  Watching() { options_.listeners = {recorder_}; }

  void Fill(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i, 100)));
  }
  std::string ReadEvents(const std::string& name) {
    const Result<std::string> text = ReadFile(place_.files(), path_ + "/" + name);
    return text.ok() ? *text : "";
  }

  const std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
};

TEST_F(Watching, ListenerHearsWhatHappens) {
  Open();
  EXPECT_EQ(recorder_->Of(EventKind::kOpened).size(), 1u);
  ASSERT_OK(db_->CreateKeyspace({}, "k"));
  ASSERT_OK(db_->DropKeyspace({}, "k"));
  Fill(500);
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  Close();
  EXPECT_EQ(recorder_->Of(EventKind::kKeyspaceCreated).size(), 1u);
  EXPECT_EQ(recorder_->Of(EventKind::kKeyspaceDropped).size(), 1u);
  EXPECT_EQ(recorder_->Of(EventKind::kClosed).size(), 1u);
  EXPECT_TRUE(recorder_->Of(EventKind::kCorruption).empty());
  EXPECT_TRUE(recorder_->Of(EventKind::kBackgroundError).empty());
  uint64_t flushed = 0;
  for (const Event& event : recorder_->Of(EventKind::kFlush)) {
    EXPECT_GT(event.bytes_out, 0u);
    EXPECT_GT(event.wall_us, 0u);
    flushed += event.entries_out;
  }
  EXPECT_GE(flushed, 500u);
  const std::vector<Event> compactions = recorder_->Of(EventKind::kCompaction);
  ASSERT_FALSE(compactions.empty());
  for (const Event& event : compactions) EXPECT_GE(event.level_out, event.level_in);
}

TEST_F(Watching, EventsFileHasAJsonObjectALine) {
  Open();
  Fill(500);
  Reopen();
  std::istringstream lines(ReadEvents("EVENTS"));
  std::set<std::string> kinds;
  for (std::string line; std::getline(lines, line);) {
    const std::optional<JsonFields> fields = ReadJson(line);
    ASSERT_TRUE(fields.has_value()) << line;
    for (const auto& [name, value] : *fields) kinds.insert(value);
  }
  for (const EventKind kind : {EventKind::kOpened, EventKind::kClosed, EventKind::kFlush})
    EXPECT_TRUE(kinds.contains(std::string(EventKindName(kind)))) << EventKindName(kind);
}

TEST_F(Watching, EventsFileIsRotatedAndBounded) {
  constexpr uint64_t kBytes = 4096;
  options_.tuning.event_log_bytes = kBytes;
  Open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(db_->CreateKeyspace({}, "keyspace with a name that takes some room"));
    ASSERT_OK(db_->DropKeyspace({}, "keyspace with a name that takes some room"));
  }
  Close();
  const std::string now = ReadEvents("EVENTS"), old = ReadEvents("EVENTS.old");
  EXPECT_FALSE(now.empty());
  EXPECT_FALSE(old.empty());
  EXPECT_LE(now.size(), kBytes + 1024);
  EXPECT_LE(old.size(), kBytes + 1024);
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, place_.files()->List(path_));
  EXPECT_EQ(std::count_if(names.begin(), names.end(),
                          [](const std::string& name) { return name.starts_with("EVENTS"); }),
            2);
}

TEST_F(Watching, ListenerMayReadAndIsRefusedTheRest) {
  struct Reader : EventListener {
    void OnEvent(const Event& event) override {
      if (event.kind != EventKind::kFlush || db == nullptr) return;
      std::string value;
      EXPECT_OK(db->Get({}, "k", &value));
      EXPECT_EQ(Entries(db->NewIterator({}).get()), "k=v");
      EXPECT_GT(db->GetStats().commits, 0u);
      EXPECT_STATUS(kInvalidArgument, db->Put({}, "k", "again"));
      EXPECT_STATUS(kInvalidArgument, db->Flush());
      EXPECT_STATUS(kInvalidArgument, db->CompactAll({}));
      EXPECT_STATUS(kInvalidArgument, db->WaitForCompaction());
      EXPECT_STATUS(kInvalidArgument, db->CreateKeyspace({}, "more").status());
      EXPECT_STATUS(kInvalidArgument, db->DropKeyspace({}, "more"));
      heard.set_value();  // a second time would throw
    }
    DB* db = nullptr;
    std::promise<void> heard;
  };
  const auto reader = std::make_shared<Reader>();
  options_.listeners.push_back(reader);
  Open();
  reader->db = db_.get();
  ASSERT_OK(db_->Put({}, "k", "v"));
  ASSERT_OK(db_->Flush());
  reader->heard.get_future().wait();  // Flush may return before its event is told
  Close();
}

TEST_F(Watching, SnapshotsAreNeverTooOldForTheLargestAge) {
  options_.snapshot_age_warning = std::chrono::seconds::max();
  Open();
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot());
  ASSERT_OK(db_->Put({}, "k", "v"));
  ASSERT_OK(db_->Flush());
  Close();
  EXPECT_EQ(recorder_->Of(EventKind::kOldSnapshot).size(), 0u);
  options_.snapshot_age_warning = std::chrono::seconds(-1);
  EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path_).status());
}

// The write that makes it called has its operation in a buffer of the thread.
TEST_F(Watching, ListenerMayWriteToAnotherDatabase) {
  struct Writer : EventListener {
    void OnEvent(const Event& event) override {
      if (event.kind != EventKind::kResumed) return;
      EXPECT_OK(other->Put({}, "your", "book"));
    }
    DB* other = nullptr;
  };
  ASSERT_OK_AND_ASSIGN(const auto other, DB::Open(place_.With(SmallOptions()), path_ + "_other"));
  const auto writer = std::make_shared<Writer>();
  writer->other = other.get();
  SimulatedFileSystem disk;
  options_.file_system = &disk;
  options_.listeners = {writer};
  Open();
  disk.SetCapacity(0);
  while (db_->Put({}, "mine", std::string(1000, 'v')).ok()) continue;
  disk.SetCapacity(uint64_t{1} << 30);
  ASSERT_OK(db_->Put({}, "mine", "text"));
  EXPECT_EQ(Value("mine"), "text");
  EXPECT_EQ(Value("your"), "<NotFound>");
  Close();
  std::string value;
  EXPECT_OK(other->Get({}, "your", &value)) << "the listener was not called";
  EXPECT_EQ(value, "book");
}

TEST_F(Watching, DamageThatReadsMeetIsToldOnce) {
  Open();
  Fill(200);
  ASSERT_OK(db_->CompactAll({}));
  Close();
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, place_.files()->List(path_));
  for (const std::string& name : names) {
    if (!name.ends_with(".table")) continue;
    ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(place_.files(), path_ + "/" + name));
    bytes[200] = static_cast<char>(bytes[200] ^ 1);
    ASSERT_OK(WriteFile(place_.files(), path_ + "/" + name, bytes));
  }
  Open();
  for (int round = 0; round < 3; ++round) {
    const auto iterator = db_->NewIterator({});
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) continue;
    EXPECT_STATUS(kCorruption, iterator->status());
  }
  Close();
  const std::vector<Event> events = recorder_->Of(EventKind::kCorruption);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_NE(events[0].status.message().find(".table:"), std::string_view::npos);
  EXPECT_TRUE(events[0].file.ends_with(".table")) << events[0].file;
  EXPECT_LE(events[0].offset, 200u);
  EXPECT_EQ(events[0].first_keyspace, "default");
  EXPECT_EQ(events[0].last_keyspace, "default");
  EXPECT_EQ(events[0].first_key, KeyOf(3));
  EXPECT_GT(events[0].last_key, events[0].first_key);
  EXPECT_LE(events[0].first_position, events[0].last_position);
  std::istringstream lines(ReadEvents("EVENTS"));
  int written = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::optional<JsonFields> fields = ReadJson(line);
    ASSERT_TRUE(fields.has_value()) << line;
    if (fields->at("event") != "corruption") continue;
    ++written;
    EXPECT_EQ(fields->at("file"), events[0].file);
    EXPECT_EQ(fields->at("offset"), std::to_string(events[0].offset));
    EXPECT_EQ(fields->at("last_key"), events[0].last_key);
  }
  EXPECT_EQ(written, 1);
}

// Without a single write.
TEST_F(Watching, OldSnapshotsAreReportedOnce) {
  struct Hearer : EventListener {
    void OnEvent(const Event& event) override {
      if (event.kind == EventKind::kOldSnapshot) heard.set_value();  // a second time would throw
    }
    std::promise<void> heard;
  };
  const auto hearer = std::make_shared<Hearer>();
  options_.listeners.push_back(hearer);
  options_.snapshot_age_warning = std::chrono::seconds(0);
  Open();
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot("leaky"));
  hearer->heard.get_future().wait();
  Fill(200);
  ASSERT_OK(db_->Flush());
  Close();
  const std::vector<Event> events = recorder_->Of(EventKind::kOldSnapshot);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_NE(events[0].detail.find("position 0, owner \"leaky\""), std::string::npos)
      << events[0].detail;
}

TEST_F(Watching, StatsAddUp) {
  Open();
  Fill(2000);
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->WaitForCompaction());
  for (uint32_t i = 0; i < 100; ++i) EXPECT_NE(Value(KeyOf(3 + 8 * i)), "<NotFound>");
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(Value("user/" + std::to_string(i)), "<NotFound>");
  const Stats stats = db_->GetStats();
  EXPECT_EQ(stats.path, path_);
  EXPECT_EQ(stats.last_position, 2000u);
  EXPECT_EQ(stats.keyspaces, 1u);
  EXPECT_EQ(stats.commits, 2000u);
  EXPECT_GE(stats.write_groups, 1u);
  EXPECT_LE(stats.write_groups, stats.commits);
  EXPECT_EQ(stats.gets, 200u);
  EXPECT_GE(stats.flushes, 1u);
  EXPECT_GE(stats.user_bytes_written, 2000u * 100);
  EXPECT_GE(stats.log_bytes_written, stats.user_bytes_written);
  EXPECT_GT(stats.flush_bytes_written, 0u);
  EXPECT_GE(stats.write_amplification, 1.0);
  EXPECT_LE(stats.write_amplification, 50.0);
  EXPECT_GE(stats.space_amplification, 1.0);
  EXPECT_LE(stats.space_amplification, 10.0);
  EXPECT_GE(stats.read_amplification, 1.0);
  uint64_t entries = 0, bytes = 0;
  for (const LevelStats& level : stats.levels) {
    entries += level.entries;
    bytes += level.bytes;
    EXPECT_EQ(level.tables == 0, level.bytes == 0);
  }
  EXPECT_GE(entries, 2000u);
  EXPECT_EQ(bytes, stats.table_bytes);
  EXPECT_LE(stats.filter_negatives, stats.filter_checks);
  EXPECT_LE(stats.filter_false_positives, stats.filter_checks);
  EXPECT_GT(stats.write_latency.count, 0u);
  EXPECT_LE(stats.write_latency.count, stats.commits + 15) << "one in 16 counts as 16";
  EXPECT_LE(stats.write_latency.p50_ns, stats.write_latency.p99_ns);
  EXPECT_GT(stats.get_latency.count, 0u);
  EXPECT_LE(stats.get_latency.count, stats.gets + 63) << "one in 64 counts as 64";
  EXPECT_EQ(stats.memory.budget_bytes, options_.memory_budget_bytes);
  EXPECT_FALSE(stats.writes_stopped);
  EXPECT_FALSE(stats.settings.empty());
  EXPECT_NE(stats.history_id, stats.instance_id);
}

// The queue that is read from its head: each scan meets few.
TEST_F(Watching, EachSkippedTombstoneCounts) {
  Open();
  for (int i = 0; i < 10; ++i) ASSERT_OK(db_->Put({}, "q" + std::to_string(i), "v"));
  for (int i = 0; i < 9; ++i) ASSERT_OK(db_->Delete({}, "q" + std::to_string(i)));
  const std::unique_ptr<Iterator> kept = db_->NewIterator({});
  for (int scan = 1; scan <= 20; ++scan) {
    const std::unique_ptr<Iterator> fresh = db_->NewIterator({});
    fresh->SeekToFirst();
    kept->SeekToFirst();
    ASSERT_EQ(fresh->key(), "q9");
    EXPECT_EQ(db_->GetStats().tombstones_skipped, 18u * (scan - 1))
        << "told with the next movement from elsewhere, or at the end";
  }
}

TEST_F(Watching, StatsAreJsonTextAndPrometheus) {
  Open();
  Fill(1000);
  ASSERT_OK(db_->CompactAll({}));
  const Stats stats = db_->GetStats();
  const std::optional<JsonFields> fields = ReadJson(stats.ToJson());
  ASSERT_TRUE(fields.has_value()) << stats.ToJson();
  ASSERT_TRUE(fields->contains("last_position"));
  EXPECT_EQ(fields->at("last_position"), "1000");
  EXPECT_EQ(fields->at("path"), path_);
  EXPECT_NE(stats.ToText().find("1,000"), std::string::npos) << stats.ToText();
  std::istringstream lines(stats.ToPrometheus());
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    EXPECT_TRUE(line.starts_with("logwood_")) << line;
    EXPECT_NE(line.rfind(' '), std::string::npos) << line;
    ++samples;
  }
  EXPECT_GT(samples, 20);
}

TEST_F(Watching, WaitDurableRaisesTheDurablePosition) {
  Open();
  ASSERT_OK_AND_ASSIGN(const LogPos first, db_->Put({.durability = Durability::kProcess}, "a", ""));
  ASSERT_OK_AND_ASSIGN(const LogPos second,
                       db_->Put({.durability = Durability::kProcess}, "b", ""));
  ASSERT_OK(db_->WaitDurable(first));
  EXPECT_GE(db_->DurablePosition(), first);
  ASSERT_OK(db_->WaitDurable(second));
  EXPECT_EQ(db_->DurablePosition(), second);
  EXPECT_OK(db_->WaitDurable(0));
  EXPECT_OK(db_->WaitDurable(first));
  ASSERT_OK_AND_ASSIGN(const LogPos third, db_->Put({.durability = Durability::kPower}, "c", ""));
  EXPECT_GE(db_->DurablePosition(), third);
  EXPECT_GE(db_->GetStats().log_syncs, 1u);
}

TEST_F(Watching, WaitingForTheFutureTimesOut) {
  Open();
  ASSERT_OK(db_->Put({}, "k", "v"));
  std::string value;
  EXPECT_OK(db_->Get({.at_least = 1}, "k", &value));
  const Deadline soon = DeadlineAfter(std::chrono::milliseconds(5));
  const ReadOptions options{.at_least = 2, .deadline = soon};
  EXPECT_STATUS(kTimeout, db_->Get(options, "k", &value));
  EXPECT_STATUS(kTimeout, db_->Contains(options, Keyspace(), "k"));
  const std::vector<std::string_view> keys = {"k"};
  std::vector<PinnedValue> values(1);
  EXPECT_STATUS(kTimeout, db_->MultiGet(options, Keyspace(), keys, values).at(0));
  const auto iterator = db_->NewIterator(
      {.snapshot = options.snapshot, .at_least = options.at_least, .deadline = options.deadline});
  iterator->SeekToFirst();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_STATUS(kTimeout, iterator->status());
  // Nothing was written that could become durable up to there.
  EXPECT_FALSE(db_->WaitDurable(2, soon).ok());
}

}  // namespace
}  // namespace logwood::test
