// Merges through the whole engine: whatever was folded where, each way to read says what the
// operands say, one after the other.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/database_fixture.h"
#include "util/random.h"

namespace logwood::test {
namespace {

// The longer text wins, of two equally long ones the later.
class Longest : public MergeOperator {
 public:
  explicit Longest(uint32_t version = 1) : version_(version) {}
  std::string_view name() const override { return "test.longest"; }
  uint32_t version() const override { return version_; }
  Status Check(std::string_view operand) const override {
    return operand == "bad" ? Status::InvalidArgument("longest: bad") : Status::Ok();
  }
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    if (older == "poison" || newer == "poison") return false;
    result->assign(newer.size() >= older.size() ? newer : older);
    return true;
  }

 private:
  const uint32_t version_;
};

class Merging : public DatabaseTest {
 protected:
  void OpenWith(std::shared_ptr<const MergeOperator> merge_operator) {
    options_.keyspaces["default"].merge_operator = std::move(merge_operator);
    Open();
  }
  std::string Number(std::string_view key, const Snapshot* snapshot = nullptr) {
    const std::string value = Value(key, snapshot);
    const auto number = DecodeInt64(value);
    return number ? std::to_string(*number) : value;
  }
  void Add(std::string_view key, int64_t number) {
    ASSERT_OK(db_->Merge({}, key, EncodeInt64(number)));
  }
};

TEST_F(Merging, ACounterCounts) {
  OpenWith(MergeOperator::AddInt64());
  EXPECT_EQ(Number("n"), "<NotFound>");
  Add("n", 5);
  EXPECT_EQ(Number("n"), "5");
  Add("n", -7);
  EXPECT_EQ(Number("n"), "-2");
  ASSERT_OK(db_->Flush());
  EXPECT_EQ(Number("n"), "-2");
  Add("n", 1);
  Add("n", 1);
  EXPECT_EQ(Number("n"), "0");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  EXPECT_EQ(Number("n"), "0");
  ASSERT_OK(db_->Put({}, "n", EncodeInt64(100)));
  Add("n", 1);
  EXPECT_EQ(Number("n"), "101");
  ASSERT_OK(db_->Delete({}, "n"));
  Add("n", 1);
  EXPECT_EQ(Number("n"), "1");
  ASSERT_OK(db_->DeleteRange({}, "a", std::nullopt));
  Add("n", 3);
  EXPECT_EQ(Number("n"), "3");
  Reopen();
  EXPECT_EQ(Number("n"), "3");
}

// Each way to read says which key it is, and goes on behind it.
TEST_F(Merging, ARefusedKeyIsNamedAndCanBePassed) {
  options_.keyspaces["coun\nters"].merge_operator = MergeOperator::AddInt64();
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace counters, db_->CreateKeyspace({}, "coun\nters"));
  const std::string bad("b\0d", 3);
  for (const std::string& key : {std::string("a"), bad, std::string("c")}) {
    ASSERT_OK(db_->Put({}, counters, key, key == bad ? "no number" : EncodeInt64(1)));
    ASSERT_OK(db_->Merge({}, counters, key, EncodeInt64(1)));
  }
  const std::string said =
      "InvalidArgument: key \"b\\x00d\" of keyspace \"coun\\nters\": merge operator add_int64 "
      "refuses what is stored for the key";
  for (const bool is_flushed : {false, true}) {
    if (is_flushed) {
      ASSERT_OK(db_->CompactAll({}));
    }
    ASSERT_OK_AND_ASSIGN(const auto transaction, db_->BeginTransaction({}));
    std::string value;
    EXPECT_EQ(db_->Get({}, counters, bad, &value).ToString(), said);
    EXPECT_EQ(transaction->Get(counters, bad, &value).ToString(), said);
    EXPECT_TRUE(*db_->Contains({}, counters, bad));
    const std::vector<std::string_view> keys = {"a", bad, "c"};
    std::vector<PinnedValue> values(keys.size());
    const std::vector<Status> statuses = db_->MultiGet({}, counters, keys, values);
    EXPECT_OK(statuses[0]);
    EXPECT_EQ(statuses[1].ToString(), said);
    EXPECT_OK(statuses[2]);
    for (const auto& it : {db_->NewIterator({}, counters).release(),
                           transaction->NewIterator({}, counters).release()}) {
      const std::unique_ptr<Iterator> owned(it);
      it->SeekToFirst();
      ASSERT_TRUE(it->Valid());
      it->Next();
      EXPECT_FALSE(it->Valid());
      EXPECT_EQ(it->status().ToString(), said);
      EXPECT_EQ(it->key(), bad);
      it->Next();
      EXPECT_EQ(it->status().ToString(), said);
      it->Seek(std::string(it->key()) + '\0');
      ASSERT_TRUE(it->Valid());
      EXPECT_OK(it->status());
      EXPECT_EQ(it->key(), "c");
      it->Prev();
      EXPECT_FALSE(it->Valid());
      EXPECT_EQ(it->status().ToString(), said);
      EXPECT_EQ(it->key(), bad);
    }
    IteratorOptions before;
    before.upper = bad;
    const auto it = db_->NewIterator(before, counters);
    it->SeekToLast();
    ASSERT_TRUE(it->Valid());
    EXPECT_EQ(it->key(), "a");
  }
}

