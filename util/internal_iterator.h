// InternalIterator: what memtables, tables, levels and merges of them look like to a reader.
//
// The current entry lies in the base class, so that a parent reads it without a virtual call; only
// movement is virtual. Implementations set `entry_` and `valid_` at the end of each movement.
//
// Contract:
//  * entry().key and entry().value stay valid until the next movement or destruction.
//  * !Valid() means the end of the range or an error; then status() tells which.
//  * After an error Valid() is false until the next seek.
//  * One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "logwood/status.h"
#include "util/internal_key.h"

namespace logwood {

struct Entry {
  std::string_view key;  // stored key: keyspace prefix and user's key
  uint64_t trailer = 0;
  std::string_view value;

  LogPos position() const { return TrailerPosition(trailer); }
  EntryKind kind() const { return TrailerKind(trailer); }
};

class InternalIterator {
 public:
  virtual ~InternalIterator() = default;

  bool Valid() const { return valid_; }
  // REQUIRES: Valid().
  const Entry& entry() const { return entry_; }

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  // The first entry >= (key, trailer) in internal order.
  virtual void Seek(std::string_view key, uint64_t trailer) = 0;
  // The last entry <= (key, trailer) in internal order.
  virtual void SeekForPrev(std::string_view key, uint64_t trailer) = 0;
  // REQUIRES: Valid().
  virtual void Next() = 0;
  virtual void Prev() = 0;
  virtual Status status() const = 0;

  // What keeps the current entry's value alive beyond this iterator's movement, or null when the
  // bytes only live until then. For pinning large values.
  virtual std::shared_ptr<const void> value_owner() const { return nullptr; }

  // Lets go of the memory behind the current entry; not valid until the next seek.
  virtual void Release() { valid_ = false; }

 protected:
  Entry entry_;
  bool valid_ = false;
};

// Nothing, with a status.
std::unique_ptr<InternalIterator> NewEmptyIterator(Status status = {});

}  // namespace logwood
