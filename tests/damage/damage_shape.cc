#include "tests/damage/damage_shape.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/generators.h"
#include "util/random.h"
#include "util/status_macros.h"
#include "util/sync.h"

namespace logwood::test {

namespace {

constexpr char kPath[] = "db";
constexpr uint32_t kKeys = 90;
constexpr uint64_t kRetainedBytes = 44 << 10;
constexpr uint64_t kReserveStepBytes = 4096;
constexpr uint64_t kSmallReserveStepBytes = 256;

// What the background may not do: for a while syncs of the log wait, so that what is stored
// meanwhile is certain not to be durable; and it cannot read
// tables, so that none are merged.
class Gates {
 public:
  void HoldSyncs(bool hold) {
    MutexLock lock(mutex_);
    syncs_wait_ = hold;
    changed_.NotifyAll();
  }
  void RefuseTableReads() {
    MutexLock lock(mutex_);
    tables_refused_ = true;
  }
  Status Pass(FileOp op, const std::string& path) {
    MutexLock lock(mutex_);
    const bool merges = op == FileOp::kRead && path.ends_with(".table");
    if (merges && tables_refused_ && std::this_thread::get_id() != owner_)
      return Status::IoError(path + ": not now");
    while (op == FileOp::kSync && path.ends_with(".log") && syncs_wait_) changed_.Wait(mutex_);
    return Status::Ok();
  }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  Mutex mutex_;
  CondVar changed_;
  bool syncs_wait_ GUARDED_BY(mutex_) = false;
  bool tables_refused_ GUARDED_BY(mutex_) = false;
};

class ShapeBuilder {
 public:
  explicit ShapeBuilder(uint64_t seed = 7, bool is_small = false)
      : disk_(std::make_unique<SimulatedFileSystem>(SimulatedFileSystem::Settings{
            .reserve_step_bytes = is_small ? kSmallReserveStepBytes : kReserveStepBytes})),
        is_small_(is_small),
        random_(seed) {
    disk_->SetFault([this](FileOp op, const std::string& path) { return gates_.Pass(op, path); });
    shape_.contents.push_back(std::make_shared<const Content>(now_));
    shape_.keyspace_numbers["default"] = Keyspace().number();
  }

  Status Build(ShapeKind kind);
  Status BuildSmall(ShapeKind kind);
  DamageShape TakeShape() { return std::move(shape_); }

 private:
  Status Open(Compression compression, uint64_t memtable_bytes);
  Status Commit(Durability durability, uint32_t value_bytes);
  Status Commits(int count, uint32_t value_bytes);
  Status Create(const std::string& name);
  Status Drop(const std::string& name);
  Status FillTables();
  Status FillLog();
  Status StoreUnsynced();
  Status SmallCommit(Durability durability, bool deletes_range = false);
  Status FillSmall();
  Status Reopen(Compression compression);
  Status Finish();
  Status FinishLog();
  Status FinishCopy(FileContents* files);
  void Committed(LogPos position, bool durable);
  Status Remember();
  Status Take(FileSystem* files);
  void TearLastRecord();