// What is built in, now or later, would be taken for it where it is not given.
TEST_F(Merging, ANameOfBuiltInOperatorsIsForThose) {
  class Named : public Longest {
   public:
    explicit Named(std::string name) : name_(std::move(name)) {}
    std::string_view name() const override { return name_; }

   private:
    const std::string name_;
  };
  for (const std::string name : {"longest", "add_int64", "append", "append.2c", "append.own"}) {
    options_.keyspaces["other"].merge_operator = std::make_shared<Named>(name);
    const Status refused = DB::Open(options_, path_).status();
    EXPECT_STATUS(kInvalidArgument, refused);
    EXPECT_NE(refused.message().find("\"acme." + name + "\""), std::string_view::npos)
        << refused.ToString();
    ReadOnlyOptions read_only = ReadOnly();
    read_only.keyspaces = options_.keyspaces;
    EXPECT_STATUS(kInvalidArgument, DB::OpenReadOnly(read_only, path_).status());
  }
  options_.keyspaces["other"].merge_operator = std::make_shared<Named>("acme.append");
  Open();
  Close();
  for (const std::string name : {"add_int64", "append", "append.2c"}) {
    options_.keyspaces["other"].merge_operator = MergeOperator::BuiltIn(name);
    Open();
    Close();
  }
}

TEST_F(Merging, AHotCounterIsOneEntryAwayWhateverLiesBelow) {
  options_.tuning.memtable_bytes = 8 << 20;
  OpenWith(MergeOperator::AddInt64());
  constexpr int kMerges = 20'000;
  for (int i = 0; i < kMerges; ++i) Add("n", 1);
  EXPECT_EQ(Number("n"), std::to_string(kMerges));
  // Replayed, they are folded as well: else each read would look at all of them.
  Reopen();
  for (int i = 0; i < 2'000; ++i) ASSERT_EQ(Number("n"), std::to_string(kMerges));
  ASSERT_OK(db_->Flush());
  EXPECT_EQ(db_->Estimate(Keyspace(), {}).entries, 1);
}

TEST_F(Merging, SnapshotsSeeWhatWas) {
  OpenWith(MergeOperator::AddInt64());
  std::vector<std::shared_ptr<const Snapshot>> snapshots;
  for (int i = 1; i <= 12; ++i) {
    Add("n", 1);
    ASSERT_OK_AND_ASSIGN(snapshots.emplace_back(), db_->GetSnapshot());
    if (i % 4 == 0) {
      ASSERT_OK(db_->Flush());
    }
  }
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < snapshots.size(); ++i) {
      if (snapshots[i] == nullptr) continue;
      EXPECT_EQ(Number("n", snapshots[i].get()), std::to_string(i + 1)) << round;
    }
    EXPECT_EQ(Number("n"), "12");
    for (size_t i = static_cast<size_t>(round); i < snapshots.size(); i += 3)
      snapshots[i] = nullptr;
    ASSERT_OK(db_->CompactAll({}));
  }
  EXPECT_EQ(Number("n"), "12");
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(db_->Estimate(Keyspace(), {}).entries, 1);
}

TEST_F(Merging, ABatchFoldsItsOwn) {
  OpenWith(MergeOperator::Append(","));
  ASSERT_OK(db_->Put({}, "k", "old"));
  WriteBatch batch;
  batch.Merge("k", "a");
  batch.Merge("k", "b");
  EXPECT_EQ(batch.merge_count(), 2);
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Value("k"), "old,a,b");
  batch.Clear();
  EXPECT_EQ(batch.merge_count(), 0);
  batch.Merge("k", "lost");
  batch.Put("k", "new");
  batch.Merge("k", "c");
  batch.Merge("j", "alone");
  batch.Merge("i", "gone");
  batch.DeleteRange("i", "j");
  batch.Merge("i", "back");
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Value("k"), "new,c");
  EXPECT_EQ(Value("j"), "alone");
  EXPECT_EQ(Value("i"), "back");
  batch.Clear();
  batch.Delete("k");
  batch.Merge("k", "again");
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Value("k"), "again");
  Reopen();
  EXPECT_EQ(Value("k"), "again");
}

