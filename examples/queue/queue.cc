#include "queue.h"

#include <utility>

using logwood::LogPos;
using logwood::Result;
using logwood::Status;

namespace {

std::string KeyOf(uint64_t number) {
  std::string key;
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
  return key;
}

uint64_t NumberOf(std::string_view key) {
  uint64_t number = 0;
  for (const char c : key) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

}  // namespace

Result<std::unique_ptr<Queue>> Queue::Open(const std::string& directory, uint64_t size_max) {
  auto db = logwood::DB::Open({}, directory);
  if (!db.ok()) return db.status();
  const auto items = (*db)->OpenOrCreateKeyspace({}, "items");
  if (!items.ok()) return items.status();
  std::unique_ptr<Queue> queue(new Queue(std::move(*db), *items, size_max));
  const Status status = queue->FindEnds();
  if (!status.ok()) return status;
  return queue;
}

// An empty queue begins with 0 again: of numbers nothing matters but their order.
Status Queue::FindEnds() {
  const auto it = db_->NewIterator({}, items_);
  it->SeekToFirst();
  if (it->Valid()) begin_ = NumberOf(it->key());
  if (it->Valid()) it->SeekToLast();
  if (it->Valid()) end_ = NumberOf(it->key()) + 1;
  return it->status();
}

Status Queue::Push(std::string_view text, logwood::Durability durability) {
  LogPos position = 0;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end_ - begin_ < size_max_ || !failed_.ok(); });
    if (!failed_.ok()) return failed_;
    // Number and write under one lock: were 8 written before 7, Front could show 8 without it, and
    // Remove(8) would delete a 7 that nobody took.
    const auto written =
        db_->Put({.durability = logwood::Durability::kProcess}, items_, KeyOf(end_), text);
    if (written.ok()) {
      position = *written;
      ++end_;
    } else {
      failed_ = written.status();
    }
    changed_.notify_all();
    if (!written.ok()) return written.status();
  }
  // Not under the lock: so one sync is for all threads that wait.
  return durability == logwood::Durability::kPower ? db_->WaitDurable(position) : Status::Ok();
}

Result<std::vector<Item>> Queue::Front(size_t most) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end_ != begin_ || !failed_.ok(); });
    if (!failed_.ok()) return failed_;
  }
  std::vector<Item> items;
  const auto it = db_->NewIterator({}, items_);
  for (it->SeekToFirst(); it->Valid() && items.size() < most; it->Next()) {
    items.push_back({NumberOf(it->key()), std::string(it->value())});
  }
  if (!it->status().ok()) return it->status();
  return items;
}

Status Queue::Remove(uint64_t last) {
  // From the first key there can be: whatever is before is done with, too, and one range that grows
  // is less to keep than many.
  const auto removed = db_->DeleteRange({}, items_, "", KeyOf(last + 1));
  if (!removed.ok()) return removed.status();
  const std::lock_guard lock(mutex_);
  begin_ = last + 1;
  changed_.notify_all();
  return Status::Ok();
}

void Queue::Stop(const Status& why) {
  const std::lock_guard lock(mutex_);
  if (failed_.ok()) failed_ = why;
  changed_.notify_all();
}

uint64_t Queue::size() {
  const std::lock_guard lock(mutex_);
  return end_ - begin_;
}
