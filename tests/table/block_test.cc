// Blocks alone: layout, search, and bytes nobody should trust.
#include "table/block.h"

#include "table/block_builder.h"
#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

// A payload with the slack a Block needs behind it.
struct BuiltBlock {
  std::string bytes;
  std::string_view payload;
};

BuiltBlock Build(const TestEntries& entries) {
  BlockBuilder builder;
  for (const TestEntry& e : entries) builder.Add(e.key, e.trailer, e.value);
  BuiltBlock built;
  ByteBuffer payload;
  builder.Finish(&payload);
  built.bytes = payload.view();
  const size_t size = built.bytes.size();
  built.bytes.append(kBlockSlackBytes, '\0');
  built.payload = std::string_view(built.bytes).substr(0, size);
  return built;
}

const char* ProblemOf(std::string_view payload) {
  uint8_t kind_max = 0;
  return Block::Validate(payload, &kind_max);
}

std::string KeyAt(const Block& block, uint32_t index) {
  std::string key(block.key_bytes_max() + kBlockSlackBytes + kHeadBytes, '\0');
  block.prefix().copy(key.data(), key.size());
  key.resize(block.CompleteKey(index, block.entry(index), key.data()));
  return key;
}

TEST(BlockTest, HoldsAndFindsEntriesOfAllShapes) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto shape = static_cast<KeyShape>(seed % static_cast<uint64_t>(KeyShape::kCount));
    const TestEntries entries =
        RandomEntries(&random, shape, shape == KeyShape::kLong ? 8 : 1 + static_cast<int>(seed));
    const BuiltBlock built = Build(entries);
    ASSERT_EQ(ProblemOf(built.payload), nullptr);
    const Block block(built.payload);
    ASSERT_EQ(block.count(), entries.size());
    for (uint32_t i = 0; i < block.count(); ++i) {
      ASSERT_EQ(KeyAt(block, i), entries[i].key);
      ASSERT_EQ(block.entry(i).trailer, entries[i].trailer);
      ASSERT_EQ(block.entry(i).value(), entries[i].value);
      ASSERT_TRUE(block.KeyEquals(i, block.entry(i), entries[i].key));
      ASSERT_FALSE(block.KeyEquals(i, block.entry(i), entries[i].key + '\0'));
      ASSERT_EQ(block.Seek(entries[i].key, entries[i].trailer), i);
    }
    for (int i = 0; i < 300; ++i) {
      TestEntry target{ShapedKey(&random, shape),
                       PackTrailer(random.Uniform(4096), EntryKind::kPut), ""};
      if (random.OneIn(3)) target.key = NastyKey(&random, 6);
      if (random.OneIn(4)) target.key = target.key.substr(0, random.Uniform(target.key.size() + 1));
      const auto expected = std::lower_bound(entries.begin(), entries.end(), target);
      ASSERT_EQ(block.Seek(target.key, target.trailer),
                static_cast<uint32_t>(expected - entries.begin()));
    }
  }
}

TEST(BlockTest, StoresTheSharedPrefixOnceAndHeadsOnlyInTheArray) {
  TestEntries entries;
  for (int i = 0; i < 100; ++i) {
    entries.push_back({"a/very/long/common/prefix/" + std::to_string(1000 + i),
                       PackTrailer(7, EntryKind::kPut), "v"});
  }
  const BuiltBlock built = Build(entries);
  const Block block(built.payload);
  EXPECT_EQ(block.prefix(), "a/very/long/common/prefix/10");
  // Head 4, offset 2, kind and lengths 3, value 1; the rest of each key fits its head.
  EXPECT_EQ(built.payload.size(), kBlockHeaderBytes + block.prefix().size() + 100 * 10);
}

TEST(BlockTest, ZeroPaddedHeadsKeepShortKeysApart) {
  TestEntries entries;
  for (const char* rest : {"", "a"}) {
    for (size_t zeros = 0; zeros < 8; ++zeros) {
      entries.push_back({std::string(rest) + std::string(zeros, '\0'),
                         PackTrailer(1, EntryKind::kPut), std::to_string(zeros)});
    }
  }
  MakeUnique(&entries);
  const BuiltBlock built = Build(entries);
  const Block block(built.payload);
  for (uint32_t i = 0; i < block.count(); ++i) {
    EXPECT_EQ(block.Seek(entries[i].key, entries[i].trailer), i);
    EXPECT_EQ(KeyAt(block, i), entries[i].key);
  }
}

