// Every limit of types.h, options.h and write_batch.h: what is just inside works, what is just
// outside is kInvalidArgument, names its limit and changes nothing.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "util/random.h"

namespace logwood::test {
namespace {

class Limits : public DatabaseTest {
 protected:
  // Refused with the limit's name or number; no position taken.
  void ExpectRefused(const Status& status, std::string_view name, uint64_t limit) {
    EXPECT_STATUS(kInvalidArgument, status);
    const std::string_view message = status.message();
    EXPECT_TRUE(message.find(name) != std::string_view::npos ||
                message.find(std::to_string(limit)) != std::string_view::npos)
        << status.ToString() << " does not name " << name;
    EXPECT_EQ(db_->LastPosition(), last_);
  }
  void ExpectAccepted(const Result<LogPos>& position) {
    ASSERT_OK(position.status());
    EXPECT_EQ(*position, ++last_);
  }
  LogPos last_ = 0;
};

TEST_F(Limits, KeysUpToTheLimit) {
  Open();
  const std::string longest(kKeyBytesMax, 'k');
  const std::string longer(kKeyBytesMax + 1, 'k');
  ExpectAccepted(db_->Put({}, longest, "value"));
  EXPECT_EQ(Value(longest), "value");
  ExpectRefused(db_->Put({}, longer, "value").status(), "kKeyBytesMax", kKeyBytesMax);
  ExpectRefused(db_->Delete({}, longer).status(), "kKeyBytesMax", kKeyBytesMax);
  WriteBatch batch;
  batch.Put("fine", "");
  batch.Delete(longer);
  batch.Put("fine, too", "");
  EXPECT_STATUS(kInvalidArgument, batch.status());
  ExpectRefused(db_->Write({}, batch).status(), "kKeyBytesMax", kKeyBytesMax);
  EXPECT_EQ(Value("fine"), "<NotFound>");
  ExpectAccepted(db_->Delete({}, longest));
  ASSERT_OK(db_->Flush());
  EXPECT_EQ(Entries(), "");
}

// Reads of a key that cannot be there: not found, or refused by name; nothing worse.
TEST_F(Limits, ReadsOfTooLongKeys) {
  Open();
  const std::string longer(kKeyBytesMax + 1, 'k');
  ExpectAccepted(db_->Put({}, longer.substr(1), "value"));
  std::string value;
  const Status got = db_->Get({}, longer, &value);
  EXPECT_TRUE(got.Is(StatusCode::kNotFound) || got.Is(StatusCode::kInvalidArgument));
  const auto iterator = db_->NewIterator({});
  iterator->Seek(longer);
  EXPECT_FALSE(iterator->Valid());
  iterator->SeekForPrev(longer);
  if (iterator->status().ok()) {
    EXPECT_EQ(iterator->key().size(), kKeyBytesMax);
  }
}

TEST_F(Limits, BatchUpToAQuarterOfTheBudget) {
  options_.memory_budget_bytes = 8 << 20;
  Open();
  const std::string value((1 << 20) - 1000, 'v');
  WriteBatch batch;
  batch.Put("a", value);
  batch.Put("b", value);
  ExpectAccepted(db_->Write({}, batch));
  batch.Put("c", value);
  const Status refused = db_->Write({}, batch).status();
  EXPECT_STATUS(kInvalidArgument, refused);
  EXPECT_NE(refused.message().find("budget"), std::string_view::npos) << refused.ToString();
  EXPECT_STATUS(kInvalidArgument, db_->Put({}, "c", std::string(3 << 20, 'v')));
  EXPECT_EQ(db_->LastPosition(), last_);
  EXPECT_EQ(Value("c"), "<NotFound>");
  EXPECT_EQ(Value("b"), value);
}

// A tiny operation takes several times its bytes in memory: the limit is about that.
TEST_F(Limits, BatchesOfTinyOperationsCountByTheMemoryTheyTake) {
  options_.memory_budget_bytes = 16 << 20;
  options_.tuning = {};
  const uint64_t limit = options_.memory_budget_bytes / 4;
  for (const bool ascending : {true, false}) {
    Open();
    WriteBatch batch;
    Random random(1);
    for (uint32_t i = 0; batch.memory_bytes() + 100 <= limit; ++i) {
      const uint32_t number =
          ascending ? __builtin_bswap32(i) : static_cast<uint32_t>(random.Next());
      batch.Delete({reinterpret_cast<const char*>(&number), sizeof(number)});
    }
    EXPECT_LT(batch.bytes(), limit / 5);
    ASSERT_OK(db_->Flush());
    const uint64_t before = db_->GetStats().memory.memtable_bytes;
    ASSERT_OK(db_->Write({}, batch));
    const uint64_t grown = db_->GetStats().memory.memtable_bytes - before;
    EXPECT_LE(grown, limit + (1 << 20)) << "and the rest of an arena's block";
    EXPECT_GE(grown, limit / 2) << "the limit need not be so strict";
    last_ = db_->LastPosition();
    for (char c = 'a'; c <= 'z'; ++c) batch.Put({&c, 1}, "");
    const Status refused = db_->Write({}, batch).status();
    ExpectRefused(refused, "a quarter of memory_budget_bytes", limit);
    EXPECT_NE(refused.message().find(std::to_string(batch.memory_bytes())), std::string_view::npos)
        << refused.ToString();
    Close();
  }
}

TEST_F(Limits, BatchUpToTheLargest) {
  options_.memory_budget_bytes = 512 << 20;
  options_.tuning = {};
  Open();
  WriteBatch batch;
  const std::string value(kBatchBytesMax - 1000, 'v');
  batch.Put("big", value);
  ExpectAccepted(db_->Write({}, batch));
  batch.Put("more", std::string(2000, 'v'));
  ExpectRefused(db_->Write({}, batch).status(), "kBatchBytesMax", kBatchBytesMax);
  ExpectRefused(db_->Put({}, "k", std::string(kBatchBytesMax + 1, 'v')).status(), "kBatchBytesMax",
                kBatchBytesMax);
  PinnedValue pinned;
  ASSERT_OK(db_->Get({}, "big", &pinned));
  EXPECT_EQ(pinned.view(), value);
}

TEST_F(Limits, Notes) {
  Open();
  WriteBatch batch;
  batch.Put("k", "v");
  batch.Note(std::string(kNoteBytesMax, 'n'));
  ExpectAccepted(db_->Write({}, batch));
  batch.Note(std::string(kNoteBytesMax + 1, 'n'));
  ExpectRefused(db_->Write({}, batch).status(), "kNoteBytesMax", kNoteBytesMax);
}

TEST_F(Limits, KeyspaceNames) {
  Open();
  ExpectRefused(db_->CreateKeyspace({}, "").status(), "kKeyspaceNameBytesMax",
                kKeyspaceNameBytesMax);
  ExpectRefused(db_->CreateKeyspace({}, std::string(kKeyspaceNameBytesMax + 1, 'n')).status(),
                "kKeyspaceNameBytesMax", kKeyspaceNameBytesMax);
  const std::string longest(kKeyspaceNameBytesMax, 'n');
  ASSERT_OK(db_->CreateKeyspace({}, longest));
  EXPECT_EQ(db_->LastPosition(), 1u);
  EXPECT_OK(db_->OpenKeyspace(longest));
  EXPECT_FALSE(db_->OpenKeyspace("").ok());
  EXPECT_FALSE(db_->DropKeyspace({}, "").ok());
}

// Numbers are not given again: those of dropped keyspaces count.
TEST_F(Limits, KeyspacesInAllTheLifeOfADatabase) {
  options_.tuning = {};  // each log segment begins with the catalogue: few segments
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace second, db_->CreateKeyspace({}, "dropped"));
  ASSERT_OK(db_->DropKeyspace({}, "dropped"));
  Keyspace last = second;
  while (last.number() + 1 < kKeyspacesMax) {
    ASSERT_OK_AND_ASSIGN(last, db_->CreateKeyspace({}, "k" + std::to_string(last.number())));
  }
  ASSERT_OK(db_->Put({}, last, "a", "1"));
  const LogPos before = db_->LastPosition();
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    const auto more = db_->CreateKeyspace({}, "one more");
    EXPECT_STATUS(kInvalidArgument, more);
    EXPECT_NE(more.status().ToString().find("all 65000 numbers (kKeyspacesMax) are used up"),
              std::string::npos)
        << more.status().ToString();
    EXPECT_EQ(db_->LastPosition(), before) << "a refusal took a position";
    EXPECT_STATUS(kNotFound, db_->OpenKeyspace("one more"));
    std::string value;
    EXPECT_OK(db_->Get({}, last, "a", &value));
  }
}

