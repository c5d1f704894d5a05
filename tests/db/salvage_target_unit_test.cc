// SalvageTarget: what becomes of entries in the new database, and that there is none before the
// end.
#include "db/salvage_target.h"

#include "db/recovery.h"
#include "db/settings.h"
#include "tests/db/handmade_database.h"
#include "tests/support/wall_clock.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

constexpr uint64_t kNow = 1'700'000'000'000'000;

class SalvageTargetTest : public testing::Test {
 protected:
  SalvageTargetTest() {
    options_.fs = &fs_;
    options_.source = "db";
    options_.target = "saved";
    options_.memory_bytes = 4 << 20;
    // Of the source: "users" is 5, "logs" is 300, 6 was dropped.
    EXPECT_OK(source_.Apply(Catalogue::CreateOperations("logs", 300), 1));
    EXPECT_OK(source_.Apply(Catalogue::CreateOperations("users", 5), 2));
    EXPECT_OK(source_.Apply(Catalogue::CreateOperations("gone", 6), 3));
    EXPECT_OK(source_.Apply(Catalogue::DropOperations("gone", 6), 4));
  }
  void Begin(const std::string& settings = "", uint64_t record_bytes_max = 100) {
    target_ = std::make_unique<SalvageTarget>(options_, settings, source_, kNow);
    ASSERT_OK(target_->Open(record_bytes_max));
  }
  static MergedOnto Value(std::string_view value) {
    return {.kind = MergeBase::kValue, .value = value};
  }
  Status TryAdd(uint32_t keyspace, const std::string& key, const std::string& value) {
    const std::string stored = KeyspacePrefix(keyspace) + key;
    return target_->Add({stored, Value(value), {}});
  }
  // The content by keyspace.
  std::map<std::string, std::map<std::string, std::string>> Written() {
    std::map<std::string, std::map<std::string, std::string>> written;
    Options options;
    options.file_system = base_.get();
    auto db = DB::Open(options, "saved");
    EXPECT_OK(db);
    if (!db.ok()) return written;
    auto list = (*db)->ListKeyspaces();
    EXPECT_OK(list);
    for (const KeyspaceInfo& info : *list) {
      auto rows = test::Scan(db->get(), info.keyspace);
      EXPECT_OK(rows);
      written[info.name] = *rows;
    }
    EXPECT_OK((*db)->Close());
    return written;
  }
  Status TryReadOnly() {
    ReadOnlyOptions options;
    options.file_system = base_.get();
    return DB::OpenReadOnly(options, "saved").status();
  }

  const std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem fs_{base_.get()};
  SalvageOptions options_;
  Catalogue source_;
  std::unique_ptr<SalvageTarget> target_;
};

TEST_F(SalvageTargetTest, EntriesLieInTheKeyspacesOfTheirNamesAndEmptyOnesAreThere) {
  Begin();
  ASSERT_OK(TryAdd(kDefaultKeyspace, "a", "1"));
  ASSERT_OK(TryAdd(kDefaultKeyspace, "", "no key"));
  ASSERT_OK(TryAdd(300, "a", "2"));
  EXPECT_EQ(target_->records(), 3u);
  EXPECT_EQ(target_->bytes(), 1u + 1 + 6 + 1 + 1);
  EXPECT_EQ(target_->keyspaces(), 3u);
  ASSERT_OK(target_->Close());
  EXPECT_EQ(Written(),
            (std::map<std::string, std::map<std::string, std::string>>{
                {"default", {{"", "no key"}, {"a", "1"}}}, {"logs", {{"a", "2"}}}, {"users", {}}}));
}

