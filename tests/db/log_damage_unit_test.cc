// RecoveryInfo::log_damage: what a read-only open leaves out of a damaged log, and that it says the
// same as an open that refuses.
#include <gtest/gtest.h>

#include <string>

#include "db/damage.h"
#include "tests/db/recovery_fixture.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

class LogDamageTest : public test::RecoveryFixture {
 protected:
  Damage DamageOfReadOnly() {
    ReadOnlyOptions options;
    options.file_system = fs_.get();
    options.allow_damaged_log = true;
    const auto db = DB::OpenReadOnly(options, "db");
    EXPECT_OK(db.status());
    if (!db.ok()) return {};
    return (*db)->GetRecoveryInfo().log_damage.value_or(Damage());
  }

  void ExpectTheSamePlace(const Damage& damage) {
    const Status status = TryOpen();
    EXPECT_STATUS(kCorruption, status);
    const Damage refused = DamageFrom(status, "db", "");
    EXPECT_EQ(damage.file, refused.file);
    EXPECT_EQ(damage.offset, refused.offset);
    EXPECT_EQ(damage.what, refused.what);
  }
};

// A segment that was durable before its first commit.
TEST_F(LogDamageTest, NamesThePlaceThatAnOpenNamesAndNoCommitThatNeverWas) {
  Open();
  Put("a");
  Put("b");
  ASSERT_OK(db_->CompactAll({}));
  Close();
  const std::string log = Names(".log").back();
  const std::string bytes = Bytes(log);
  for (const std::string& damaged :
       {std::string(512, '\0') + bytes.substr(512), bytes.substr(0, 5000), bytes.substr(0, 100)}) {
    Replace(log, damaged);
    const Damage damage = DamageOfReadOnly();
    EXPECT_EQ(damage.file, log);
    ExpectTheSamePlace(damage);
    EXPECT_EQ(damage.first_position, 0u) << damage.ToString();
    EXPECT_EQ(damage.last_position, 0u);
  }
  Remove(log);
  const Damage missing = DamageOfReadOnly();
  EXPECT_EQ(missing.file, log);
  ExpectTheSamePlace(missing);
}

TEST_F(LogDamageTest, NamesTheCommitsThatWereDurable) {
  Open();
  Put("first");
  Put("second");
  Close();
  const std::string log = Names(".log").back();
  std::string bytes = Bytes(log);
  bytes[bytes.rfind("second")] ^= 1;
  Replace(log, bytes);
  const Damage damage = DamageOfReadOnly();
  ExpectTheSamePlace(damage);
  EXPECT_NE(damage.offset, 0u);
  EXPECT_EQ(damage.first_position, 2u);
  EXPECT_EQ(damage.last_position, 2u);
}

// Without a clean close there may have been commits that nobody knows of.
TEST_F(LogDamageTest, NamesNoEndWhereNoneIsKnown) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  Kill();
  Replace(Names(".log").back(), Bytes(Names(".log").back()).substr(0, 100));
  const Damage damage = DamageOfReadOnly();
  ExpectTheSamePlace(damage);
  EXPECT_EQ(damage.first_position, 2u);
  EXPECT_EQ(damage.last_position, 0u);
}

// Tables lack rows of a dropped keyspace by the word of the log: where that is gone, a log that
// ends before the drop is damage, and no tail.
TEST_F(LogDamageTest, ADropThatCompactionWentByIsProven) {
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace side, db_->CreateKeyspace({Durability::kPower}, "side"));
  ASSERT_OK(db_->Put({Durability::kPower}, side, "row", "v"));
  ASSERT_OK(db_->Flush());
  ASSERT_FALSE(Names(".table").empty());
  const LogPos in_tables = db_->LastPosition();
  ASSERT_OK(db_->DropKeyspace({Durability::kPower}, "side"));
  ASSERT_OK(db_->WaitForCompaction());
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(fs_.get(), "db"));
  ASSERT_EQ(tree.tables.position, in_tables);
  ASSERT_TRUE(tree.version->shape().levels[0].empty());
  Kill();
  const std::string log = Names(".log").back();
  std::string bytes = Bytes(log);
  bytes[bytes.rfind("side")] ^= 1;
  Replace(log, bytes);
  ExpectDamage(log);
}

// Where the log ends in the segment that the manifest says was durable, its head is read once more.
TEST_F(LogDamageTest, AFailedReadBehindATailIsNoDamage) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Put({Durability::kProcess}, "behind", "v"));
  Kill();
  const std::string log = Names(".log").back();
  std::string bytes = Bytes(log);
  bytes[bytes.rfind("behind")] ^= 1;
  Replace(log, bytes);
  ASSERT_OK(TryReadOnly());
  uint64_t failed = 0;
  for (uint64_t n = 1;; ++n) {
    FaultyFileSystem faulty(fs_.get());
    faulty.FailOperation(n);
    ReadOnlyOptions options;
    options.file_system = &faulty;
    const auto db = DB::OpenReadOnly(options, "db");
    if (faulty.total() < n) break;
    if (db.ok()) continue;
    ++failed;
    EXPECT_STATUS(kIoError, db.status()) << "operation " << n;
  }
  EXPECT_GT(failed, 10u);
}

}  // namespace
}  // namespace logwood