TEST(BlockTest, OffsetsWidenBeyond64KiB) {
  TestEntries entries;
  for (int i = 0; i < 20; ++i) {
    entries.push_back({"k" + std::to_string(100 + i), PackTrailer(1, EntryKind::kPut),
                       std::string(10'000, static_cast<char>('a' + i))});
  }
  const BuiltBlock built = Build(entries);
  ASSERT_EQ(ProblemOf(built.payload), nullptr);
  const Block block(built.payload);
  for (uint32_t i = 0; i < 20; ++i) EXPECT_EQ(block.entry(i).value(), entries[i].value);
}

TEST(BlockTest, EstimateIsCloseToTheSize) {
  BlockBuilder builder;
  Random random(1);
  for (int i = 0; i < 35; ++i) {
    builder.Add("\x01user" + std::to_string(1000 + i), PackTrailer(1 << 20, EntryKind::kPut),
                RandomBytes(&random, 100));
  }
  const uint64_t estimate = builder.Estimate();
  ByteBuffer payload;
  builder.Finish(&payload);
  EXPECT_GE(estimate, payload.size());
  EXPECT_LE(estimate, payload.size() * 105 / 100);
}

TEST(BlockTest, ValidationTellsTheLargestKind) {
  const auto entry = [](const char* key, int kind) {
    return TestEntry{key, PackTrailer(7, static_cast<EntryKind>(kind)), "v"};
  };
  for (const int kind : {0, 1, 2, 5, 15}) {
    const BuiltBlock built = Build({entry("a", 0), entry("b", kind), entry("c", 0)});
    uint8_t kind_max = 77;
    EXPECT_EQ(Block::Validate(built.payload, &kind_max), nullptr);
    EXPECT_EQ(kind_max, kind);
  }
}

TEST(BlockTest, RefusesEachCutOfAPayload) {
  Random random(5);
  const BuiltBlock built = Build(RandomEntries(&random, KeyShape::kPlain, 20));
  for (size_t size = 0; size < built.payload.size(); ++size) {
    const std::string cut(built.payload.substr(0, size));
    EXPECT_NE(ProblemOf(cut), nullptr) << size;
  }
}

// Whatever passes validation can be searched and walked without leaving the bytes; the sanitizer
// watches. Blocks are copied to the heap, exactly as large as they may be read.
void UseFully(std::string_view payload, Random* random) {
  auto heap = std::make_unique<char[]>(payload.size() + kBlockSlackBytes);
  payload.copy(heap.get(), payload.size());
  const std::string_view view(heap.get(), payload.size());
  if (ProblemOf(view) != nullptr) return;
  const Block block(view);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < block.count(); ++i) {
    sum += KeyAt(block, i).size();
    for (char c : block.entry(i).value()) sum += static_cast<unsigned char>(c);
    sum += block.entry(i).trailer;
  }
  for (int i = 0; i < 10; ++i) {
    ASSERT_LE(block.Seek(NastyKey(random, 12), random->Next()), block.count());
  }
  ASSERT_NE(sum, ~uint64_t{0});
}

TEST(BlockTest, HostileBytesNeverReadOutOfBounds) {
  Random random(17);
  for (int round = 0; round < 20'000; ++round) {
    static std::string good;
    if (round % 200 == 0) {
      good = Build(RandomEntries(&random, static_cast<KeyShape>(random.Uniform(4)), 12)).bytes;
      good.resize(good.size() - kBlockSlackBytes);
    }
    std::string bytes = good;
    const uint64_t changes = 1 + random.Uniform(4);
    for (uint64_t i = 0; i < changes; ++i) {
      const size_t at = random.OneIn(2) ? random.Uniform(std::min<size_t>(40, bytes.size()))
                                        : random.Uniform(bytes.size());
      bytes[at] = static_cast<char>(random.OneIn(3) ? 0xff : random.Next());
    }
    UseFully(bytes, &random);
    if (round % 10 == 0) UseFully(RandomBytes(&random, random.Uniform(200)), &random);
  }
}

}  // namespace
}  // namespace logwood::testing
