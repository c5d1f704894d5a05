// WriteBatch: operations that become one commit - all of them or none, in one position of the log.
//
//   logwood::WriteBatch batch;
//   batch.Put("balance/anna", "70");
//   batch.Put(audit, "0001", "anna paid 30");    // another keyspace, the same commit
//   batch.Delete("pending/17");
//   batch.PutExpiring("session/17", "anna", std::chrono::minutes(20));
//   batch.Merge(visits, "anna", logwood::EncodeInt64(1));  // what it adds to: no read
//   batch.DeleteRange("session/17/", "session/170");  // keys from the one to before the other
//   logwood::Result<logwood::LogPos> position = db->Write({}, batch);
//
// Later operations win over earlier ones on the same key. A misuse (a key too long) is remembered
// and reported by Write as kInvalidArgument, which then writes nothing; so is memory that the
// system does not have, as kBusy. The bytes are those of the log record's body
// (docs/format/log.md). One thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/export.h"
#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

class LOGWOOD_EXPORT WriteBatch {
 public:
  WriteBatch() = default;
  WriteBatch(const WriteBatch&) = default;
  WriteBatch& operator=(const WriteBatch&) = default;
  // Leave the other one empty.
  WriteBatch(WriteBatch&& other) noexcept : WriteBatch() { Swap(&other); }
  WriteBatch& operator=(WriteBatch&& other) noexcept {
    WriteBatch taken(std::move(other));
    Swap(&taken);
    return *this;
  }

  void Put(std::string_view key, std::string_view value) { Put(Keyspace(), key, value); }
  void Put(Keyspace keyspace, std::string_view key, std::string_view value);
  // The same, for so long from the commit on: then the key is not there any more, for views that
  // are made later, nor what this put replaced. `ttl`: more than nothing, at most kTtlMax; or
  // kNoExpiry: for ever, also where WriteOptions or the keyspace say how long puts last.
  void PutExpiring(std::string_view key, std::string_view value, std::chrono::microseconds ttl) {
    PutExpiring(Keyspace(), key, value, ttl);
  }
  void PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                   std::chrono::microseconds ttl);
  void Delete(std::string_view key) { Delete(Keyspace(), key); }
  void Delete(Keyspace keyspace, std::string_view key);
  // What the keyspace's merge operator (Options::keyspaces) makes of the key's value, or of none,
  // and the operand, whenever it is read. Write refuses an operand that the operator does, and one
  // where there is no operator.
  void Merge(std::string_view key, std::string_view operand) { Merge(Keyspace(), key, operand); }
  void Merge(Keyspace keyspace, std::string_view key, std::string_view operand);
  // All keys from `begin` on and before `end`; nullopt: to the keyspace's last. Those that earlier
  // operations of the batch put are among them, those that later ones put are not. It costs one
  // operation, however many keys there are. An empty range is no operation; one that ends before it
  // begins is a misuse. Both ends are at most kKeyBytesMax long.
  void DeleteRange(std::string_view begin, std::optional<std::string_view> end) {
    DeleteRange(Keyspace(), begin, end);
  }
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::optional<std::string_view> end);
  // Opaque bytes that travel with the commit in the log; the last call wins. At most kNoteBytesMax.
  void Note(std::string_view note);

  void Clear();
  // Room for this many bytes of operations, to spare reallocation. At most kBatchBytesMax.
  void Reserve(size_t bytes);
  // Number of operations.
  uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // Of them, those that delete a range.
  uint32_t range_count() const { return range_count_; }
  // Of them, those that merge.
  uint32_t merge_count() const { return merge_count_; }
  // Size of the encoded operations and the note, bytes.
  size_t bytes() const { return operations_.size() + note_.size(); }
  // Of that, the keys and values as they were given.
  size_t data_bytes() const { return data_bytes_; }
  // What it will take in memory when it is written, which is what its limit is about: min(64 MiB, a
  // quarter of the memory budget).
  size_t memory_bytes() const {
    return bytes() + count_ * kOperationMemoryBytes + range_count_ * kRangeDeleteMemoryBytes;
  }
  std::string_view note() const { return note_; }
  // The first misuse, what there was no memory for, or ok.
  const Status& status() const { return status_; }
  // The encoded operations; valid until the batch changes.
  std::string_view operations() const { return operations_; }
  // Which database the keyspaces used belong to; 0 when only default-made ones were used.
  uint32_t owner() const { return owner_; }

 private:
  void Swap(WriteBatch* other) noexcept;
  // Checks and counts an operation about to be written; false when the batch was misused.
  bool Begin(Keyspace keyspace, std::string_view key, std::string_view value);
  template <typename Append>
  void AppendWhole(size_t bytes, const Append& append);

  std::string operations_;
  std::string note_;
  size_t data_bytes_ = 0;
  uint32_t count_ = 0;
  uint32_t range_count_ = 0;
  uint32_t merge_count_ = 0;
  uint32_t owner_ = 0;
  Status status_;
};

}  // namespace logwood
