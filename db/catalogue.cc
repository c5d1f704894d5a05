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
constexpr char kOperatorPrefix = 'o';

std::string NameKey(std::string_view name) { return kNamePrefix + std::string(name); }

std::string NumberKey(char prefix, uint32_t number) {
  std::string key(1, prefix);
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

uint32_t NumberOfKey(std::string_view rest) {
  if (rest.size() != 4) return 0;
  uint32_t number = 0;
  for (char c : rest) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::optional<KeyspaceOperators::Recorded> OperatorOf(std::string_view value) {
  Decoder in(value);
  const uint32_t version = in.Varint32();
  if (!in.ok() || !MergeOperator::IsName(in.rest())) return std::nullopt;
  return KeyspaceOperators::Recorded{std::string(in.rest()), version};
}

// A row that is none, or of which there was a newer version, says nothing: a keyspace's operator
// never changes.
void RecordOperator(std::string_view stored_key, std::string_view value,
                    KeyspaceOperators* operators) {
  uint32_t keyspace = 0;
  std::string_view key;
  if (!SplitStoredKey(stored_key, &keyspace, &key) || keyspace != kCatalogueKeyspace) return;
  if (key.empty() || key[0] != kOperatorPrefix) return;
  const uint32_t number = NumberOfKey(key.substr(1));
  const auto recorded = OperatorOf(value);
  if (recorded && number >= kDefaultKeyspace && number < kKeyspacesMax) {
    operators->Record(number, *recorded);
  }
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
  const bool known = row == kNamePrefix ? is_put || kind == EntryKind::kDelete
                                        : (row == kDropPrefix || row == kOperatorPrefix) && is_put;
  if (!known) return Status::NotSupported(what(" is of a kind that is unknown"));
  const std::string_view rest = key.substr(1);
  if (row == kNamePrefix && rest == "default") {
    return Status::Corruption(what(" is of a keyspace that has none"));
  }
  if (kind == EntryKind::kDelete) {
    names_.erase(std::string(rest));
    return Status::Ok();
  }
  const uint32_t number = row == kNamePrefix ? NumberOf(value) : NumberOfKey(rest);
  const uint32_t first = row == kOperatorPrefix ? kDefaultKeyspace : kDefaultKeyspace + 1;
  if (number < first || number >= kKeyspacesMax) {
    return Status::Corruption(what(" names no number that a keyspace can have"));
  }
  if (row == kOperatorPrefix) {
    const auto recorded = OperatorOf(value);
    if (!recorded) return Status::Corruption(what(" names no merge operator"));
    operators_.Record(number, *recorded);
    return Status::Ok();
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
  for (const auto& [name, info] : names_) {
    list.push_back(info);
    const auto recorded = operators_.RecordedOf(info.keyspace.number());
    if (!recorded) continue;
    list.back().merge_operator = recorded->name;
    list.back().merge_operator_version = recorded->version;
  }
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

std::string Catalogue::TextOf(uint32_t number) const {
  const auto quoted = [](std::string_view name) { return "keyspace \"" + Escape(name) + "\""; };
  if (number == kDefaultKeyspace) return quoted("default");
  MutexLock lock(mutex_);
  for (const auto& [name, info] : names_) {
    if (info.keyspace.number() == number) return quoted(name);
  }
  const auto dropped = dropped_.find(number);
  return dropped != dropped_.end() ? quoted(dropped->second.second)
                                   : "keyspace number " + std::to_string(number);
}

std::string Catalogue::KeyTextOf(std::string_view stored_key) const {
  uint32_t number = 0;
  std::string_view key;
  SplitStoredKey(stored_key, &number, &key);
  return "key \"" + Escape(key) + "\" of " + TextOf(number);
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

std::optional<std::pair<LogPos, std::string>> Catalogue::FindDropped(uint32_t number) const {
  MutexLock lock(mutex_);
  const auto it = dropped_.find(number);
  return it == dropped_.end() ? std::nullopt : std::optional(it->second);
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
    AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, NumberKey(kDropPrefix, number),
                    drop.second);
  }
  for (const auto& [number, recorded] : operators_.All())
    to += OperatorOperations(number, recorded);
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
  AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, NumberKey(kDropPrefix, number), name);
  return to;
}

std::string Catalogue::OperatorOperations(uint32_t number,
                                          const KeyspaceOperators::Recorded& recorded) {
  std::string value;
  PutVarint(&value, recorded.version);
  value += recorded.name;
  std::string to;
  AppendOperation(&to, EntryKind::kPut, kCatalogueKeyspace, NumberKey(kOperatorPrefix, number),
                  value);
  return to;
}

void Catalogue::RecordOperators(std::string_view operations, KeyspaceOperators* operators) {
  BatchReader reader(operations);
  BatchOperation operation;
  while (reader.Next(&operation)) RecordOperator(operation.stored_key, operation.value, operators);
}

void Catalogue::LoadOperators(InternalIterator* tree, KeyspaceOperators* operators) {
  const std::string_view end = Range().end;
  for (tree->Seek(std::string(Range().begin) + kOperatorPrefix, SeekTrailer(kPositionMax));
       tree->Valid() && tree->entry().key < end; tree->Next()) {
    RecordOperator(tree->entry().key, tree->entry().value, operators);
  }
}

}  // namespace logwood