struct OptionCase {
  const char* name;  // as a message must name it
  std::function<void(Options*)> set;
};

std::vector<OptionCase> OptionsOutOfRange() {
  return {
      {"memory_budget_bytes",
       [](Options* o) { o->memory_budget_bytes = kMemoryBudgetBytesMin - 1; }},
      {"memory_budget_bytes", [](Options* o) { o->memory_budget_bytes = 0; }},
      {"memory_budget_bytes",
       [](Options* o) { o->memory_budget_bytes = kMemoryBudgetBytesMax + 1; }},
      {"durability", [](Options* o) { o->durability = static_cast<Durability>(9); }},
      {"compression", [](Options* o) { o->compression = static_cast<Compression>(9); }},
      {"memtable_bytes", [](Options* o) { o->tuning.memtable_bytes = (4 << 10) - 1; }},
      {"memtable_bytes", [](Options* o) { o->tuning.memtable_bytes = (1 << 30) + 1; }},
      {"table_bytes", [](Options* o) { o->tuning.table_bytes = (1 << 10) - 1; }},
      {"table_bytes", [](Options* o) { o->tuning.table_bytes = (4ULL << 30) + 1; }},
      {"cache_bytes", [](Options* o) { o->tuning.cache_bytes = o->memory_budget_bytes + 1; }},
      {"block_bytes", [](Options* o) { o->tuning.block_bytes = 255; }},
      {"block_bytes", [](Options* o) { o->tuning.block_bytes = (256 << 10) + 1; }},
      {"filter_bits_per_key", [](Options* o) { o->tuning.filter_bits_per_key = 33; }},
      {"level0_tables", [](Options* o) { o->tuning.level0_tables = 1; }},
      {"level0_tables", [](Options* o) { o->tuning.level0_tables = 65; }},
      {"level_multiplier", [](Options* o) { o->tuning.level_multiplier = 3; }},
      {"level_multiplier", [](Options* o) { o->tuning.level_multiplier = 33; }},
      {"background_threads", [](Options* o) { o->tuning.background_threads = 65; }},
      {"log_segment_bytes", [](Options* o) { o->tuning.log_segment_bytes = (4 << 10) - 1; }},
      {"log_segment_bytes", [](Options* o) { o->tuning.log_segment_bytes = (1 << 30) + 1; }},
      {"event_log_bytes", [](Options* o) { o->tuning.event_log_bytes = (4 << 10) - 1; }},
      {"event_log_bytes", [](Options* o) { o->tuning.event_log_bytes = (1 << 30) + 1; }},
      {"log_retention",
       [](Options* o) { o->log_retention = LogRetention{.age_min = std::chrono::seconds(-1)}; }},
  };
}

