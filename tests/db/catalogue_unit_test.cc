// The catalogue: what commits of keyspace 0 make of it, and that it is the same however it is told.
#include "db/catalogue.h"

#include <gtest/gtest.h>

#include "db/fold.h"
#include "memtable/memtable.h"
#include "tests/db/db_test_support.h"
#include "tests/support/hex_page.h"
#include "util/batch_codec.h"
#include "util/escape.h"

namespace logwood {
namespace {

// What there is to know, as text.
std::string Show(const Catalogue& catalogue) {
  std::string text;
  for (const KeyspaceInfo& info : catalogue.List()) {
    text += info.name + "=" + std::to_string(info.keyspace.number()) + "@" +
            std::to_string(info.created) + " ";
  }
  text += "|";
  for (const auto& [number, position] : catalogue.Dropped()) {
    text += " " + std::to_string(number) + "@" + std::to_string(position);
  }
  auto next = catalogue.NextNumber();
  return text + " next " + (next ? std::to_string(*next) : "none");
}

TEST(Catalogue, ANewOneKnowsOnlyDefault) {
  Catalogue catalogue;
  EXPECT_EQ(Show(catalogue), "default=1@0 | next 2");
  EXPECT_TRUE(catalogue.Live(kDefaultKeyspace));
  EXPECT_FALSE(catalogue.Live(kCatalogueKeyspace));
  EXPECT_FALSE(catalogue.Live(2));
  EXPECT_FALSE(catalogue.Live(~0u));
  EXPECT_EQ(catalogue.position(), 0u);
  EXPECT_EQ(catalogue.Encode(), "");
}

TEST(Catalogue, CreateAndDropAtPositions) {
  Catalogue catalogue;
  catalogue.SetOwner({1, 2}, "/db");
  EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations("users", 2), 7));
  EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations(std::string("\0odd\xff", 5), 3), 9));
  EXPECT_TRUE(catalogue.Live(2) && catalogue.Live(3));
  ASSERT_TRUE(catalogue.Find("users").has_value());
  EXPECT_EQ(catalogue.Find("users")->keyspace, Keyspace(2, catalogue.owner()));
  EXPECT_FALSE(catalogue.Find("user").has_value());
  EXPECT_OK(catalogue.Apply(Catalogue::DropOperations("users", 2), 12));
  EXPECT_FALSE(catalogue.Live(2));
  EXPECT_FALSE(catalogue.Find("users").has_value());
  EXPECT_EQ(catalogue.Dropped(), (std::vector<std::pair<uint32_t, LogPos>>{{2, 12}}));
  EXPECT_EQ(catalogue.position(), 12u);
}

TEST(Catalogue, TheExampleOfThePageCreatesAndDrops) {
  const std::vector<std::string> blocks = test::HexBlocksOf("keys_and_operations");
  ASSERT_EQ(blocks.size(), 3u);
  const std::string created =
      Catalogue::CreateOperations("users", 2) + Catalogue::OperatorOperations(2, {"add_int64", 1});
  EXPECT_EQ(ToHex(blocks[2]), ToHex(created + Catalogue::DropOperations("users", 2)));
  Catalogue catalogue;
  ASSERT_OK(catalogue.Apply(blocks[2].substr(0, created.size()), 1));
  EXPECT_EQ(catalogue.operators().RecordedOf(2)->name, "add_int64");
  EXPECT_EQ(catalogue.operators().Find(2)->name(), "add_int64");
  EXPECT_EQ(Show(catalogue), "default=1@0 users=2@1 | next 3");
  ASSERT_OK(catalogue.Apply(blocks[2].substr(created.size()), 2));
  EXPECT_EQ(Show(catalogue), "default=1@0 | 2@2 next 3");
}

TEST(Catalogue, ANumberHasTheNameOfItsKeyspaceAlsoBehindADrop) {
  Catalogue catalogue;
  EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations("users", 2), 7));
  EXPECT_EQ(catalogue.NameOf(kDefaultKeyspace), "default");
  EXPECT_EQ(catalogue.NameOf(2), "users");
  EXPECT_EQ(catalogue.NameOf(3), std::nullopt);
  EXPECT_OK(catalogue.Apply(Catalogue::DropOperations("users", 2), 8));
  EXPECT_EQ(catalogue.NameOf(2), "users (dropped)");
}

TEST(Catalogue, NumbersAreNeverUsedAgain) {
  Catalogue catalogue;
  for (uint32_t round = 0; round < 50; ++round) {
    const uint32_t number = *catalogue.NextNumber();
    EXPECT_EQ(number, 2 + round);
    EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations("same", number), 2 * round + 1));
    EXPECT_OK(catalogue.Apply(Catalogue::DropOperations("same", number), 2 * round + 2));
  }
  EXPECT_EQ(catalogue.List().size(), 1u);
}

