#include "db/salvage_target.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "db/file_names.h"
#include "db/settings.h"
#include "util/batch_codec.h"
#include "util/internal_key.h"
#include "util/merge_value.h"
#include "util/reserved_operator.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kBatchBytes = 1 << 20;
// Within the target, so that it is on the same file system.
constexpr char kUnfinished[] = "salvage.new";
// The flush at the end makes all of it durable.
constexpr WriteOptions kUnsynced{.durability = Durability::kProcess};

// In the place of an operator that the source's keyspaces have, for as long as this writes: takes
// whatever its operands are, and keeps them as they are.
class KeptOperands final : public ReservedOperator {
 public:
  explicit KeptOperands(KeyspaceOperators::Recorded of) : of_(std::move(of)) {}
  std::string_view name() const override { return of_.name; }
  uint32_t version() const override { return of_.version; }
  bool Merge(std::string_view, std::string_view, std::string*) const override { return false; }
  // Nor is one operand alone a value.
  bool Finish(std::string*) const override { return false; }

 private:
  const KeyspaceOperators::Recorded of_;
};

// What was stored with the source goes on to be in force.
void ApplyStored(const std::string& stored, Options* options) {
  const Result<Settings> settings = ResolveSettings(Options(), stored);
  if (!settings.ok()) return;
  options->durability = settings->durability;
  options->compression = settings->compression;
  options->log_retention = settings->log_retention;
  options->tuning.table_bytes = settings->table_bytes;
  options->tuning.block_bytes = settings->block_bytes;
  options->tuning.filter_bits_per_key = settings->filter_bits_per_key;
  options->tuning.level0_tables = settings->level0_tables;
  options->tuning.level_multiplier = settings->level_multiplier;
}

}  // namespace

Status SalvageTarget::Open(uint64_t record_bytes_max) {
  Options options;
  options.file_system = options_.fs;
  options.error_if_exists = true;
  ApplyStored(settings_, &options);
  // A batch may take a quarter of the budget, with what its operations take in memory.
  const uint64_t record_bytes =
      record_bytes_max + kOperationOverheadBytesMax + kOperationMemoryBytes;
  options.memory_budget_bytes =
      std::max({options_.memory_bytes / 2, 4 * record_bytes, kMemoryBudgetBytesMin});
  batch_bytes_max_ = std::min(kBatchBytes, options.memory_budget_bytes / 16);
  record_bytes_max_ = std::min<uint64_t>(options.memory_budget_bytes / 4, kBatchBytesMax) -
                      kOperationOverheadBytesMax - kOperationMemoryBytes;
  GiveOperators(&options);
  // Also where it is there: whoever made it may not have made its name durable.
  RETURN_IF_ERROR(options_.fs->CreateDirectory(options_.target));
  if (options_.target_begun) options_.target_begun();
  ASSIGN_OR_RETURN(db_, DB::Open(options, JoinPath(options_.target, kUnfinished)));
  for (const auto& [number, position] : catalogue_.Dropped()) dropped_.insert(number);
  std::vector<KeyspaceInfo> list = catalogue_.List();
  std::sort(list.begin(), list.end(), [](const KeyspaceInfo& a, const KeyspaceInfo& b) {
    return a.keyspace.number() < b.keyspace.number();
  });
  for (const KeyspaceInfo& info : list) {
    ASSIGN_OR_RETURN(keyspaces_[info.keyspace.number()],
                     db_->OpenOrCreateKeyspace(kUnsynced, info.name));
  }
  return Status::Ok();
}

// Also for those whose names are lost.
void SalvageTarget::GiveOperators(Options* options) const {
  const auto give = [options](const std::string& name, const KeyspaceOperators::Recorded& of) {
    options->keyspaces[name].merge_operator = std::make_shared<KeptOperands>(of);
  };
  std::map<uint32_t, std::string> names;
  for (const KeyspaceInfo& info : catalogue_.List()) names[info.keyspace.number()] = info.name;
  for (const auto& [number, recorded] : catalogue_.operators().All()) {
    const auto at = names.find(number);
    give(at != names.end() ? at->second : NewNameOf(number), recorded);
  }
}

// Of one whose name is lost: one that says so.
std::string SalvageTarget::NewNameOf(uint32_t number) const {
  std::string name = "salvaged-" + std::to_string(number);
  while (catalogue_.Find(name)) name += "-";
  return name;
}

Result<Keyspace> SalvageTarget::KeyspaceOf(uint32_t number) {
  const auto at = keyspaces_.find(number);
  if (at != keyspaces_.end()) return at->second;
  const std::string name = NewNameOf(number);
  Result<Keyspace> created = db_->CreateKeyspace(kUnsynced, name);
  if (created.ok()) {
    keyspaces_[number] = *created;
    renamed_[number] = name;
  }
  return created;
}

Status SalvageTarget::Add(const SalvagedKey& found) {
  uint32_t number = 0;
  std::string_view key;
  if (!SplitStoredKey(found.key, &number, &key)) return Status::Ok();
  if (number == kCatalogueKeyspace || number >= kKeyspacesMax) return Status::Ok();
  if (dropped_.contains(number)) return Status::Ok();
  ASSIGN_OR_RETURN(const Keyspace keyspace, KeyspaceOf(number));
  if (found.merges.empty()) return PutOut(keyspace, key, found.base);
  return AddMerged(found, number, keyspace, key);
}

