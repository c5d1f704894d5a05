#include "util/batch_codec.h"

#include "util/check.h"
#include "util/coding.h"
#include "util/expiring_value.h"

namespace logwood {

namespace {

// All but key and value in one append each: this is the hot path of every write.
void AppendHead(std::string* operations, EntryKind kind, uint32_t keyspace, std::string_view key) {
  CHECK(key.size() <= kKeyBytesMax);
  char prefix[kKeyspacePrefixBytesMax];
  const size_t prefix_bytes = EncodeKeyspacePrefix(keyspace, prefix);
  char head[1 + kVarint32BytesMax + kKeyspacePrefixBytesMax];
  head[0] = static_cast<char>(kind);
  char* at = EncodeVarint(head + 1, prefix_bytes + key.size());
  std::memcpy(at, prefix, prefix_bytes);
  at += prefix_bytes;
  operations->append(head, static_cast<size_t>(at - head));
  operations->append(key);
}

}  // namespace

void AppendOperation(std::string* operations, EntryKind kind, uint32_t keyspace,
                     std::string_view key, std::string_view value) {
  CHECK(kind != EntryKind::kRangeDelete && IsOperationKind(static_cast<uint8_t>(kind)));
  CHECK(kind != EntryKind::kDelete || value.empty());
  AppendHead(operations, kind, keyspace, key);
  if (kind != EntryKind::kDelete) PutLengthPrefixed(operations, value);
}

void AppendPutExpiring(std::string* operations, uint32_t keyspace, std::string_view key,
                       std::string_view value, uint64_t ttl_us) {
  AppendHead(operations, EntryKind::kPutExpiring, keyspace, key);
  PutVarint(operations, kExpiryBytes + value.size());
  AppendExpiring(operations, ttl_us, value);
}

void AppendRangeDelete(std::string* operations, std::string_view begin, std::string_view end) {
  CHECK(begin < end);
  operations->push_back(static_cast<char>(EntryKind::kRangeDelete));
  PutLengthPrefixed(operations, begin);
  PutLengthPrefixed(operations, end);
}

namespace {

// Not in the keyspace of keyspaces: nobody writes one there.
bool IsForUsers(EntryKind kind) { return kind != EntryKind::kPut && kind != EntryKind::kDelete; }

bool HasTtl(std::string_view value) {
  return value.size() >= kExpiryBytes && ExpiryOf(value) <= static_cast<uint64_t>(kTtlMax.count());
}

bool IsRangeOf(uint32_t keyspace, std::string_view begin, std::string_view end) {
  if (begin >= end) return false;
  uint32_t keyspace_of_end = 0;
  std::string_view key;
  if (SplitStoredKey(end, &keyspace_of_end, &key) && keyspace_of_end == keyspace)
    return key.size() <= kKeyBytesMax;
  return end == KeyspaceEnd(keyspace);
}

}  // namespace

bool BatchReader::Next(BatchOperation* operation) {
  if (!ok_ || at_ == end_) return false;
  Decoder in({at_, remaining()});
  const auto kind = static_cast<EntryKind>(in.Fixed8());
  const std::string_view stored_key = in.LengthPrefixed();
  std::string_view value;
  if (kind != EntryKind::kDelete) value = in.LengthPrefixed();
  uint32_t keyspace = 0;
  std::string_view user_key;
  ok_ = in.ok() && IsOperationKind(static_cast<uint8_t>(kind)) &&
        SplitStoredKey(stored_key, &keyspace, &user_key) && user_key.size() <= kKeyBytesMax;
  if (IsForUsers(kind)) [[unlikely]]
    ok_ = ok_ && keyspace != kCatalogueKeyspace;
  if (kind == EntryKind::kRangeDelete) [[unlikely]]
    ok_ = ok_ && IsRangeOf(keyspace, stored_key, value);
  if (kind == EntryKind::kPutExpiring) [[unlikely]]
    ok_ = ok_ && HasTtl(value);
  if (!ok_) return false;
  at_ = end_ - in.remaining();
  *operation = {.kind = kind, .stored_key = stored_key, .value = value};
  return true;
}

Status BatchReader::status() const {
  if (ok_) return Status::Ok();
  const auto kind = static_cast<unsigned char>(*at_);
  Decoder in({at_ + 1, remaining() - 1});
  uint32_t keyspace = kDefaultKeyspace;
  std::string_view user_key;
  const bool of_keyspaces = IsForUsers(static_cast<EntryKind>(kind)) &&
                            SplitStoredKey(in.LengthPrefixed(), &keyspace, &user_key) &&
                            keyspace == kCatalogueKeyspace;
  if (of_keyspaces) {
    return Status::NotSupported("operation kind " + std::to_string(kind) +
                                " in keyspace 0 is unknown");
  }
  if (IsOperationKind(kind)) return Status::Corruption("batch: its operations cannot be read");
  return Status::NotSupported("operation kind " + std::to_string(kind) + " is unknown");
}

Status CheckTtl(std::chrono::microseconds ttl) {
  using std::chrono::microseconds;
  if (ttl == kNoExpiry || (ttl > microseconds(0) && ttl <= kTtlMax)) return Status::Ok();
  return Status::InvalidArgument("ttl: " + std::to_string(ttl.count()) +
                                 " microseconds; it is more than 0, at most kTtlMax, or kNoExpiry");
}

Status CheckOperations(std::string_view operations) {
  BatchReader reader(operations);
  BatchOperation operation;
  while (reader.Next(&operation)) continue;
  return reader.status();
}

}  // namespace logwood
