// Iterator: walks the keys of one keyspace in order, as they were at one position.
//
//   auto it = db->NewIterator({});
//   for (it->SeekToFirst(); it->Valid(); it->Next()) Use(it->key(), it->value());
//   if (!it->status().ok()) Report(it->status());   // an error ends the walk, look at it
//
// A key whose value cannot be worked out (its merge operator refuses what is stored, or was not
// given) ends the walk, too: kInvalidArgument, and key() is that key although Valid() is false. So
// Seek(std::string(it->key()) + '\0') goes on behind it; backward, an iterator with that key as its
// `upper` does.
//
// An iterator pins the tables and memtables it reads: keep it short-lived. It may outlive
// DB::Close; it is then not valid and its status is kClosed. One thread at a time.
#pragma once

#include <string_view>

#include "logwood/export.h"
#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

class LOGWOOD_EXPORT Iterator {
 public:
  virtual ~Iterator() = default;

  virtual bool Valid() const = 0;
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  // The first key >= target, within the bounds: of a target before them it is their first key.
  virtual void Seek(std::string_view target) = 0;
  // The last key <= target, within the bounds.
  virtual void SeekForPrev(std::string_view target) = 0;
  // REQUIRES: Valid(). A step backward costs a quarter to a half more than one
  // forward; a change of direction costs a seek.
  virtual void Next() = 0;
  virtual void Prev() = 0;

  // REQUIRES: Valid(), or (key() alone) the case above. The bytes stay until the iterator moves or
  // dies.
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;

  // Ok while all went well; the first error sticks until the next seek.
  virtual Status status() const = 0;
  // The position this iterator reads at.
  virtual LogPos position() const = 0;
};

}  // namespace logwood