TEST_F(Merging, NeedAnOperatorThatIsRecorded) {
  Open();
  EXPECT_STATUS(kInvalidArgument, db_->Merge({}, "k", "1").status());
  ASSERT_OK_AND_ASSIGN(const LogPos before, db_->Put({}, "other", "1"));
  Close();
  OpenWith(MergeOperator::Append());
  EXPECT_EQ(db_->LastPosition(), before + 1);  // recorded
  ASSERT_OK(db_->Merge({}, "k", "1"));
  // From then on an open finds it by itself, and no other one.
  options_.keyspaces.clear();
  Reopen();
  EXPECT_EQ(db_->LastPosition(), before + 2);
  ASSERT_OK(db_->Merge({}, "k", "2"));
  EXPECT_EQ(Value("k"), "12");
  ASSERT_OK(db_->Flush());
  Close();
  options_.keyspaces["default"].merge_operator = MergeOperator::BitOr();
  EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path_).status());
  options_.keyspaces["default"].merge_operator = MergeOperator::Append();
  Open();
  EXPECT_EQ(Value("k"), "12");
}

TEST_F(Merging, BelongToTheirKeyspace) {
  options_.keyspaces["counters"].merge_operator = MergeOperator::AddInt64();
  options_.keyspaces["lists"].merge_operator = MergeOperator::Append();
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace counters, db_->CreateKeyspace({}, "counters"));
  ASSERT_OK_AND_ASSIGN(const Keyspace plain, db_->CreateKeyspace({}, "plain"));
  ASSERT_OK_AND_ASSIGN(const Keyspace lists, db_->CreateKeyspace({}, "lists"));
  EXPECT_STATUS(kInvalidArgument, db_->Merge({}, counters, "k", "no number").status());
  EXPECT_STATUS(kInvalidArgument, db_->Merge({}, plain, "k", "a").status());
  WriteBatch batch;
  batch.Merge(counters, "k", EncodeInt64(4));
  batch.Merge(lists, "k", "a");
  ASSERT_OK(db_->Write({}, batch));
  batch.Merge(plain, "k", "a");
  EXPECT_STATUS(kInvalidArgument, db_->Write({}, batch).status());
  EXPECT_EQ(ValueIn(counters, "k"), EncodeInt64(4));
  EXPECT_EQ(ValueIn(lists, "k"), "a");
  // Dropped and made again without one.
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot());
  ASSERT_OK(db_->DropKeyspace({}, "lists"));
  EXPECT_EQ(ValueIn(lists, "k", snapshot.get()), "a");
}

TEST_F(Merging, WithoutItsOperatorAKeyspaceKeepsWhatItHas) {
  OpenWith(std::make_shared<Longest>());
  EXPECT_STATUS(kInvalidArgument, db_->Merge({}, "k", "bad").status());
  ASSERT_OK(db_->Merge({}, "k", "long"));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Merge({}, "k", "longest"));
  ASSERT_OK(db_->Put({}, "l", "value"));
  options_.keyspaces.clear();
  Reopen();
  EXPECT_STATUS(kInvalidArgument, db_->Merge({}, "k", "more").status());
  EXPECT_EQ(Value("k"), "<InvalidArgument>");
  EXPECT_EQ(Value("l"), "value");
  ASSERT_OK_AND_ASSIGN(const bool is_there, db_->Contains({}, Keyspace(), "k"));
  EXPECT_TRUE(is_there);
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(Value("k"), "<InvalidArgument>");
  Close();
  options_.keyspaces["default"].merge_operator = std::make_shared<Longest>(2);
  EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path_).status());
  options_.keyspaces["default"].merge_operator = std::make_shared<Longest>();
  Open();
  EXPECT_EQ(Value("k"), "longest");
  Close();
  ReadOnlyOptions read_only = ReadOnly();
  read_only.keyspaces = options_.keyspaces;
  ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly(read_only, path_));
  std::string value;
  ASSERT_OK(reader->Get({}, "k", &value));
  EXPECT_EQ(value, "longest");
}

TEST_F(Merging, WhatTheOperatorRefusesStaysAnErrorUntilItIsPut) {
  OpenWith(std::make_shared<Longest>());
  ASSERT_OK(db_->Put({}, "k", "poison"));
  ASSERT_OK(db_->Merge({}, "k", "a"));
  ASSERT_OK(db_->Put({}, "l", "value"));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Value("k"), "<InvalidArgument>");
    const auto it = db_->NewIterator({});
    it->SeekToFirst();
    EXPECT_FALSE(it->Valid());
    EXPECT_STATUS(kInvalidArgument, it->status());
    it->Seek("l");
    ASSERT_TRUE(it->Valid());
    EXPECT_EQ(it->value(), "value");
    ASSERT_OK(round == 0 ? db_->Flush() : db_->CompactAll({.force_last_level = true}));
  }
  ASSERT_OK(db_->Put({}, "k", "b"));
  EXPECT_EQ(Value("k"), "b");
}