  const std::unique_ptr<SimulatedFileSystem> disk_;
  const bool is_small_;
  Gates gates_;
  std::unique_ptr<DB> db_;
  std::map<std::string, Keyspace> keyspaces_;
  Random random_;
  Content now_ = {{"default", {}}};
  DamageShape shape_;
};

Status ShapeBuilder::Open(Compression compression, uint64_t memtable_bytes) {
  Options options;
  options.file_system = disk_.get();
  options.memory_budget_bytes = 2 << 20;
  options.compression = compression;
  options.log_retention = LogRetention{.bytes_min = is_small_ ? 0 : kRetainedBytes};
  options.tuning.memtable_bytes = memtable_bytes;
  options.tuning.table_bytes = 3 << 10;
  options.tuning.block_bytes = 512;
  options.tuning.log_segment_bytes = 4 << 10;
  options.tuning.level0_tables = 2;
  options.tuning.level_multiplier = 4;
  options.tuning.background_threads = 1;
  ASSIGN_OR_RETURN(db_, DB::Open(options, kPath));
  keyspaces_.clear();
  ASSIGN_OR_RETURN(const std::vector<KeyspaceInfo> list, db_->ListKeyspaces());
  for (const KeyspaceInfo& info : list) keyspaces_[info.name] = info.keyspace;
  return Status::Ok();
}

void ShapeBuilder::Committed(LogPos position, bool durable) {
  shape_.contents.push_back(std::make_shared<const Content>(now_));
  if (position + 1 != shape_.contents.size()) std::abort();  // every commit passes through here
  shape_.last = position;
  if (durable) shape_.durable = position;
}

// A batch over some keyspaces: puts, now and then deletes, one in three with a note.
Status ShapeBuilder::Commit(Durability durability, uint32_t value_bytes) {
  WriteBatch batch;
  const LogPos position = shape_.last + 1;
  for (const auto& [name, keyspace] : keyspaces_) {
    if (random_.Uniform(3) == 0) continue;
    const std::string key = name + "/" + KeyOf(static_cast<uint32_t>(random_.Uniform(kKeys)));
    if (random_.Uniform(5) == 0) {
      batch.Delete(keyspace, key);
      now_[name].erase(key);
      continue;
    }
    const std::string value = ValueOf(static_cast<uint32_t>(position), value_bytes);
    batch.Put(keyspace, key, value);
    now_[name][key] = value;
  }
  if (batch.empty()) {
    batch.Put("default/once more", "value");
    now_["default"]["default/once more"] = "value";
  }
  if (position % 3 == 0) batch.Note("note of " + std::to_string(position));
  ASSIGN_OR_RETURN(const LogPos got, db_->Write({.durability = durability}, batch));
  Committed(got, durability == Durability::kPower);
  return Status::Ok();
}

Status ShapeBuilder::Commits(int count, uint32_t value_bytes) {
  for (int i = 0; i < count; ++i) {
    RETURN_IF_ERROR(Commit(i % 4 == 3 ? Durability::kPower : Durability::kProcess, value_bytes));
  }
  return Status::Ok();
}

Status ShapeBuilder::Create(const std::string& name) {
  LogPos position = 0;
  ASSIGN_OR_RETURN(keyspaces_[name], db_->CreateKeyspace({}, name, &position));
  shape_.keyspace_numbers[name] = keyspaces_[name].number();
  now_[name];
  Committed(position, false);
  return Status::Ok();
}

Status ShapeBuilder::Drop(const std::string& name) {
  ASSIGN_OR_RETURN(const LogPos position, db_->DropKeyspace({}, name));
  keyspaces_.erase(name);
  now_.erase(name);
  Committed(position, false);
  return Status::Ok();
}

// The directory as it is now, for what is later replaced by an older copy.
Status ShapeBuilder::Remember() {
  ASSIGN_OR_RETURN(FileContents files, ReadLiveDirectory(disk_.get(), kPath));
  shape_.earlier.push_back(std::move(files));
  return Status::Ok();
}

Status ShapeBuilder::FillTables() {
  RETURN_IF_ERROR(Open(Compression::kNone, 4 << 10));
  RETURN_IF_ERROR(Create("left"));
  RETURN_IF_ERROR(Create("gone"));
  RETURN_IF_ERROR(Commits(150, 120));
  RETURN_IF_ERROR(db_->CompactAll({}));
  RETURN_IF_ERROR(Remember());
  // Versions that only a snapshot keeps stay in tables, and positions above it are not zeroed.
  ASSIGN_OR_RETURN(auto snapshot, db_->GetSnapshot("test"));
  RETURN_IF_ERROR(Commits(60, 90));
  RETURN_IF_ERROR(db_->Flush());
  RETURN_IF_ERROR(db_->WaitForCompaction());
  snapshot.reset();
  RETURN_IF_ERROR(db_->Close());
  RETURN_IF_ERROR(Remember());
  RETURN_IF_ERROR(Open(Compression::kSnappy, 4 << 10));
  RETURN_IF_ERROR(Create("right"));
  RETURN_IF_ERROR(Commits(120, 220));
  RETURN_IF_ERROR(db_->WaitForCompaction());
  RETURN_IF_ERROR(Drop("gone"));
  RETURN_IF_ERROR(Commits(20, 60));
  gates_.RefuseTableReads();
  RETURN_IF_ERROR(db_->Flush());
  return db_->Close();
}

// A table on level 0, and several segments that are not in tables.
Status ShapeBuilder::FillLog() {
  RETURN_IF_ERROR(Open(Compression::kSnappy, 64 << 10));
  RETURN_IF_ERROR(Commits(30, 60));
  RETURN_IF_ERROR(db_->Flush());
  RETURN_IF_ERROR(Commits(30, 100));
  RETURN_IF_ERROR(Remember());
  RETURN_IF_ERROR(Create("late"));
  return Commits(20, 100);
}

Status ShapeBuilder::StoreUnsynced() {
  gates_.HoldSyncs(true);
  for (int i = 0; i < (is_small_ ? 3 : 6); ++i) {
    RETURN_IF_ERROR(is_small_ ? SmallCommit(Durability::kProcess)
                              : Commit(Durability::kProcess, 50));
  }
  return Status::Ok();
}

// A put in each keyspace, beside it a delete, a range delete or a note.
Status ShapeBuilder::SmallCommit(Durability durability, bool deletes_range) {
  const LogPos position = shape_.last + 1;
  const std::string value = ValueOf(static_cast<uint32_t>(position), 12);
  const auto key = [](LogPos n) { return "key" + std::to_string(n % 5); };
  WriteBatch batch;
  Rows& side = now_["side"];
  if (deletes_range) {
    batch.DeleteRange(keyspaces_["side"], key(1), key(3));
    side.erase(side.lower_bound(key(1)), side.lower_bound(key(3)));
  }
  for (auto& [name, rows] : now_) {
    batch.Put(keyspaces_[name], key(position), value);
    rows[key(position)] = value;
  }
  if (position % 3 == 0) {
    batch.Delete(keyspaces_["side"], key(position + 2));
    side.erase(key(position + 2));
  }
  if (position % 2 == 0) batch.Note("note");
  ASSIGN_OR_RETURN(const LogPos got, db_->Write({.durability = durability}, batch));
  Committed(got, durability == Durability::kPower);
  return Status::Ok();
}

Status ShapeBuilder::Reopen(Compression compression) {
  RETURN_IF_ERROR(db_->Close());
  return Open(compression, 64 << 10);
}

// Two tables, the first compressed, in the second a range delete; a segment that ended and one that
// is written to, both of which have commits that are in no table.
Status ShapeBuilder::FillSmall() {
  gates_.RefuseTableReads();
  RETURN_IF_ERROR(Open(Compression::kSnappy, 64 << 10));
  RETURN_IF_ERROR(Create("side"));
  for (int i = 0; i < 4; ++i) RETURN_IF_ERROR(SmallCommit(Durability::kPower));
  RETURN_IF_ERROR(db_->Flush());
  RETURN_IF_ERROR(Reopen(Compression::kNone));
  RETURN_IF_ERROR(SmallCommit(Durability::kPower, /*deletes_range=*/true));
  RETURN_IF_ERROR(db_->Flush());
  RETURN_IF_ERROR(SmallCommit(Durability::kPower));
  RETURN_IF_ERROR(SmallCommit(Durability::kPower));
  RETURN_IF_ERROR(Reopen(Compression::kNone));
  RETURN_IF_ERROR(SmallCommit(Durability::kPower, /*deletes_range=*/true));
  return SmallCommit(Durability::kPower);
}

// Cuts the newest log segment within its last record.
void ShapeBuilder::TearLastRecord() {
  std::string newest;
  for (const auto& [name, bytes] : shape_.files) {
    if (name.ends_with(".log")) newest = name;
  }
  std::string& bytes = shape_.files[newest];
  bytes.resize(bytes.find_last_not_of('\0') + 1);
  bytes.resize(bytes.size() - 20);
  shape_.contents.pop_back();
  --shape_.last;
}

// Without what says nothing of the data: EVENTS apart, LOCK not at all.
Status ShapeBuilder::Take(FileSystem* files) {
  ASSIGN_OR_RETURN(shape_.files, ReadDirectory(files, kPath));
  shape_.events.clear();
  for (const auto& [name, bytes] : shape_.files) {
    if (name.starts_with("EVENTS")) shape_.events[name] = bytes;
  }
  std::erase_if(shape_.files, [](const auto& file) { return !IsDataFile(file.first); });
  return Status::Ok();
}

// From closed tables on.
Status ShapeBuilder::Finish() {
  RETURN_IF_ERROR(FillLog());
  if (!shape_.closed) {
    RETURN_IF_ERROR(Commit(Durability::kPower, 50));
    RETURN_IF_ERROR(Commit(Durability::kPower, 50));
  }
  return FinishLog();
}

// Closes it; or stores commits no sync of which ever ends, and kills it.
Status ShapeBuilder::FinishLog() {
  if (shape_.closed) {
    RETURN_IF_ERROR(db_->Close());
    shape_.durable = shape_.last;
    return Take(disk_.get());
  }
  RETURN_IF_ERROR(StoreUnsynced());
  const std::unique_ptr<SimulatedFileSystem> killed = disk_->KilledState();
  gates_.HoldSyncs(false);
  RETURN_IF_ERROR(db_->Close());
  return Take(killed.get());
}

// What becomes of a copy of the directory in which other commits are made.
Status ShapeBuilder::FinishCopy(FileContents* files) {
  ASSIGN_OR_RETURN(const FileContents now, ReadDirectory(disk_.get(), kPath));
  ShapeBuilder copy(11);
  RETURN_IF_ERROR(WriteDirectory(copy.disk_.get(), kPath, now));
  copy.gates_.RefuseTableReads();
  copy.now_ = now_;
  copy.shape_ = shape_;
  RETURN_IF_ERROR(copy.Finish());
  *files = std::move(copy.shape_.files);
  return Status::Ok();
}

Status ShapeBuilder::Build(ShapeKind kind) {
  shape_.name = ShapeName(kind);
  shape_.closed = kind == ShapeKind::kClosed;
  RETURN_IF_ERROR(FillTables());
  RETURN_IF_ERROR(FinishCopy(&shape_.other_copy));
  RETURN_IF_ERROR(Finish());
  if (kind == ShapeKind::kTorn) TearLastRecord();
  return Status::Ok();
}

Status ShapeBuilder::BuildSmall(ShapeKind kind) {
  shape_.name = ShapeName(kind);
  shape_.closed = kind == ShapeKind::kSmallClosed;
  RETURN_IF_ERROR(FillSmall());
  return FinishLog();
}

DamageShape Build(ShapeKind kind) {
  const bool is_small = kind >= ShapeKind::kSmallClosed;
  ShapeBuilder builder(7, is_small);
  const Status status = is_small ? builder.BuildSmall(kind) : builder.Build(kind);
  if (!status.ok()) {
    std::fprintf(stderr, "shape %s: %s\n", std::string(ShapeName(kind)).c_str(),
                 status.ToString().c_str());
    std::abort();
  }
  return builder.TakeShape();
}

}  // namespace

std::string_view ShapeName(ShapeKind kind) {
  constexpr std::array<std::string_view, 5> kNames = {"closed", "killed", "torn", "small_closed",
                                                      "small_killed"};
  return kNames[static_cast<size_t>(kind)];
}

const DamageShape& MakeShape(ShapeKind kind) {
  static std::map<ShapeKind, DamageShape> shapes;
  const auto at = shapes.find(kind);
  return at != shapes.end() ? at->second : shapes.emplace(kind, Build(kind)).first->second;
}

bool IsDataFile(const std::string& name) { return name != "LOCK" && !name.starts_with("EVENTS"); }

Options QuietOptions(FileSystem* files) {
  Options options;
  options.file_system = files;
  options.create_if_missing = false;
  options.memory_budget_bytes = 2 << 20;
  options.tuning.memtable_bytes = 256 << 10;
  options.tuning.level0_tables = 64;
  options.tuning.background_threads = 1;
  return options;
}

}  // namespace logwood::test
