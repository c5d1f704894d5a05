#include "tests/support/crash_story.h"

#include <array>
#include <sstream>

#include "util/escape.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr char kSide[] = "side";
constexpr std::array<std::string_view, kStepKinds> kStepNames = {
    "put",  "power-put",    "big-put", "delete",  "batch",  "power-batch",
    "drop", "wait-durable", "flush",   "compact", "reopen", "kill"};

Status Wrong(const std::string& what) { return Status::Corruption(what); }

std::string KeyOf(size_t n) { return "key" + std::to_string(n % 5); }
std::string ValueOf(size_t index, size_t n, size_t bytes) {
  return "step " + std::to_string(index) + "/" + std::to_string(n) + std::string(bytes, '.');
}

Status CompareRows(DB* db, const std::string& name, Keyspace keyspace,
                   const CrashOracle::Rows& expected) {
  const std::string where = "keyspace \"" + name + "\": ";
  const std::unique_ptr<Iterator> it = db->NewIterator({}, keyspace);
  auto wanted = expected.begin();
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++wanted) {
    if (wanted == expected.end() || wanted->first != it->key())
      return Wrong(where + "unexpected key " + Escape(it->key()));
    if (wanted->second != it->value())
      return Wrong(where + "key " + Escape(it->key()) + " has " + Escape(it->value()) +
                   ", expected " + Escape(wanted->second));
  }
  RETURN_IF_ERROR(it->status());
  if (wanted != expected.end()) return Wrong(where + "lacks key " + Escape(wanted->first));
  std::string value;
  for (const auto& [key, bytes] : expected) {
    RETURN_IF_ERROR(db->Get({}, keyspace, key, &value).WithContext(where + Escape(key)));
    if (value != bytes) return Wrong(where + "Get differs from the scan at " + Escape(key));
  }
  return Status::Ok();
}

Status Compare(DB* db, const CrashOracle::Content& expected) {
  ASSIGN_OR_RETURN(const std::vector<KeyspaceInfo> found, db->ListKeyspaces());
  CrashOracle::Content missing = expected;
  missing.erase("");
  for (const KeyspaceInfo& info : found) {
    if (info.keyspace == Keyspace()) continue;
    if (missing.erase(info.name) == 0) return Wrong("unexpected keyspace " + info.name);
  }
  if (!missing.empty()) return Wrong("lacks keyspace " + missing.begin()->first);
  for (const auto& [name, rows] : expected) {
    Keyspace keyspace;
    if (!name.empty()) {
      ASSIGN_OR_RETURN(keyspace, db->OpenKeyspace(name));
    }
    RETURN_IF_ERROR(CompareRows(db, name, keyspace, rows));
  }
  return Status::Ok();
}

}  // namespace

std::string_view StepName(StepKind kind) { return kStepNames[static_cast<size_t>(kind)]; }

std::string StepsText(const std::vector<StepKind>& steps) {
  std::string text;
  for (const StepKind kind : steps) text.append(text.empty() ? "" : " ").append(StepName(kind));
  return text;
}

std::optional<std::vector<StepKind>> ParseSteps(std::string_view text) {
  std::vector<StepKind> steps;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    size_t kind = 0;
    while (kind < kStepNames.size() && kStepNames[kind] != word) ++kind;
    if (kind == kStepNames.size()) return std::nullopt;
    steps.push_back(static_cast<StepKind>(kind));
  }
  return steps;
}

CrashOracle::Planned CrashOracle::Add(size_t index, StepKind kind) {
  const Content& now = *contents_.back();
  const bool has_side = now.contains(kSide);
  Planned planned;
  switch (kind) {
    case StepKind::kPut:
    case StepKind::kPowerPut:
      planned.writes = {{"", KeyOf(index), ValueOf(index, 0, 10)}};
      break;
    case StepKind::kBigPut:
      planned.writes = {{"", KeyOf(index), ValueOf(index, 0, 5000)}};
      break;
    case StepKind::kDelete:
      planned.writes = {{"", now.at("").empty() ? KeyOf(index) : now.at("").begin()->first, {}}};
      break;
    case StepKind::kBatch:
    case StepKind::kPowerBatch:
      for (size_t n = 0; n < 3; ++n)
        planned.writes.push_back({"", KeyOf(index + n), ValueOf(index, n, 20)});
      planned.writes.push_back({"", KeyOf(index + 1), {}});
      if (has_side) planned.writes.push_back({kSide, KeyOf(index), ValueOf(index, 9, 20)});
      break;
    case StepKind::kDrop:
      planned.drops = has_side;
      planned.creates = !has_side;
      break;
    case StepKind::kWaitDurable:
    case StepKind::kFlush:
    case StepKind::kCompact:
    case StepKind::kReopen:
    case StepKind::kKill:
      break;
  }
  planned.commits = !planned.writes.empty() || planned.drops || planned.creates;
  if (!planned.commits) return planned;
  Content next = now;
  if (planned.drops) next.erase(kSide);
  if (planned.creates) next[kSide];
  for (const Write& write : planned.writes) {
    if (write.value) {
      next[write.keyspace][write.key] = *write.value;
    } else {
      next[write.keyspace].erase(write.key);
    }
  }
  contents_.push_back(std::make_shared<const Content>(std::move(next)));
  return planned;
}