void SalvageTarget::LeftOut::Add(std::string_view stored_key) {
  if (keys++ == 0) first = stored_key;
  last = stored_key;
}

Status SalvageTarget::AddMerged(const SalvagedKey& found, uint32_t number, Keyspace keyspace,
                                std::string_view key) {
  const bool has_operator = catalogue_.operators().RecordedOf(number).has_value();
  MergedOnto base = found.base;
  std::vector<MergeOperands> newest_first;
  Status readable;
  for (const std::string_view merge : found.merges) {
    MergeValue value;
    readable = ReadMergeValue(merge, &value);
    if (!readable.ok()) break;
    newest_first.push_back(value.operands);
    if (value.base.kind != MergeBase::kBelow) base = value.base;
  }
  if (readable.Is(StatusCode::kNotSupported)) return readable;
  if (!readable.ok() || !has_operator) {
    LeftOut& left_out = left_out_[number];
    left_out.Add(found.key);
    left_out.has_operator = has_operator;
    newest_first.clear();
  }
  // What they become of a value that expires depends on when that is asked.
  const bool may_expire = base.kind == MergeBase::kExpiring && base.expires_us > time_us_;
  // One that is built in, since this was given none.
  const MergeOperator* const built_in = catalogue_.operators().Find(number);
  if (built_in != nullptr && readable.ok()) {
    std::string value;
    const Status resolved = ResolveMerges(*built_in, found.base, found.merges, time_us_, &value);
    if (resolved.ok() && !may_expire && key.size() + value.size() <= record_bytes_max_) {
      return PutOut(keyspace, key, {.kind = MergeBase::kValue, .value = value});
    }
    if (resolved.Is(StatusCode::kInvalidArgument)) refused_[number].Add(found.key);
  }
  if (base.kind == MergeBase::kValue || may_expire) {
    RETURN_IF_ERROR(PutOut(keyspace, key, base));
  } else if (!newest_first.empty()) {
    ++records_;
    bytes_ += key.size();
  }
  for (auto operands = newest_first.rbegin(); operands != newest_first.rend(); ++operands) {
    for (std::string_view operand; operands->Next(&operand);) {
      RETURN_IF_ERROR(MakeRoom(key, operand));
      batch_.Merge(keyspace, key, operand);
      bytes_ += operand.size();
    }
  }
  return Status::Ok();
}

Status SalvageTarget::PutOut(Keyspace keyspace, std::string_view key, const MergedOnto& base) {
  std::chrono::microseconds ttl = kNoExpiry;
  if (base.kind == MergeBase::kExpiring) {
    if (base.expires_us <= time_us_) return Status::Ok();
    const uint64_t left_us = base.expires_us - time_us_;
    if (left_us <= static_cast<uint64_t>(kTtlMax.count())) ttl = std::chrono::microseconds(left_us);
  }
  RETURN_IF_ERROR(MakeRoom(key, base.value));
  if (ttl == kNoExpiry) {
    batch_.Put(keyspace, key, base.value);
  } else {
    batch_.PutExpiring(keyspace, key, base.value, ttl);
  }
  ++records_;
  bytes_ += key.size() + base.value.size();
  return Status::Ok();
}

// In memory, since that is what a database limits: tiny records cost more there than bytes.
Status SalvageTarget::MakeRoom(std::string_view key, std::string_view value) {
  const uint64_t more = key.size() + value.size() + kOperationOverheadBytesMax;
  if (batch_.empty() || batch_.memory_bytes() + more <= batch_bytes_max_) return Status::Ok();
  return WriteBatchOut();
}

Status SalvageTarget::WriteBatchOut() {
  RETURN_IF_ERROR(db_->Write(kUnsynced, batch_).status());
  batch_.Clear();
  return Status::Ok();
}

Status SalvageTarget::Close() {
  if (!batch_.empty()) RETURN_IF_ERROR(WriteBatchOut());
  RETURN_IF_ERROR(db_->Flush());
  RETURN_IF_ERROR(db_->Close());
  db_.reset();
  return MoveIntoPlace();
}

// ROOT last: what is cut off before is no database to anybody.
Status SalvageTarget::MoveIntoPlace() {
  FileSystem* const fs = options_.fs;
  const std::string unfinished = JoinPath(options_.target, kUnfinished);
  const auto move = [&](const std::string& name) {
    return fs->Rename(JoinPath(unfinished, name), JoinPath(options_.target, name));
  };
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs->List(unfinished));
  for (const std::string& name : names) {
    if (name != kRootFileName) RETURN_IF_ERROR(move(name));
  }
  RETURN_IF_ERROR(fs->SyncDirectory(options_.target));
  RETURN_IF_ERROR(move(kRootFileName));
  RETURN_IF_ERROR(fs->SyncDirectory(options_.target));
  static_cast<void>(fs->Remove(unfinished));  // empty; nobody asks for it
  return Status::Ok();
}

}  // namespace logwood