// What has expired is no loss; the rest lasts as long as it had left.
TEST_F(SalvageTargetTest, WhatExpiresGoesOnToDoSo) {
  source_.operators().Record(5, {"append.2c", 1});
  test::WallClock clock(kNow);
  Begin();
  const auto expiring = [](std::string_view value, uint64_t expires_us) {
    return MergedOnto{.kind = MergeBase::kExpiring, .value = value, .expires_us = expires_us};
  };
  std::string merge;
  AppendMergeBase(&merge, {});
  AppendMergeOperand(&merge, "y");
  const std::string_view merges = merge;
  const std::string prefix = KeyspacePrefix(5);
  ASSERT_OK(target_->Add({prefix + "gone", expiring("1", kNow), {}}));
  ASSERT_OK(target_->Add({prefix + "later", expiring("2", kNow + 1000), {}}));
  ASSERT_OK(target_->Add({prefix + "merged", expiring("x", kNow + 1000), {&merges, 1}}));
  ASSERT_OK(target_->Add({prefix + "merged after", expiring("x", kNow), {&merges, 1}}));
  ASSERT_OK(target_->Add({prefix + "never", expiring("3", ~uint64_t{0}), {}}));
  EXPECT_EQ(target_->records(), 4u);
  ASSERT_OK(target_->Close());
  std::map<std::string, std::string> rows = {
      {"later", "2"}, {"merged", "x,y"}, {"merged after", "y"}, {"never", "3"}};
  EXPECT_EQ(Written()["users"], rows);
  clock.Set(kNow + 1000);
  rows.erase("later");
  rows["merged"] = "y";
  EXPECT_EQ(Written()["users"], rows);
}

TEST_F(SalvageTargetTest, TombstonesDroppedKeyspacesAndTheCatalogueAreLeftOut) {
  Begin();
  ASSERT_OK(TryAdd(kCatalogueKeyspace, "kmine", "\x07"));
  ASSERT_OK(TryAdd(6, "a", "dropped"));
  ASSERT_OK(TryAdd(kKeyspacesMax, "a", "no such number"));
  ASSERT_OK(target_->Add({"\xff\xff", Value("does not split"), {}}));
  EXPECT_EQ(target_->records(), 0u);
  EXPECT_EQ(target_->bytes(), 0u);
  ASSERT_OK(target_->Close());
  const auto written = Written();
  EXPECT_EQ(written.size(), 3u);
  for (const auto& [name, rows] : written) EXPECT_TRUE(rows.empty()) << name;
}

TEST_F(SalvageTargetTest, AKeyspaceWhoseNameIsLostGetsOneThatNobodyHas) {
  EXPECT_OK(source_.Apply(Catalogue::CreateOperations("salvaged-40", 7), 5));
  Begin();
  ASSERT_OK(TryAdd(7, "a", "named like it"));
  ASSERT_OK(TryAdd(40, "a", "first"));
  ASSERT_OK(TryAdd(40, "b", "second"));
  ASSERT_OK(TryAdd(41, "a", "third"));
  EXPECT_EQ(target_->renamed(),
            (std::map<uint32_t, std::string>{{40, "salvaged-40-"}, {41, "salvaged-41"}}));
  ASSERT_OK(target_->Close());
  auto written = Written();
  EXPECT_EQ(written.size(), 6u);
  EXPECT_EQ(written["salvaged-40"]["a"], "named like it");
  EXPECT_EQ(written["salvaged-40-"].size(), 2u);
  EXPECT_EQ(written["salvaged-41"]["a"], "third");
}

TEST_F(SalvageTargetTest, BeforeTheEndThereIsNoDatabase) {
  bool begun = false;
  options_.target_begun = [&] {
    begun = true;
    EXPECT_FALSE(*base_->Exists("saved/salvage.new/ROOT"));
  };
  Begin();
  EXPECT_TRUE(begun);
  ASSERT_OK(TryAdd(kDefaultKeyspace, "a", "1"));
  EXPECT_STATUS(kNotFound, TryReadOnly());
  ASSERT_OK(target_->Close());
  EXPECT_OK(TryReadOnly());
  EXPECT_FALSE(*base_->Exists("saved/salvage.new")) << "nothing else is left";
}

