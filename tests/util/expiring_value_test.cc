// Puts that expire, in a batch: their bytes, and what is none.
#include "util/expiring_value.h"

#include <gtest/gtest.h>

#include <string>

#include "logwood/write_batch.h"
#include "tests/support/status_assert.h"
#include "util/batch_codec.h"

namespace logwood {
namespace {

using std::chrono::microseconds;

constexpr auto kTtlMaxUs = static_cast<uint64_t>(kTtlMax.count());

std::string ExpiringPut(std::string_view stored_key, std::string_view value) {
  std::string bytes(1, '\x04');
  PutLengthPrefixed(&bytes, stored_key);
  PutLengthPrefixed(&bytes, value);
  return bytes;
}

TEST(ExpiringValue, IsTheTimeAndThenTheValue) {
  std::string bytes;
  AppendExpiring(&bytes, 0x0102030405060708, "v");
  EXPECT_EQ(bytes, "\x08\x07\x06\x05\x04\x03\x02\x01v");
  EXPECT_EQ(ExpiryOf(bytes), 0x0102030405060708u);
  EXPECT_EQ(WithoutExpiry(bytes), "v");
  bytes.clear();
  AppendExpiring(&bytes, ~uint64_t{0}, "");
  EXPECT_EQ(ExpiryOf(bytes), ~uint64_t{0});
  EXPECT_EQ(WithoutExpiry(bytes), "");
}

TEST(ExpiringValue, WhatWouldExpireBehindTheEndOfTimeDoesSoThere) {
  EXPECT_EQ(ExpiryAfter(0, 0), 0u);
  EXPECT_EQ(ExpiryAfter(7, 8), 15u);
  EXPECT_EQ(ExpiryAfter(~uint64_t{0} - 8, 8), ~uint64_t{0});
  EXPECT_EQ(ExpiryAfter(~uint64_t{0} - 8, 9), ~uint64_t{0});
  EXPECT_EQ(ExpiryAfter(~uint64_t{0}, kTtlMaxUs), ~uint64_t{0});
}

TEST(WriteBatch, EncodesPutsThatExpireAsDocumented) {
  WriteBatch batch;
  batch.PutExpiring("ab", "xyz", microseconds(0x1234));
  batch.PutExpiring(Keyspace(240, 7), "c", "", kNoExpiry);
  EXPECT_OK(batch.status());
  EXPECT_EQ(batch.operations(), std::string("\x04\x03\x01"
                                            "ab\x0b\x34\x12\0\0\0\0\0\0xyz"
                                            "\x04\x03\xf0\0c\x08\0\0\0\0\0\0\0\0",
                                            31));
  EXPECT_EQ(batch.count(), 2u);
  EXPECT_EQ(batch.data_bytes(), 6u) << "what the user gave";
}

// And stays as it is, and takes nothing more.
TEST(WriteBatch, ATimeToLiveThatIsNoneIsRefused) {
  const auto refused = [](microseconds ttl) {
    WriteBatch batch;
    batch.PutExpiring("a", "1", microseconds(1));
    batch.PutExpiring("b", "2", ttl);
    batch.Put("c", "3");
    EXPECT_EQ(batch.count(), batch.status().ok() ? 3u : 1u);
    return batch.status();
  };
  for (const microseconds ttl : {microseconds(0), microseconds(-1), microseconds::min(),
                                 kTtlMax + microseconds(1), kNoExpiry - microseconds(1)}) {
    EXPECT_STATUS(kInvalidArgument, refused(ttl));
    EXPECT_NE(refused(ttl).message().find(std::to_string(ttl.count()) + " microseconds"),
              std::string_view::npos);
  }
  for (const microseconds ttl : {microseconds(1), microseconds(kTtlMax), kNoExpiry}) {
    EXPECT_OK(refused(ttl));
  }
}

TEST(WriteBatch, APutThatExpiresCountsAgainstTheLimitWithItsTime) {
  static_assert(kOperationOverheadBytesMax >= 1 + 5 + kKeyspacePrefixBytesMax + 5 + kExpiryBytes);
  const std::string most(kBatchBytesMax - 1 - kOperationOverheadBytesMax, 'v');
  WriteBatch batch;
  batch.PutExpiring("k", most, microseconds(1));
  ASSERT_OK(batch.status());
  EXPECT_EQ(batch.bytes(), 1 + 1 + 2 + 4 + kExpiryBytes + most.size());
  batch.Clear();
  batch.PutExpiring("k", most + "v", microseconds(1));
  EXPECT_STATUS(kInvalidArgument, batch.status());
  EXPECT_EQ(batch.bytes(), 0u);
}

TEST(BatchReader, ReadsPutsThatExpire) {
  std::string operations;
  AppendPutExpiring(&operations, 300, "k", "v", kTtlMaxUs);
  AppendPutExpiring(&operations, kDefaultKeyspace, "", "", 0);
  std::string as_it_is;
  AppendExpiring(&as_it_is, 77, "w");
  AppendOperation(&operations, EntryKind::kPutExpiring, kDefaultKeyspace, "k", as_it_is);
  BatchReader in(operations);
  BatchOperation operation;
  ASSERT_TRUE(in.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kPutExpiring);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(300) + "k");
  EXPECT_EQ(ExpiryOf(operation.value), kTtlMaxUs);
  EXPECT_EQ(WithoutExpiry(operation.value), "v");
  ASSERT_TRUE(in.Next(&operation));
  EXPECT_EQ(operation.value, std::string(8, '\0'));
  ASSERT_TRUE(in.Next(&operation));
  EXPECT_EQ(operation.value, as_it_is);
  EXPECT_FALSE(in.Next(&operation));
  EXPECT_TRUE(in.ok());
}

TEST(BatchReader, ATimeToLiveThatIsCutOffOrTooLongIsDamage) {
  std::string longest, too_long;
  AppendExpiring(&longest, kTtlMaxUs, "");
  AppendExpiring(&too_long, kTtlMaxUs + 1, "v");
  EXPECT_OK(CheckOperations(ExpiringPut("\x01k", longest)));
  EXPECT_STATUS(kCorruption, CheckOperations(ExpiringPut("\x01k", too_long)));
  for (size_t bytes = 0; bytes < kExpiryBytes; ++bytes) {
    const std::string cut = longest.substr(0, bytes);
    EXPECT_STATUS(kCorruption, CheckOperations(ExpiringPut("\x01k", cut))) << bytes;
  }
  const std::string whole = ExpiringPut("\x01k", longest);
  for (size_t bytes = 1; bytes < whole.size(); ++bytes) {
    EXPECT_STATUS(kCorruption, CheckOperations(whole.substr(0, bytes))) << bytes;
  }
}

// A later version may write one there: no damage.
TEST(BatchReader, InTheKeyspaceOfKeyspacesNothingExpires) {
  std::string value;
  AppendExpiring(&value, 5, "\x02");
  const Status status = CheckOperations(ExpiringPut(std::string("\0kusers", 7), value));
  EXPECT_STATUS(kNotSupported, status);
  EXPECT_EQ(status.message(), "operation kind 4 in keyspace 0 is unknown");
}

}  // namespace
}  // namespace logwood
