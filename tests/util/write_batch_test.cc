#include "logwood/write_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_assert.h"
#include "util/batch_codec.h"
#include "util/coding.h"
#include "util/random.h"

namespace logwood {
namespace {

TEST(WriteBatch, EncodesOperationsAsDocumented) {
  WriteBatch batch;
  batch.Put("ab", "xyz");
  batch.Delete(Keyspace(240, 7), "c");
  EXPECT_EQ(batch.operations(), std::string("\x01\x03\x01"
                                            "ab\x03xyz"
                                            "\x00\x03\xf0\x00"
                                            "c",
                                            14));
  EXPECT_EQ(batch.count(), 2U);
  EXPECT_EQ(batch.owner(), 7U);
  EXPECT_TRUE(batch.status().ok());
}

TEST(WriteBatch, LastNoteWinsAndCountsAsBytes) {
  WriteBatch batch;
  batch.Note("first");
  batch.Note("by");
  EXPECT_EQ(batch.note(), "by");
  EXPECT_EQ(batch.bytes(), 2U);
  EXPECT_TRUE(batch.empty());
}

TEST(WriteBatch, LongestKeyIsTakenAndOneByteMoreIsRefused) {
  WriteBatch batch;
  batch.Put(std::string(kKeyBytesMax, 'k'), "v");
  EXPECT_TRUE(batch.status().ok());
  batch.Delete(std::string(kKeyBytesMax + 1, 'k'));
  EXPECT_TRUE(batch.status().Is(StatusCode::kInvalidArgument));
  EXPECT_NE(batch.status().message().find("kKeyBytesMax"), std::string_view::npos);
}

TEST(WriteBatch, MovedFromItIsEmptyAndUsable) {
  WriteBatch batch;
  batch.Put("a", "1");
  batch.Note("note");
  WriteBatch other = std::move(batch);
  EXPECT_EQ(other.count(), 1u);
  EXPECT_EQ(other.note(), "note");
  EXPECT_TRUE(batch.empty());  // NOLINT(bugprone-use-after-move): that is what is asked
  EXPECT_EQ(batch.bytes() + batch.data_bytes() + batch.owner(), 0u);
  batch.Put("b", "2");
  other = std::move(batch);
  EXPECT_EQ(other.count(), 1u);
  EXPECT_EQ(other.note(), "");
  EXPECT_TRUE(batch.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(WriteBatch, AfterAMisuseLaterCallsChangeNothing) {
  WriteBatch batch;
  batch.Put("a", "1");
  batch.Put(Keyspace(kCatalogueKeyspace, 0), "k", "v");
  const Status first = batch.status();
  EXPECT_TRUE(first.Is(StatusCode::kInvalidArgument));
  const std::string before(batch.operations());
  batch.Put("b", "2");
  batch.Delete("a");
  batch.Note("note");
  batch.Note(std::string(kNoteBytesMax + 1, 'n'));
  EXPECT_EQ(batch.operations(), before);
  EXPECT_EQ(batch.note(), "");
  EXPECT_EQ(batch.count(), 1U);
  EXPECT_EQ(batch.status().ToString(), first.ToString());
  batch.Clear();
  EXPECT_TRUE(batch.status().ok());
  EXPECT_EQ(batch.bytes(), 0U);
  EXPECT_EQ(batch.owner(), 0U);
}

TEST(WriteBatch, KeyspacesOfTwoDatabasesAreRefused) {
  WriteBatch batch;
  batch.Put(Keyspace(5, 7), "a", "1");
  batch.Put(Keyspace(), "b", "2");  // owner 0 fits
  batch.Put(Keyspace(6, 7), "c", "3");
  EXPECT_TRUE(batch.status().ok());
  batch.Put(Keyspace(5, 8), "d", "4");
  EXPECT_TRUE(batch.status().Is(StatusCode::kInvalidArgument));
  EXPECT_EQ(batch.owner(), 7U);
}

TEST(WriteBatch, NoteTooLongIsRefused) {
  WriteBatch batch;
  batch.Note(std::string(kNoteBytesMax, 'n'));
  EXPECT_TRUE(batch.status().ok());
  batch.Note(std::string(kNoteBytesMax + 1, 'n'));
  EXPECT_TRUE(batch.status().Is(StatusCode::kInvalidArgument));
  EXPECT_EQ(batch.note().size(), kNoteBytesMax);
}

TEST(WriteBatch, NeverGrowsBeyondItsLimit) {
  const std::string quarter(kBatchBytesMax / 4, 'v');
  WriteBatch batch;
  for (int i = 0; i < 3; ++i) batch.Put("k", quarter);
  EXPECT_TRUE(batch.status().ok());
  batch.Put("k", quarter);
  EXPECT_TRUE(batch.status().Is(StatusCode::kInvalidArgument));
  EXPECT_EQ(batch.count(), 3U);
  EXPECT_LE(batch.bytes(), kBatchBytesMax);

  batch.Clear();
  batch.Put("k", std::string(kBatchBytesMax + 1, 'v'));
  EXPECT_TRUE(batch.status().Is(StatusCode::kInvalidArgument));
}

// ---- Ranges

TEST(WriteBatch, EncodesRangesAsDocumented) {
  WriteBatch batch;
  batch.DeleteRange("ab", "c");
  batch.DeleteRange(Keyspace(240, 7), "", std::nullopt);
  EXPECT_EQ(batch.operations(), std::string("\x03\x03\x01"
                                            "ab\x02\x01"
                                            "c"
                                            "\x03\x02\xf0\x00\x02\xf0\x01",
                                            15));
  EXPECT_EQ(batch.count(), 2U);
  EXPECT_EQ(batch.range_count(), 2U);
  EXPECT_EQ(batch.data_bytes(), 3U);
  EXPECT_EQ(batch.owner(), 7U);
  EXPECT_TRUE(batch.status().ok());
}

TEST(WriteBatch, EmptyRangeIsNoOperation) {
  WriteBatch batch;
  batch.DeleteRange("", "");
  batch.DeleteRange("k", "k");
  batch.DeleteRange(Keyspace(5, 7), "k", "k");
  EXPECT_OK(batch.status());
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes() + batch.data_bytes() + batch.range_count() + batch.owner(), 0U);
  EXPECT_EQ(batch.memory_bytes(), 0U);
}

TEST(WriteBatch, RangeThatEndsBeforeItBeginsIsRefused) {
  WriteBatch batch;
  batch.Put("a", "1");
  batch.DeleteRange("b", "a");
  EXPECT_STATUS(kInvalidArgument, batch.status());
  EXPECT_EQ(batch.status().message(), "range: its end lies before its begin");
  batch.DeleteRange("a", "b");
  batch.DeleteRange("a", std::nullopt);
  EXPECT_EQ(batch.count(), 1U);
  EXPECT_EQ(batch.range_count(), 0U);
  batch.Clear();
  batch.DeleteRange(std::string("a\0", 2), "a");
  EXPECT_STATUS(kInvalidArgument, batch.status());
}

TEST(WriteBatch, BothEndsOfARangeMayBeAsLongAsAKey) {
  const std::string longest(kKeyBytesMax, 'k'), longest_end(kKeyBytesMax, 'l');
  WriteBatch batch;
  batch.DeleteRange(longest, longest_end);
  ASSERT_OK(batch.status());
  BatchReader in(batch.operations());
  BatchOperation operation;
  ASSERT_TRUE(in.Next(&operation));
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(kDefaultKeyspace) + longest);
  EXPECT_EQ(operation.value, KeyspacePrefix(kDefaultKeyspace) + longest_end);
  batch.DeleteRange("a", longest_end + "x");
  EXPECT_STATUS(kInvalidArgument, batch.status());
  EXPECT_NE(batch.status().message().find("kKeyBytesMax"), std::string_view::npos);
  batch.Clear();
  batch.DeleteRange(longest + "x", longest_end);
  EXPECT_STATUS(kInvalidArgument, batch.status());
  EXPECT_EQ(batch.count() + batch.range_count(), 0U);
}

TEST(WriteBatch, RangesOfOtherKeyspacesAreMisusedAsPutsAre) {
  WriteBatch catalogue, nobodys, two;
  catalogue.DeleteRange(Keyspace(kCatalogueKeyspace, 0), "a", "b");
  EXPECT_STATUS(kInvalidArgument, catalogue.status());
  nobodys.DeleteRange(Keyspace(5, 0), "a", "b");
  EXPECT_STATUS(kInvalidArgument, nobodys.status());
  two.DeleteRange(Keyspace(5, 7), "a", "b");
  two.DeleteRange("a", "b");  // owner 0 fits
  EXPECT_OK(two.status());
  two.DeleteRange(Keyspace(5, 8), "a", std::nullopt);
  EXPECT_STATUS(kInvalidArgument, two.status());
  EXPECT_EQ(two.range_count(), 2U);
}

TEST(WriteBatch, RangeTakesMoreMemoryThanOtherOperations) {
  WriteBatch batch;
  batch.Delete("ab");
  EXPECT_EQ(batch.memory_bytes(), batch.bytes() + kOperationMemoryBytes);
  batch.DeleteRange("ab", "abc");
  batch.DeleteRange("ab", std::nullopt);
  EXPECT_EQ(batch.memory_bytes(),
            batch.bytes() + 3 * kOperationMemoryBytes + 2 * kRangeDeleteMemoryBytes);
  WriteBatch other = std::move(batch);
  EXPECT_EQ(other.range_count(), 2U);
  EXPECT_EQ(batch.range_count(), 0U);  // NOLINT(bugprone-use-after-move): that is what is asked
  EXPECT_EQ(batch.memory_bytes(), 0U);
  other.Clear();
  EXPECT_EQ(other.range_count() + other.memory_bytes(), 0U);
}

TEST(BatchReader, ReadsBackWhatWasWritten) {
  struct Written {
    EntryKind kind;
    std::string stored_key, value;
  };
  Random random(312);
  for (int round = 0; round < 200; ++round) {
    std::string operations;
    std::vector<Written> written;
    for (uint64_t i = random.Uniform(20); i > 0; --i) {
      const bool put = !random.OneIn(3), range = random.OneIn(4);
      const auto keyspace = static_cast<uint32_t>(random.Skewed(32));
      const std::string key(random.Skewed(9), static_cast<char>(random.Next()));
      if (range && keyspace != kCatalogueKeyspace) {
        const std::string begin = KeyspacePrefix(keyspace) + key;
        const std::string end = random.OneIn(3) ? KeyspaceEnd(keyspace) : begin + "x";
        AppendRangeDelete(&operations, begin, end);
        written.push_back({EntryKind::kRangeDelete, begin, end});
        continue;
      }
      const std::string value(put ? random.Skewed(15) : 0, static_cast<char>(random.Next()));
      const EntryKind kind = put ? EntryKind::kPut : EntryKind::kDelete;
      AppendOperation(&operations, kind, keyspace, key, value);
      written.push_back({kind, KeyspacePrefix(keyspace) + key, value});
    }
    BatchReader in(operations);
    BatchOperation operation;
    for (const Written& expected : written) {
      ASSERT_TRUE(in.Next(&operation)) << "seed 312, round " << round;
      ASSERT_EQ(operation.kind, expected.kind);
      ASSERT_EQ(operation.stored_key, expected.stored_key);
      ASSERT_EQ(operation.value, expected.value);
    }
    ASSERT_FALSE(in.Next(&operation));
    ASSERT_TRUE(in.ok());
    ASSERT_EQ(in.remaining(), 0U);
  }
}

std::string OperationOf(char kind, std::string_view stored_key) {
  std::string bytes(1, kind);
  PutLengthPrefixed(&bytes, stored_key);
  return bytes;
}

std::string RangeOf(std::string_view begin, std::string_view end) {
  std::string bytes = OperationOf(3, begin);
  PutLengthPrefixed(&bytes, end);
  return bytes;
}

TEST(BatchReader, RangeReachesToTheEndOfItsKeyspaceAndNotBeyond) {
  const auto is_read = [](const std::string& bytes) {
    BatchReader in(bytes);
    BatchOperation operation;
    return in.Next(&operation);
  };
  EXPECT_TRUE(is_read(RangeOf("\x01", "\x02")));
  EXPECT_TRUE(is_read(RangeOf("\x01k", "\x01l")));
  EXPECT_TRUE(is_read(RangeOf("\x01k", "\x01" + std::string(kKeyBytesMax, 'l'))));
  EXPECT_FALSE(is_read(RangeOf("\x01k", "\x01" + std::string(kKeyBytesMax + 1, 'l'))));
  EXPECT_FALSE(is_read(RangeOf("\x01k", std::string("\x02\0", 2))));
  EXPECT_FALSE(is_read(RangeOf("\x01k", "\x03")));
  const std::string last = KeyspacePrefix(UINT32_MAX);
  EXPECT_TRUE(is_read(RangeOf(last, KeyspaceEnd(UINT32_MAX))));
}

TEST(BatchReader, HostileBytesAreRefused) {
  const std::string long_key = "\x01" + std::string(kKeyBytesMax + 1, 'k');
  const std::string refused[] = {
      OperationOf(2, "\x01k"),             // reserved kind
      OperationOf('\x7f', "\x01k"),        // unknown kind
      OperationOf(0, ""),                  // no stored key
      OperationOf(0, "\xff"),              // does not split
      OperationOf(0, long_key),            // key too long
      OperationOf(1, "\x01k"),             // put without a value's length
      OperationOf(1, "\x01k") + "\x05xx",  // value beyond the end
      std::string("\x00\x7fk", 3),         // key beyond the end
      OperationOf(3, "\x01k"),             // range without an end
      RangeOf("\x01k", ""),                // that ends before it begins
      RangeOf("\x01k", "\x01k"),           // empty
      RangeOf("\x01l", "\x01k"),           // the wrong way round
      RangeOf("\x01k", "\x02k"),           // into the next keyspace
      RangeOf("\x01k", "\xff"),            // to the end of all
      RangeOf("", "\x01k"),                // no stored key
      RangeOf(long_key, "\x02"),           // begin too long
      RangeOf("\x01k", long_key),          // end too long
      std::string("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01k", 12),  // length of 2^64-1
  };
  const std::string good = OperationOf(0, "\x01good");
  for (const std::string& bad : refused) {
    const std::string bytes = good + bad;
    BatchReader in(bytes);
    BatchOperation operation;
    EXPECT_TRUE(in.Next(&operation));
    EXPECT_EQ(operation.stored_key, "\x01good");
    EXPECT_FALSE(in.Next(&operation));
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.remaining(), bad.size());
    EXPECT_FALSE(in.Next(&operation));
  }
}

TEST(BatchReader, TellsWhatALaterVersionWroteFromDamage) {
  const std::string good = OperationOf(0, "\x01good");
  const auto status_of = [](const std::string& bytes) {
    BatchReader in(bytes);
    BatchOperation operation;
    while (in.Next(&operation)) continue;
    EXPECT_EQ(in.status().code(), CheckOperations(bytes).code());
    return in.status();
  };
  EXPECT_OK(status_of(""));
  EXPECT_OK(status_of(good));
  EXPECT_STATUS(kCorruption, status_of(good + OperationOf(1, "\x01k")));
  for (const int kind : {5, 6, 255}) {
    const Status status = status_of(good + OperationOf(static_cast<char>(kind), "\x01k"));
    EXPECT_STATUS(kNotSupported, status);
    EXPECT_EQ(status.message(), "operation kind " + std::to_string(kind) + " is unknown");
  }
}

TEST(BatchReader, ArbitraryDamageNeverReadsBeyondTheEnd) {
  Random random(313);
  WriteBatch batch;
  for (int i = 0; i < 10; ++i) batch.Put("key" + std::to_string(i), std::string(20, 'v'));
  for (int i = 0; i < 5; ++i) batch.DeleteRange("key" + std::to_string(i), "key9");
  for (int round = 0; round < 20'000; ++round) {
    std::vector<char> bytes(batch.operations().begin(), batch.operations().end());
    bytes.resize(random.Uniform(bytes.size() + 1));
    bytes.shrink_to_fit();
    for (int i = 0; i < 3 && !bytes.empty(); ++i) {
      bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
    }
    BatchReader in({bytes.data(), bytes.size()});
    BatchOperation operation;
    while (in.Next(&operation)) {
      ASSERT_GE(operation.stored_key.data(), bytes.data());
      ASSERT_LE(operation.stored_key.size() + operation.value.size(), bytes.size());
    }
  }
}

}  // namespace
}  // namespace logwood