TEST(Catalogue, TheLastNumberIsTheEnd) {
  Catalogue catalogue;
  EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations("last", kKeyspacesMax - 1), 1));
  EXPECT_TRUE(catalogue.Live(kKeyspacesMax - 1));
  EXPECT_FALSE(catalogue.NextNumber().has_value());
}

TEST(Catalogue, OtherKeyspacesArePassedOver) {
  Catalogue catalogue;
  std::string operations;
  AppendOperation(&operations, EntryKind::kPut, kDefaultKeyspace, "kusers", "\x02");
  AppendOperation(&operations, EntryKind::kPut, 700, "kothers", "\x03");
  EXPECT_OK(catalogue.Apply(operations, 5));
  EXPECT_EQ(Show(catalogue), "default=1@0 | next 2");
  EXPECT_EQ(catalogue.position(), 0u);
}

TEST(Catalogue, RowsThatAreUnknownOrCannotBeRightAreToldAndTheOthersApplied) {
  const auto expect = [](StatusCode code, EntryKind kind, std::string_view key,
                         std::string_view value) {
    Catalogue catalogue;
    std::string operations;
    AppendOperation(&operations, kind, kCatalogueKeyspace, key, value);
    operations += Catalogue::CreateOperations("after", 9);
    const Status status = catalogue.Apply(operations, 5);
    EXPECT_EQ(status.code(), code) << status.ToString();
    EXPECT_NE(status.message().find("row " + Escape(key) + " of position 5 "),
              std::string_view::npos)
        << status.ToString();
    EXPECT_EQ(Show(catalogue), "after=9@5 default=1@0 | next 10");
    Memtable tree;
    ASSERT_OK(InsertFolded(operations, {5, 0}, &tree));
    Catalogue loaded;
    EXPECT_EQ(loaded.Load(tree.NewIterator().get(), 5).code(), code);
    EXPECT_EQ(Show(loaded), Show(catalogue));
  };
  const auto impossible = [&](std::string_view key, std::string_view value) {
    expect(StatusCode::kCorruption, EntryKind::kPut, key, value);
  };
  impossible("kempty", "");
  impossible("klonger", {"\x02\x00", 2});
  impossible("khuge", "\xff\xff\xff\xff\x0f");
  impossible("kbeyond", {"\xe8\xfb\x03", 3});  // 65,000
  impossible("kdefault", "\x01");
  impossible("kdefault", "\x05");
  impossible("kcatalogue", {"\x00", 1});
  impossible("d12", "short");
  impossible({"d\0\0\0\2.", 6}, "long");
  impossible({"d\0\0\0\1", 5}, "default");
  impossible("d\xff\xff\xff\xff", "huge");
  expect(StatusCode::kCorruption, EntryKind::kDelete, "kdefault", "");
  expect(StatusCode::kNotSupported, EntryKind::kPut, "", "x");
  expect(StatusCode::kNotSupported, EntryKind::kPut, "zfuture", "later kinds");
  expect(StatusCode::kNotSupported, EntryKind::kDelete, {"d\0\0\0\2", 5}, "");
  Catalogue cut;
  EXPECT_STATUS(kCorruption, cut.Apply("\x01", 5));
}

// The three ways to learn of it agree: commits as they come, their entries in a tree, and its own
// encoding in a log segment (which knows no positions).
TEST(Catalogue, ApplyLoadAndEncodeAgreeOnRandomHistories) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    Catalogue applied;
    Memtable tree;
    std::vector<std::string> shown;  // after each position
    shown.push_back(Show(applied));
    const LogPos commits = 60;
    for (LogPos position = 1; position <= commits; ++position) {
      const std::string name = "n" + std::to_string(random.Uniform(8));
      std::string operations;
      if (auto found = applied.Find(name)) {
        operations = Catalogue::DropOperations(name, found->keyspace.number());
      } else {
        operations = Catalogue::CreateOperations(name, *applied.NextNumber());
      }
      EXPECT_OK(applied.Apply(operations, position));
      ASSERT_OK(InsertFolded(operations, {position, 0}, &tree));
      shown.push_back(Show(applied));
    }
    for (LogPos at : {LogPos{0}, LogPos{1}, commits / 2, commits}) {
      Catalogue loaded;
      auto iterator = tree.NewIterator();
      ASSERT_OK(loaded.Load(iterator.get(), at));
      EXPECT_EQ(Show(loaded), shown[at]) << "seed " << seed << " at " << at;
      EXPECT_EQ(loaded.position(), at);
    }
    Catalogue decoded;
    EXPECT_OK(decoded.Apply(applied.Encode(), 0));
    EXPECT_EQ(decoded.Encode(), applied.Encode());
    EXPECT_EQ(decoded.NextNumber(), applied.NextNumber());
    for (uint32_t n = 0; n < 70; ++n) EXPECT_EQ(decoded.Live(n), applied.Live(n)) << n;
  }
}

}  // namespace
}  // namespace logwood
