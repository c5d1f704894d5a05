// Session: operations that take a position.
#include <algorithm>
#include <utility>

#include "tests/metamorphic/session.h"
#include "tests/support/list_operators.h"

namespace logwood::test {

WriteOptions Session::WritingAs(const Operation& operation) {
  return {.durability = operation.durability, .ttl = TtlOf(operation.ttl_us)};
}

std::vector<BatchItem> Session::Lasting(std::vector<BatchItem> items, int64_t ttl_us) const {
  for (BatchItem& item : items) {
    if (item.kind != BatchItem::Kind::kPut) continue;
    if (item.ttl_us == 0) item.ttl_us = ttl_us;
    if (item.ttl_us == 0 && has_default_ttls_) item.ttl_us = DefaultTtlOf(item.keyspace);
  }
  return items;
}

void Session::CheckWritten(const Result<LogPos>& result, const std::vector<BatchItem>& items,
                           Durability durability) {
  if (!ExpectOk(result.status(), "write")) return;
  const LogPos expected = model_->Apply(items);
  Expect(*result == expected, "write returned position " + std::to_string(*result) + ", expected " +
                                  std::to_string(expected));
  Expect(db_->LastPosition() == expected, "LastPosition is not the last write's");
  CheckDurableUpTo(expected, durability);
  Observe(*result);
  for (const BatchItem& item : items)
    if (item.is_range()) CheckEnds(item);
}

void Session::CheckDurableUpTo(LogPos position, Durability durability) {
  if (durability == Durability::kDefault) durability = set_.options.durability;
  if (durability == Durability::kPower)
    Expect(db_->DurablePosition() >= position, "a kPower write returned before it was durable");
}

void Session::CheckRefused(std::string_view what, const Result<LogPos>& result) {
  if (!Expect(!result.ok(), std::string(what) + " into a dropped keyspace was accepted")) return;
  const StatusCode code = result.status().code();
  Expect(code == StatusCode::kNotFound || code == StatusCode::kInvalidArgument,
         std::string(what) + " into a dropped keyspace: " + result.status().ToString());
  Expect(db_->LastPosition() == model_->last(), "a refused write took a position");
}

// A range that ends before it begins, or an operand that is none.
void Session::CheckMisused(const Result<LogPos>& result) {
  Expect(result.status().Is(StatusCode::kInvalidArgument),
         "a misuse was answered with " + result.status().ToString());
  Expect(db_->LastPosition() == model_->last(), "a misused write took a position");
}

void Session::Put(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const Result<LogPos> result = db_->Put(WritingAs(operation), *handle, operation.key.bytes(),
                                         WrittenBytes(ItemOf(operation)));
  if (!IsLive(operation.keyspace)) return CheckRefused("put", result);
  CheckWritten(result, Lasting({ItemOf(operation)}, operation.ttl_us), operation.durability);
}

void Session::Delete(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const Result<LogPos> result = db_->Delete(WritingAs(operation), *handle, operation.key.bytes());
  if (!IsLive(operation.keyspace)) return CheckRefused("delete", result);
  CheckWritten(result, Lasting({ItemOf(operation)}, operation.ttl_us), operation.durability);
}

void Session::DeleteRange(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const BatchItem item = ItemOf(operation);
  const KeyBounds bounds = item.bounds();
  const Result<LogPos> result =
      db_->DeleteRange(WritingAs(operation), *handle, bounds.begin, bounds.end);
  if (bounds.is_backward()) return CheckMisused(result);
  // An empty range is a commit of nothing: it names no keyspace.
  if (bounds.is_empty()) return CheckWritten(result, {}, operation.durability);
  if (!IsLive(operation.keyspace)) return CheckRefused("range delete", result);
  CheckWritten(result, Lasting({item}, operation.ttl_us), operation.durability);
}

void Session::Merge(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const BatchItem item = ItemOf(operation);
  const Result<LogPos> result =
      db_->Merge(WritingAs(operation), *handle, operation.key.bytes(), WrittenBytes(item));
  if (!IsLive(operation.keyspace)) return CheckRefused("merge", result);
  if (IsRefusedMerge(item)) return CheckMisused(result);
  CheckWritten(result, Lasting({item}, operation.ttl_us), operation.durability);
  const ModelKeyspace& content = *model_->current(operation.keyspace);
  const std::string key = operation.key.bytes();
  if (!failed() && content.keys.at(key).back().expires_us != ModelVersion::kNever)
    CheckExpiredKey(*handle, content, key);
}

void Session::CheckConflict(std::string_view what, const Status& refused) {
  Expect(refused.Is(StatusCode::kConflict),
         std::string(what) + " is " + refused.ToString() + ", expected a conflict");
  Expect(db_->LastPosition() == model_->last(), "a write with a conflict took a position");
  Observe(static_cast<uint64_t>(refused.code()));
}

void Session::PutIfAbsent(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const BatchItem item = ItemOf(operation);
  const std::string key = operation.key.bytes();
  const Result<LogPos> result =
      db_->PutIfAbsent(WritingAs(operation), *handle, key, WrittenBytes(item));
  if (!IsLive(operation.keyspace)) return CheckRefused("PutIfAbsent", result);
  if (Expected(operation, key) != nullptr)
    return CheckConflict("PutIfAbsent of what is there", result.status());
  CheckWritten(result, Lasting({item}, operation.ttl_us), operation.durability);
}

void Session::CompareAndPut(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const BatchItem item = ItemOf(operation);
  const std::string key = operation.key.bytes();
  const std::string* const there = IsLive(operation.keyspace) ? Expected(operation, key) : nullptr;
  // Where nothing is there, the value to be put; else what is there, or with another last byte.
  std::string expected = item.has_value() ? WrittenBytes(item) : "";
  if (there != nullptr && !there->empty()) expected = *there;
  if (!operation.flag && !expected.empty()) expected.back() ^= 1;
  const WriteOptions options = WritingAs(operation);
  const Result<LogPos> result =
      item.has_value() ? db_->CompareAndPut(options, *handle, key, expected, WrittenBytes(item))
                       : db_->DeleteIf(options, *handle, key, expected);
  if (!IsLive(operation.keyspace)) return CheckRefused("CompareAndPut", result);
  if (there == nullptr || *there != expected)
    return CheckConflict("CompareAndPut or DeleteIf of another value", result.status());
  CheckWritten(result, Lasting({item}, operation.ttl_us), operation.durability);
}

std::vector<BatchItem> Session::WritableItems(const std::vector<BatchItem>& items,
                                              bool* has_dropped) {
  std::vector<BatchItem> writable;
  for (const BatchItem& item : items) {
    if (!handles_[static_cast<size_t>(item.keyspace)]) continue;
    if (item.is_range() && item.bounds().is_empty()) continue;
    *has_dropped |= !IsLive(item.keyspace);
    writable.push_back(item);
  }
  return writable;
}

void Session::Batch(const Operation& operation) {
  bool has_dropped = false;
  const std::vector<BatchItem> items = WritableItems(operation.items, &has_dropped);
  WriteBatch batch;
  uint32_t ranges = 0, merges = 0;
  bool is_misused = false, is_refused = false;
  for (const BatchItem& item : items) {
    const Keyspace keyspace = *handles_[static_cast<size_t>(item.keyspace)];
    if (item.is_range()) {
      const KeyBounds bounds = item.bounds();
      batch.DeleteRange(keyspace, bounds.begin, bounds.begin);  // no operation
      batch.DeleteRange(keyspace, bounds.begin, bounds.end);
      is_misused |= bounds.is_backward();
      ++ranges;
    } else if (item.kind == BatchItem::Kind::kPut && item.ttl_us != 0) {
      batch.PutExpiring(keyspace, item.key.bytes(), WrittenBytes(item), TtlOf(item.ttl_us));
    } else if (item.kind == BatchItem::Kind::kPut) {
      batch.Put(keyspace, item.key.bytes(), WrittenBytes(item));
    } else if (item.kind == BatchItem::Kind::kMerge) {
      batch.Merge(keyspace, item.key.bytes(), WrittenBytes(item));
      is_refused |= IsRefusedMerge(item);
      ++merges;
    } else {
      batch.Delete(keyspace, item.key.bytes());
    }
  }
  if (operation.note_bytes != 0) batch.Note(std::string(operation.note_bytes, 'n'));
  const Result<LogPos> result = db_->Write(WritingAs(operation), batch);
  if (is_misused) return CheckMisused(result);
  Expect(batch.count() == items.size(), "WriteBatch::count");
  Expect(batch.range_count() == ranges, "WriteBatch::range_count");
  Expect(batch.merge_count() == merges, "WriteBatch::merge_count");
  if (has_dropped) return CheckRefused("batch", result);
  if (is_refused) return CheckMisused(result);
  // Whether a batch of nothing is a commit is the engine's choice; it must be the same everywhere.
  if (items.empty() && result.ok() && *result == model_->last()) return Observe(*result);
  CheckWritten(result, Lasting(items, operation.ttl_us), operation.durability);
}

void Session::CreateKeyspace(int slot) {
  LogPos position = 0;
  const Result<Keyspace> created = db_->CreateKeyspace({}, KeyspaceNameOf(slot), &position);
  if (IsLive(slot)) {
    Expect(created.status().Is(StatusCode::kAlreadyExists),
           "creating a keyspace that exists: " + created.status().ToString());
    return;
  }
  if (!ExpectOk(created.status(), "CreateKeyspace")) return;
  CheckCreated(slot, *created, position);
}

void Session::OpenOrCreateKeyspace(const Operation& operation) {
  const int slot = operation.keyspace;
  const WriteOptions options = WritingAs(operation);
  LogPos position = 0;
  const Result<Keyspace> opened =
      db_->OpenOrCreateKeyspace(options, KeyspaceNameOf(slot), &position);
  if (!ExpectOk(opened.status(), "OpenOrCreateKeyspace")) return;
  if (IsLive(slot)) {
    Expect(*opened == *handles_[static_cast<size_t>(slot)], "OpenOrCreateKeyspace of another");
    Expect(position == model_->current(slot)->created, "the position of an open keyspace");
    Expect(db_->LastPosition() == model_->last(), "OpenOrCreateKeyspace took a position");
  } else {
    CheckCreated(slot, *opened, position);
  }
  CheckDurableUpTo(position, operation.durability);
}

void Session::CheckCreated(int slot, Keyspace created, LogPos position) {
  model_->Create(slot);
  Expect(position == model_->last(), "the position of a created keyspace");
  Expect(db_->LastPosition() == model_->last(), "creating a keyspace did not take one position");
  const std::optional<Keyspace>& before = handles_[static_cast<size_t>(slot)];
  Expect(!before || before->number() != created.number(), "a keyspace number was used again");
  handles_[static_cast<size_t>(slot)] = created;
  slots_[created.number()] = slot;
  Observe(created.number());
}

void Session::DropKeyspace(int slot) {
  const Result<LogPos> position = db_->DropKeyspace({}, KeyspaceNameOf(slot));
  const Status& dropped = position.status();
  if (slot == 0) {
    Expect(dropped.Is(StatusCode::kInvalidArgument), "dropping \"default\": " + dropped.ToString());
  } else if (!IsLive(slot)) {
    Expect(dropped.Is(StatusCode::kNotFound), "dropping what is not there: " + dropped.ToString());
  } else if (ExpectOk(dropped, "DropKeyspace")) {
    model_->Drop(slot);
    Expect(*position == model_->last(), "the position of DropKeyspace");
  }
  Expect(db_->LastPosition() == model_->last(), "LastPosition after DropKeyspace");
  Observe(static_cast<uint64_t>(dropped.code()));
}

void Session::ListKeyspaces() {
  const Result<std::vector<KeyspaceInfo>> listed = db_->ListKeyspaces();
  if (!ExpectOk(listed.status(), "ListKeyspaces")) return;
  std::vector<std::pair<std::string, int>> expected;
  for (int slot = 0; slot < kKeyspaceSlots; ++slot)
    if (IsLive(slot)) expected.emplace_back(KeyspaceNameOf(slot), slot);
  std::sort(expected.begin(), expected.end());
  if (!Expect(listed->size() == expected.size(), "ListKeyspaces: wrong number of keyspaces"))
    return;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, slot] = expected[i];
    const KeyspaceInfo& info = (*listed)[i];
    Expect(info.name == name, "ListKeyspaces: " + Shown(info.name) + ", expected " + Shown(name));
    if (slot != 0) {
      Expect(info.created == model_->current(slot)->created, "KeyspaceInfo::created of " + name);
      Expect(info.keyspace == *handles_[static_cast<size_t>(slot)], "KeyspaceInfo::keyspace");
    }
  }
}

}  // namespace logwood::test
