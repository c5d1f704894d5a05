#include "db/catalogue.h"

#include <algorithm>

#include "util/batch_codec.h"
#include "util/coding.h"
#include "util/escape.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr char kNamePrefix = 'k';
constexpr char kDropPrefix = 'd';

std::string NameKey(std::string_view name) { return kNamePrefix + std::string(name); }

std::string DropKey(uint32_t number) {
  std::string key(1, kDropPrefix);
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
  return key;
}

std::string NumberValue(uint32_t number) {
  std::string value;
  PutVarint(&value, number);
  return value;
}

// The inverses; 0, which no keyspace has: not such bytes.
uint32_t NumberOf(std::string_view value) {
  Decoder in(value);
  const uint32_t number = in.Varint32();
  return in.ok() && in.remaining() == 0 ? number : 0;
}

uint32_t DroppedNumber(std::string_view rest) {
  if (rest.size() != 4) return 0;
  uint32_t number = 0;
  for (char c : rest) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

}  // namespace

Catalogue::Catalogue()
    : live_(std::make_unique<std::atomic<uint64_t>[]>((kKeyspacesMax + 63) / 64)) {
  MutexLock lock(mutex_);
  SetLive(kDefaultKeyspace, true);
  names_["default"] = KeyspaceInfo{"default", Keyspace(), 0};
}

// Release: who sees a keyspace live finds what made it so.
void Catalogue::SetLive(uint32_t number, bool live) {
  std::atomic<uint64_t>& word = live_[number / 64];
  const uint64_t bit = uint64_t{1} << number % 64;
  const uint64_t before = word.load(std::memory_order_relaxed);
  word.store(live ? before | bit : before & ~bit, std::memory_order_release);
}

Status Catalogue::ApplyRow(EntryKind kind, std::string_view key, std::string_view value,
                           LogPos position) {
  const auto what = [&](const char* problem) {
    return "list of keyspaces: row " + Escape(key) + " of position " + std::to_string(position) +
           problem;
  };
  position_ = std::max(position_, position);
  const char row = key.empty() ? '\0' : key[0];
  const bool is_put = kind == EntryKind::kPut;
  const bool known =
      row == kNamePrefix ? is_put || kind == EntryKind::kDelete : row == kDropPrefix && is_put;
  if (!known) return Status::NotSupported(what(" is of a kind that is unknown"));
  const std::string_view rest = key.substr(1);
  if (row == kNamePrefix && rest == "default") {
    return Status::Corruption(what(" is of a keyspace that has none"));
  }
  if (kind == EntryKind::kDelete) {
    names_.erase(std::string(rest));
    return Status::Ok();
  }
  const uint32_t number = row == kNamePrefix ? NumberOf(value) : DroppedNumber(rest);
  if (number <= kDefaultKeyspace || number >= kKeyspacesMax) {
    return Status::Corruption(what(" names no number that a keyspace can have"));
  }
  if (row == kNamePrefix) {
    names_[std::string(rest)] = KeyspaceInfo{std::string(rest), Keyspace(number, owner_), position};
  } else {
    dropped_[number] = {position, std::string(value)};
  }
  next_number_ = std::max(next_number_, number + 1);
  SetLive(number, row == kNamePrefix);
  return Status::Ok();
}

Status Catalogue::Apply(std::string_view operations, LogPos position) {
  MutexLock lock(mutex_);
  BatchReader reader(operations);
  BatchOperation operation;
  Status first;
  while (reader.Next(&operation)) {
    uint32_t keyspace = 0;
    std::string_view key;
    SplitStoredKey(operation.stored_key, &keyspace, &key);  // the reader saw that it splits
    if (keyspace != kCatalogueKeyspace) continue;
    Status applied = ApplyRow(operation.kind, key, operation.value, position);
    if (first.ok()) first = std::move(applied);
  }
  return first.ok() ? reader.status() : first;
}

StoredRange Catalogue::Range() {
  static const std::string begin = KeyspacePrefix(kCatalogueKeyspace);
  static const std::string end = KeyspaceEnd(kCatalogueKeyspace);
  return {begin, end};
}

Status Catalogue::Load(InternalIterator* tree, LogPos position) {
  const auto [begin, end] = Range();
  std::string last_key;
  Status first;
  MutexLock lock(mutex_);
  for (tree->Seek(begin, SeekTrailer(kPositionMax)); tree->Valid() && tree->entry().key < end;
       tree->Next()) {
    const Entry& entry = tree->entry();
    // The newest visible version of each key decides.
    if (entry.position() > position || entry.key == last_key) continue;
    last_key = entry.key;
    Status applied =
        ApplyRow(entry.kind(), entry.key.substr(begin.size()), entry.value, entry.position());
    if (first.ok()) first = std::move(applied);
  }
  RETURN_IF_ERROR(tree->status());
  return first;
}

std::optional<KeyspaceInfo> Catalogue::Find(std::string_view name) const {
  MutexLock lock(mutex_);
  auto it = names_.find(name);
  if (it == names_.end()) return std::nullopt;
  return it->second;
}

std::vector<KeyspaceInfo> Catalogue::List() const {
  MutexLock lock(mutex_);
  std::vector<KeyspaceInfo> list;
  for (const auto& [name, info] : names_) list.push_back(info);
  return list;
}

std::optional<std::string> Catalogue::NameOf(uint32_t number) const {
  MutexLock lock(mutex_);
  for (const auto& [name, info] : names_) {
    if (info.keyspace.number() == number) return name;
  }
  const auto it = dropped_.find(number);
  if (it == dropped_.end()) return std::nullopt;
  return it->second.second + " (dropped)";
}

std::optional<uint32_t> Catalogue::NextNumber() const {
  MutexLock lock(mutex_);
  if (next_number_ >= kKeyspacesMax) return std::nullopt;
  return next_number_;
}

std::vector<std::pair<uint32_t, LogPos>> Catalogue::Dropped() const {
  MutexLock lock(mutex_);
  std::vector<std::pair<uint32_t, LogPos>> list;
  for (const auto& [number, drop] : dropped_) list.emplace_back(number, drop.first);
  return list;
}

LogPos Catalogue::position() const {
  MutexLock lock(mutex_);
  return position_;
}

std::string Catalogue::Encode() const {
  MutexLock lock(mutex_);
  std::string to;
  for (const auto& [name, info] : names_) {
    if (info.keyspace.number() == kDefaultKeyspace) continue;
    AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, NameKey(name),
                    NumberValue(info.keyspace.number()));
  }
  for (const auto& [number, drop] : dropped_) {
    AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, DropKey(number), drop.second);
  }
  return to;
}

std::string Catalogue::CreateOperations(std::string_view name, uint32_t number) {
  std::string to;
  AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, NameKey(name), NumberValue(number));
  return to;
}

std::string Catalogue::DropOperations(std::string_view name, uint32_t number) {
  std::string to;
  AppendOperation(&to, EntryKind::kDelete, kCatalogueKeyspace, NameKey(name), {});
  AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, DropKey(number), name);
  return to;
}

}  // namespace logwood
