// A durable first-in first-out queue on Logwood: what you would copy.
//
// An item's key is its number, eight bytes with the highest first, so that the order of the keys is
// the order of the items. Who pushes inserts behind the last one. Who takes seeks to the first, and
// deletes what it is done with by one range delete for many items.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/db.h"

struct Item {
  uint64_t number = 0;
  std::string text;
};

class Queue {
 public:
  // What was in it when it was closed, or when its process died, is in it again. At most `size_max`
  // items: then Push waits.
  static logwood::Result<std::unique_ptr<Queue>> Open(const std::string& directory,
                                                      uint64_t size_max);

  // Any number of threads. With kPower the item survives loss of power when it returns.
  logwood::Status Push(std::string_view text, logwood::Durability durability);

  // The first items, at least one - waits for it -, at most `most`. They stay in the queue until
  // Remove says that they are done with: who dies between the two gets them again. One thread at a
  // time takes and removes.
  logwood::Result<std::vector<Item>> Front(size_t most);
  // All items up to this number.
  logwood::Status Remove(uint64_t last);

  // From now on every call fails with this, and nobody waits.
  void Stop(const logwood::Status& why);

  uint64_t size();
  logwood::Status Close() { return db_->Close(); }

 private:
  Queue(std::unique_ptr<logwood::DB> db, logwood::Keyspace items, uint64_t size_max)
      : db_(std::move(db)), items_(items), size_max_(size_max) {}
  logwood::Status FindEnds();

  const std::unique_ptr<logwood::DB> db_;
  const logwood::Keyspace items_;
  const uint64_t size_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by the mutex: the items are those from `begin_` on and before `end_`.
  uint64_t begin_ = 0, end_ = 0;
  logwood::Status failed_;  // the first push that did, or Stop
};