TEST_F(Limits, OptionsOutOfRangeAreRefusedByName) {
  for (const OptionCase& option : OptionsOutOfRange()) {
    Options options = options_;
    option.set(&options);
    const Status status = DB::Open(options, path_).status();
    EXPECT_STATUS(kInvalidArgument, status) << option.name;
    EXPECT_NE(status.message().find(option.name), std::string_view::npos) << status.ToString();
  }
  // None of them made a database.
  options_.create_if_missing = false;
  EXPECT_FALSE(DB::Open(options_, path_).ok());
}

TEST_F(Limits, OptionsAtTheEndsOfTheirRangesWork) {
  Options low = options_;
  low.memory_budget_bytes = kMemoryBudgetBytesMin;
  low.tuning = {};
  Options small = options_;
  small.tuning = {.memtable_bytes = 4 << 10,
                  .table_bytes = 1 << 10,
                  .block_bytes = 256,
                  .cache_bytes = 0,
                  .filter_bits_per_key = 0,
                  .level0_tables = 2,
                  .level_multiplier = 4,
                  .background_threads = 1,
                  .log_segment_bytes = 4 << 10,
                  .event_log_bytes = 4 << 10};
  Options large = options_;
  large.memory_budget_bytes = 4ULL << 30;
  large.tuning = {.memtable_bytes = 1 << 30,
                  .table_bytes = 4ULL << 30,
                  .block_bytes = 256 << 10,
                  .cache_bytes = {},
                  .filter_bits_per_key = 32,
                  .level0_tables = 64,
                  .level_multiplier = 32,
                  .background_threads = 64,
                  .log_segment_bytes = 1 << 30,
                  .event_log_bytes = 1 << 30};
  int number = 0;
  for (const Options& options : {low, small, large}) {
    Result<std::unique_ptr<DB>> opened =
        DB::Open(options, place_.Join("ends" + std::to_string(number++)));
    ASSERT_OK(opened.status());
    ASSERT_OK((*opened)->Put({}, "k", "v"));
    ASSERT_OK((*opened)->Flush());
    EXPECT_OK((*opened)->Close());
  }
}

TEST_F(Limits, DurabilityOfAWriteMustBeOneThereIs) {
  Open();
  EXPECT_STATUS(kInvalidArgument, db_->Put({.durability = static_cast<Durability>(9)}, "k", "v"));
  EXPECT_EQ(db_->LastPosition(), 0u);
}

}  // namespace
}  // namespace logwood::test
