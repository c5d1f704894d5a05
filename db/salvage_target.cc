#include "db/salvage_target.h"

#include <algorithm>

#include "db/file_names.h"
#include "db/settings.h"
#include "util/batch_codec.h"
#include "util/internal_key.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kBatchBytes = 1 << 20;
// Within the target, so that it is on the same file system.
constexpr char kUnfinished[] = "salvage.new";
// The flush at the end makes all of it durable.
constexpr WriteOptions kUnsynced{.durability = Durability::kProcess};

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

// One whose name is lost gets one that says so.
Result<Keyspace> SalvageTarget::KeyspaceOf(uint32_t number) {
  const auto at = keyspaces_.find(number);
  if (at != keyspaces_.end()) return at->second;
  std::string name = "salvaged-" + std::to_string(number);
  Result<Keyspace> created = db_->CreateKeyspace(kUnsynced, name);
  while (created.status().Is(StatusCode::kAlreadyExists))
    created = db_->CreateKeyspace(kUnsynced, name += "-");
  if (created.ok()) {
    keyspaces_[number] = *created;
    renamed_[number] = name;
  }
  return created;
}

Status SalvageTarget::Add(const Entry& entry) {
  uint32_t number = 0;
  std::string_view key;
  if (entry.kind() != EntryKind::kPut || !SplitStoredKey(entry.key, &number, &key)) {
    return Status::Ok();
  }
  if (number == kCatalogueKeyspace || number >= kKeyspacesMax) return Status::Ok();
  if (dropped_.contains(number)) return Status::Ok();
  ASSIGN_OR_RETURN(const Keyspace keyspace, KeyspaceOf(number));
  const uint64_t more = key.size() + entry.value.size() + kOperationOverheadBytesMax;
  // In memory, since that is what a database limits: tiny records cost more there than bytes.
  if (!batch_.empty() && batch_.memory_bytes() + more > batch_bytes_max_) {
    RETURN_IF_ERROR(WriteBatchOut());
  }
  batch_.Put(keyspace, key, entry.value);
  ++records_;
  bytes_ += key.size() + entry.value.size();
  return Status::Ok();
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