Status CrashOracle::Check(SimulatedFileSystem* files, const Bounds& bounds,
                          const CheckOptions& options) const {
  std::unique_ptr<SimulatedFileSystem> after;  // outlives the database on it
  auto opened = DB::Open(CrashOptions(files), CrashStory::kPath);
  if (!opened.ok()) return Wrong("does not open: " + opened.status().ToString());
  std::unique_ptr<DB> db = std::move(*opened);
  const LogPos found = db->LastPosition();
  if (found < bounds.at_least || found > bounds.at_most) {
    return Wrong("is at position " + std::to_string(found) + ", expected " +
                 std::to_string(bounds.at_least) + " to " + std::to_string(bounds.at_most));
  }
  const std::string where = "at position " + std::to_string(found);
  RETURN_IF_ERROR(Compare(db.get(), at(found)).WithContext(where));
  if (!options.second_life) return db->Close();
  auto position = db->Put({.durability = Durability::kPower}, "second", "life");
  if (!position.ok() || *position != found + 1) {
    return Wrong(where + ": writing on says " +
                 (position.ok() ? std::to_string(*position) : position.status().ToString()));
  }
  after = files->CrashState(*options.second_life);
  RETURN_IF_ERROR(db->Close());
  opened = DB::Open(CrashOptions(after.get()), CrashStory::kPath);
  const std::string second = where + ", second life, seed " + std::to_string(*options.second_life);
  if (!opened.ok()) return Wrong(second + ": does not open: " + opened.status().ToString());
  db = std::move(*opened);
  if (db->LastPosition() != found + 1) {
    return Wrong(second + ": is at position " + std::to_string(db->LastPosition()));
  }
  Content expected = at(found);
  expected[""]["second"] = "life";
  RETURN_IF_ERROR(Compare(db.get(), expected).WithContext(second));
  return db->Close();
}

Options CrashOptions(FileSystem* files) {
  Options options;
  options.file_system = files;
  options.memory_budget_bytes = 2 << 20;
  options.tuning.memtable_bytes = 16 << 10;
  options.tuning.table_bytes = 8 << 10;
  options.tuning.log_segment_bytes = 8 << 10;
  options.tuning.level0_tables = 2;
  options.tuning.background_threads = 1;
  return options;
}

CrashStory::CrashStory(std::vector<StepKind> steps) : steps_(std::move(steps)) {
  for (size_t i = 0; i < steps_.size(); ++i) planned_.push_back(oracle_.Add(i, steps_[i]));
}

Status CrashStory::Run(const SimulatedFileSystem::Settings& settings, const Watch& watch) {
  watch_ = watch;
  disk_ = std::make_unique<SimulatedFileSystem>(settings);
  if (watch_) watch_(disk_.get());
  RETURN_IF_ERROR(Open());
  for (size_t i = 0; i < steps_.size(); ++i) {
    RETURN_IF_ERROR(
        Do(i).WithContext("step " + std::to_string(i) + " " + std::string(StepName(steps_[i]))));
  }
  return db_->Close();
}

Status CrashStory::Open() {
  ASSIGN_OR_RETURN(db_, DB::Open(CrashOptions(disk_.get()), kPath));
  return Status::Ok();
}

Status CrashStory::Do(size_t index) {
  switch (steps_[index]) {
    case StepKind::kPut:
    case StepKind::kBigPut:
    case StepKind::kDelete:
    case StepKind::kBatch:
      return Commit(planned_[index], Durability::kProcess);
    case StepKind::kDrop:
    case StepKind::kPowerPut:
    case StepKind::kPowerBatch:
      return Commit(planned_[index], Durability::kPower);
    case StepKind::kWaitDurable: {
      const LogPos position = db_->LastPosition();
      RETURN_IF_ERROR(db_->WaitDurable(position));
      durable_ = position;
      return Status::Ok();
    }
    case StepKind::kFlush:
      return db_->Flush();
    case StepKind::kCompact:
      return db_->CompactAll({.force_last_level = true});
    case StepKind::kReopen: {
      const LogPos position = db_->LastPosition();
      RETURN_IF_ERROR(db_->Close());
      durable_ = position;
      return Open();
    }
    case StepKind::kKill:
      return Kill();
  }
  return Status::Ok();
}

Status CrashStory::Kill() {
  auto next = disk_->KilledState();
  disk_->SetFault({});
  disk_->CutPower();  // the dead process changes nothing any more
  static_cast<void>(db_->Close());
  db_.reset();
  disk_ = std::move(next);
  if (watch_) watch_(disk_.get());
  const LogPos before = acknowledged_;
  RETURN_IF_ERROR(Open());
  if (db_->LastPosition() != before) {
    return Wrong("a kill changed the position from " + std::to_string(before) + " to " +
                 std::to_string(db_->LastPosition()));
  }
  return Status::Ok();
}

Result<Keyspace> CrashStory::KeyspaceNamed(const std::string& name) {
  if (name.empty()) return Keyspace();
  return db_->OpenKeyspace(name);
}

Status CrashStory::Commit(const CrashOracle::Planned& planned, Durability durability) {
  issued_ = issued_ + 1;
  if (planned.drops) {
    RETURN_IF_ERROR(db_->DropKeyspace(kSide));
  } else if (planned.creates) {
    RETURN_IF_ERROR(db_->CreateKeyspace(kSide).status());
  } else {
    WriteBatch batch;
    for (const CrashOracle::Write& write : planned.writes) {
      ASSIGN_OR_RETURN(const Keyspace keyspace, KeyspaceNamed(write.keyspace));
      if (write.value) {
        batch.Put(keyspace, write.key, *write.value);
      } else {
        batch.Delete(keyspace, write.key);
      }
    }
    ASSIGN_OR_RETURN(const LogPos position, db_->Write({.durability = durability}, batch));
    if (position != issued_) return Wrong("got position " + std::to_string(position));
    if (durability == Durability::kPower) durable_ = position;
  }
  acknowledged_ = issued_.load();
  return Status::Ok();
}

}  // namespace logwood::test