// Wherever it is cut off, what lies in the target is the whole database or none.
TEST_F(SalvageTargetTest, AFailureAnywhereLeavesTheWholeDatabaseOrNone) {
  uint64_t failures = 0;
  bool done = false;
  for (uint64_t n = 1; !done; ++n) {
    ASSERT_LT(n, 2'000u);
    SCOPED_TRACE(n);
    options_.target = "saved" + std::to_string(n);
    target_ = std::make_unique<SalvageTarget>(options_, "", source_, kNow);
    fs_.FailFromOperation(n);
    Status status = target_->Open(100);
    if (status.ok()) status = TryAdd(kDefaultKeyspace, "a", "1");
    if (status.ok()) status = target_->Close();
    target_.reset();
    fs_.FailOperation(0);
    done = status.ok();
    failures += status.ok() ? 0 : 1;
    ReadOnlyOptions options;
    options.file_system = base_.get();
    auto db = DB::OpenReadOnly(options, options_.target);
    if (db.ok()) {
      std::string value;
      EXPECT_OK((*db)->Get({}, "a", &value));
    } else {
      const Status refused = db.status();  // kCorruption: some files were moved, ROOT was not
      EXPECT_TRUE(refused.Is(StatusCode::kNotFound) || refused.Is(StatusCode::kCorruption))
          << refused.ToString();
      EXPECT_FALSE(status.ok());
    }
  }
  EXPECT_GT(failures, 20u);
}

TEST_F(SalvageTargetTest, WhatWasStoredWithTheSourceGoesOnToBeInForce) {
  Options given;
  given.durability = Durability::kPower;
  given.tuning.block_bytes = 8192;
  given.tuning.filter_bits_per_key = 3;
  const std::string stored = ResolveSettings(given, std::nullopt)->EncodeStored();
  for (const std::string& settings : {stored, std::string("no settings at all")}) {
    options_.target = "saved" + std::to_string(settings.size());
    Begin(settings);
    ASSERT_OK(target_->Close());
    auto tree = LoadTree(base_.get(), options_.target);
    ASSERT_OK(tree);
    const auto found = ResolveSettings(Options(), tree->settings);
    ASSERT_OK(found);
    const Settings defaults = *ResolveSettings(Options(), std::nullopt);
    const bool is_stored = settings == stored;
    EXPECT_EQ(found->durability, is_stored ? Durability::kPower : defaults.durability);
    EXPECT_EQ(found->block_bytes, is_stored ? 8192u : defaults.block_bytes);
    EXPECT_EQ(found->filter_bits_per_key, is_stored ? 3u : defaults.filter_bits_per_key);
  }
}

TEST_F(SalvageTargetTest, TheLargestRecordFitsHoweverLittleMemoryIsGiven) {
  options_.memory_bytes = 1;
  const std::string large(3 << 20, 'x');
  Begin("", test::StoredKey("a").size() + large.size());
  ASSERT_OK(TryAdd(kDefaultKeyspace, "a", large));
  ASSERT_OK(TryAdd(kDefaultKeyspace, "b", large));
  ASSERT_OK(target_->Close());
  const auto written = Written();
  EXPECT_EQ(written.at("default").size(), 2u);
  EXPECT_EQ(written.at("default").at("b"), large);
}

// In memory they take several times what they take in the log.
TEST_F(SalvageTargetTest, SoDoAnyNumberOfTinyOnes) {
  options_.memory_bytes = 1;
  Begin();
  for (int i = 0; i < 8'000; ++i) {
    ASSERT_OK(TryAdd(kDefaultKeyspace, std::to_string(10'000 + i), ""));
  }
  ASSERT_OK(target_->Close());
  EXPECT_EQ(Written().at("default").size(), 8'000u);
}

TEST_F(SalvageTargetTest, WhatAnUnfinishedOneLeftIsNotWrittenOver) {
  Begin();
  target_.reset();
  SalvageTarget again(options_, "", source_, kNow);
  EXPECT_STATUS(kAlreadyExists, again.Open(100));
}

}  // namespace
}  // namespace logwood