// ---- Against a map.

class MergingLikeAMap : public Merging {
 protected:
  using Rows = std::map<std::string, std::string>;
  static constexpr int kKeys = 12;

  std::string Key() { return "k" + std::to_string(random_.Uniform(kKeys)); }

  void Change() {
    WriteBatch batch;
    for (uint64_t left = 1 + random_.Uniform(3); left > 0; --left) {
      const std::string key = Key();
      const uint64_t kind = random_.Uniform(12);
      if (kind == 0) {
        batch.Put(key, "p" + std::to_string(++count_));
        rows_[key] = "p" + std::to_string(count_);
      } else if (kind == 1) {
        batch.Delete(key);
        rows_.erase(key);
      } else if (kind == 2) {
        const std::string end = key + "~";
        batch.DeleteRange(key, end);
        rows_.erase(rows_.lower_bound(key), rows_.lower_bound(end));
      } else {
        const std::string operand =
            std::to_string(++count_) + std::string(random_.OneIn(8) ? 90 : 0, '+');
        batch.Merge(key, operand);
        const auto at = rows_.find(key);
        rows_[key] = at == rows_.end() ? operand : at->second + "," + operand;
      }
    }
    ASSERT_OK(db_->Write({}, batch));
  }

  Rows Read(const Snapshot* snapshot, bool forward) {
    IteratorOptions options;
    options.snapshot = snapshot;
    return RowsOf(db_->NewIterator(options).get(), forward);
  }
  void ExpectRows(const Rows& rows, const Snapshot* snapshot) {
    ASSERT_EQ(Read(snapshot, true), rows);
    ASSERT_EQ(Read(snapshot, false), rows);
    for (int n = 0; n < kKeys; ++n) {
      const std::string key = "k" + std::to_string(n);
      const auto at = rows.find(key);
      ASSERT_EQ(Value(key, snapshot), at == rows.end() ? "<NotFound>" : at->second) << key;
    }
    WalkBothWays(rows, snapshot);
  }
  void WalkBothWays(const Rows& rows, const Snapshot* snapshot) {
    IteratorOptions options;
    options.snapshot = snapshot;
    const auto it = db_->NewIterator(options);
    it->SeekToFirst();
    auto at = rows.begin();
    for (int step = 0; step < 30 && at != rows.end(); ++step) {
      ASSERT_TRUE(it->Valid());
      ASSERT_EQ(it->key(), at->first);
      ASSERT_EQ(it->value(), at->second);
      if (at != rows.begin() && random_.OneIn(3)) {
        it->Prev();
        --at;
      } else {
        it->Next();
        ++at;
      }
    }
  }

  Random random_{1};
  int count_ = 0;
  Rows rows_;
};

TEST_F(MergingLikeAMap, WhateverWasFoldedWhere) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    random_ = Random(seed);
    options_.keyspaces["default"].merge_operator = MergeOperator::Append(",");
    Open();
    rows_.clear();
    std::vector<std::pair<std::shared_ptr<const Snapshot>, Rows>> snapshots;
    for (int step = 0; step < 250; ++step) {
      Change();
      switch (random_.Uniform(40)) {
        case 0:
          ASSERT_OK(db_->Flush());
          break;
        case 1:
          ASSERT_OK(db_->CompactAll({.force_last_level = random_.OneIn(2)}));
          break;
        case 2: {
          ASSERT_OK_AND_ASSIGN(auto snapshot, db_->GetSnapshot());
          snapshots.emplace_back(std::move(snapshot), rows_);
          break;
        }
        case 3:
          if (!snapshots.empty()) {
            snapshots.erase(snapshots.begin() +
                            static_cast<ptrdiff_t>(random_.Uniform(snapshots.size())));
          }
          break;
        case 4:
          if (random_.OneIn(3)) {
            snapshots.clear();
            Reopen();
          }
          break;
        default:
          break;
      }
      if (step % 10 != 0) continue;
      ASSERT_NO_FATAL_FAILURE(ExpectRows(rows_, nullptr));
      for (const auto& [snapshot, rows] : snapshots) {
        ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, snapshot.get()));
      }
    }
    snapshots.clear();
    Close();
    ASSERT_OK(DB::Destroy(options_, path_));
  }
}

}  // namespace
}  // namespace logwood::test
