// The bytes of a batch's operations, as they lie in a WriteBatch and in the body of a log record
// (docs/format/log.md). One operation:
//
//   kind        1 byte, EntryKind: kDelete, kPut, kMerge, kRangeDelete or kPutExpiring
//   key length  varint
//   stored key  keyspace prefix and user's key, contiguous; of a range its begin
//   but for kDelete: value length, varint; value; of a merge the operand, of a range its exclusive
//               end, a stored key; of a put that expires how long it lasts, then the value
//               (util/expiring_value.h)
//
//   BatchReader in(batch.operations());
//   BatchOperation operation;
//   while (in.Next(&operation)) Apply(operation);
//   RETURN_IF_ERROR(in.status());
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "util/internal_key.h"

namespace logwood {

// The views lie in the bytes given to the reader.
struct BatchOperation {
  EntryKind kind = EntryKind::kDelete;
  std::string_view stored_key;
  std::string_view value;  // empty for kDelete
};

// The most bytes an operation takes beyond the user's key and the value.
inline constexpr size_t kOperationOverheadBytesMax = 1 + 5 + kKeyspacePrefixBytesMax + 5 + 8;

// Appends one operation, of any keyspace; the engine writes the catalogue with it.
// REQUIRES: kind is kPut, kMerge, kPutExpiring or kDelete; a delete's value is empty; the key is
// within kKeyBytesMax.
void AppendOperation(std::string* operations, EntryKind kind, uint32_t keyspace,
                     std::string_view key, std::string_view value);

// The same for a put that expires so long after its commit; 0: never.
// REQUIRES: at most kTtlMax.
void AppendPutExpiring(std::string* operations, uint32_t keyspace, std::string_view key,
                       std::string_view value, uint64_t ttl_us);

// The same for a range delete of the stored keys in [begin, end).
// REQUIRES: begin < end, both of one keyspace and within kStoredKeyBytesMax.
void AppendRangeDelete(std::string* operations, std::string_view begin, std::string_view end);

// Walks over operations. The bytes may be hostile: an unknown kind, a length beyond the end, a
// stored key that does not split or is too long, a range that is empty or leaves its keyspace, a
// time to live that is cut off or too long, anything but puts and deletes in the keyspace of
// keyspaces, ends the walk with ok() false. Copy it freely: a copy walks on from the same place.
class BatchReader {
 public:
  explicit BatchReader(std::string_view operations)
      : at_(operations.data()), end_(operations.data() + operations.size()) {}

  // False at the end, or at bytes that are no operation.
  bool Next(BatchOperation* operation);
  // False once bytes were met that are no operation.
  bool ok() const { return ok_; }
  // Why: kNotSupported where they begin with a kind this build does not know, else kCorruption.
  // Neither names the file: who read it there adds place and writer (WithWriter).
  Status status() const;
  // Bytes not yet walked over. When not ok, they begin with the bad operation.
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// Whether BatchReader reads all of them.
Status CheckOperations(std::string_view operations);

// kInvalidArgument: no put can last so long (logwood/write_batch.h, PutExpiring).
Status CheckTtl(std::chrono::microseconds ttl);

}  // namespace logwood
