#include "tests/db/script_runner.h"

#include <algorithm>
#include <regex>
#include <vector>

#include "tests/support/directory.h"
#include "util/escape.h"

namespace logwood::test {

namespace {

std::string At(const Result<LogPos>& position) {
  return position.ok() ? "at " + std::to_string(*position) + "\n"
                       : position.status().ToString() + "\n";
}

// Long runs of one character are shown by their length.
std::string Short(std::string_view value) {
  if (value.size() <= 40) return Escape(value);
  return Escape(value.substr(0, 10)) + "... (" + std::to_string(value.size()) + " bytes)";
}

}  // namespace

ScriptRunner::ScriptRunner() : fs_(FileSystem::InMemory()) {}
ScriptRunner::~ScriptRunner() { db_.reset(); }

const std::map<std::string, ScriptRunner::Command>& ScriptRunner::Commands() {
  using S = ScriptRunner;
  static const std::map<std::string, Command> commands = {
      {"open", &S::Open},         {"open-read-only", &S::OpenReadOnly},
      {"reopen", &S::Reopen},     {"close", &S::Close},
      {"destroy", &S::Destroy},   {"crash-copy", &S::CrashCopy},
      {"create", &S::Create},     {"drop", &S::Drop},
      {"put", &S::Put},           {"keyspaces", &S::Keyspaces},
      {"delete", &S::Delete},     {"get", &S::Get},
      {"batch", &S::Batch},       {"contains", &S::Contains},
      {"fill", &S::Fill},         {"scan", &S::Scan},
      {"rscan", &S::ReverseScan}, {"snapshot", &S::TakeSnapshot},
      {"release", &S::Release},   {"flush", &S::Flush},
      {"compact", &S::Compact},   {"sync", &S::Sync},
      {"verify", &S::Verify},     {"position", &S::Position},
      {"levels", &S::Levels},     {"log", &S::Log},
      {"files", &S::Files},       {"recovery", &S::Recovery},
      {"events", &S::Events},     {"flip", &S::Flip},
      {"cut", &S::Cut},           {"append", &S::Append},
      {"remove", &S::Remove},     {"kill", &S::Kill},
  };
  return commands;
}

std::string ScriptRunner::Run(const std::string& line) {
  static const std::vector<std::string> offline = {
      "open", "open-read-only", "reopen", "destroy", "files",  "levels",
      "log",  "events",         "flip",   "cut",     "append", "remove"};
  std::istringstream words(line);
  std::string name;
  words >> name;
  const auto found = Commands().find(name);
  if (found == Commands().end()) return "there is no such command\n";
  if (db_ == nullptr && std::find(offline.begin(), offline.end(), name) == offline.end()) {
    return "the database is not open\n";
  }
  // A record's length depends on the clock: its time is a varint.
  static const std::regex record_length("record of [0-9]+ bytes");
  return std::regex_replace((this->*found->second)(words), record_length, "record of N bytes");
}

std::string ScriptRunner::OpenAgain() {
  options_.file_system = fs_.get();
  auto db = DB::Open(options_, path_);
  if (!db.ok()) return Line(db.status());
  db_ = std::move(*db);
  return Line(db_->WaitForCompaction());
}

std::string ScriptRunner::Open(std::istringstream& words) {
  options_ = {};
  options_.memory_budget_bytes = 16 << 20;
  options_.compression = Compression::kNone;
  options_.tuning.level0_tables = 64;
  for (std::string word; words >> word;) {
    const std::string name = word.substr(0, word.find('='));
    const uint64_t value = word == name ? 0 : std::stoull(word.substr(name.size() + 1));
    if (name == "memtable") options_.tuning.memtable_bytes = value;
    if (name == "segment") options_.tuning.log_segment_bytes = value;
    if (name == "table") options_.tuning.table_bytes = value;
    if (name == "retention") options_.log_retention = LogRetention{value, {}};
    if (name == "power") options_.durability = Durability::kPower;
  }
  return OpenAgain();
}

std::string ScriptRunner::OpenReadOnly(std::istringstream&) {
  ReadOnlyOptions options;
  options.file_system = fs_.get();
  auto db = DB::OpenReadOnly(options, path_);
  if (db.ok()) db_ = std::move(*db);
  return Line(db.status());
}

std::string ScriptRunner::Close(std::istringstream&) {
  snapshots_.clear();
  Status status = db_->Close();
  db_.reset();
  return Line(status);
}

std::string ScriptRunner::Reopen(std::istringstream& words) {
  std::string closed = db_ != nullptr ? Close(words) : "ok\n";
  return closed == "ok\n" ? OpenAgain() : closed;
}

std::string ScriptRunner::Destroy(std::istringstream&) {
  return Line(DB::Destroy(options_, path_));
}

std::string ScriptRunner::CrashCopy(std::istringstream& words) {
  std::string killed = Kill(words);
  return killed == "ok\n" ? OpenAgain() : killed;
}

std::string ScriptRunner::Kill(std::istringstream&) {
  snapshots_.clear();
  auto contents = ReadLiveDirectory(fs_.get(), path_);
  if (!contents.ok()) return Line(contents.status());
  static_cast<void>(db_->Close());
  db_.reset();
  fs_ = FileSystem::InMemory();
  return Line(WriteDirectory(fs_.get(), path_, *contents));
}

ScriptRunner::Place ScriptRunner::Find(const std::string& word) {
  Place place;
  std::string rest = word;
  if (const size_t at = rest.find('@'); at != std::string::npos) {
    const auto found = snapshots_.find(rest.substr(at + 1));
    if (found == snapshots_.end()) place.problem = "there is no such snapshot\n";
    if (found != snapshots_.end()) place.snapshot = found->second.get();
    rest.resize(at);
  }
  if (const size_t slash = rest.find('/'); slash != std::string::npos) {
    auto keyspace = db_->OpenKeyspace(rest.substr(0, slash));
    if (!keyspace.ok()) place.problem = Line(keyspace.status());
    if (keyspace.ok()) place.keyspace = *keyspace;
    rest = rest.substr(slash + 1);
  }
  place.key = rest;
  return place;
}

std::string ScriptRunner::Create(std::istringstream& words) {
  std::string name;
  words >> name;
  auto keyspace = db_->CreateKeyspace({}, name);
  if (!keyspace.ok()) return Line(keyspace.status());
  return "number " + std::to_string(keyspace->number()) + "\n";
}

std::string ScriptRunner::Drop(std::istringstream& words) {
  std::string name;
  words >> name;
  return Line(db_->DropKeyspace({}, name).status());
}

std::string ScriptRunner::Keyspaces(std::istringstream&) {
  auto list = db_->ListKeyspaces();
  if (!list.ok()) return Line(list.status());
  std::string text;
  for (const KeyspaceInfo& info : *list) {
    text += info.name + ": number " + std::to_string(info.keyspace.number()) +
            ", made at position " + std::to_string(info.created) + "\n";
  }
  return text;
}

std::string ScriptRunner::Put(std::istringstream& words) {
  std::string key, value;
  words >> key >> value;
  const Place place = Find(key);
  if (!place.problem.empty()) return place.problem;
  return At(db_->Put({}, place.keyspace, place.key, value));
}

std::string ScriptRunner::Delete(std::istringstream& words) {
  std::string key;
  words >> key;
  const Place place = Find(key);
  if (!place.problem.empty()) return place.problem;
  return At(db_->Delete({}, place.keyspace, place.key));
}

std::string ScriptRunner::Batch(std::istringstream& words) {
  WriteBatch batch;
  std::string operation, key, value;
  while (words >> operation >> key) {
    const bool last = key.back() != ';';
    if (!last) key.pop_back();
    const Place place = Find(key);
    if (!place.problem.empty()) return place.problem;
    if (operation == "delete") {
      batch.Delete(place.keyspace, place.key);
      continue;
    }
    words >> value;
    if (!value.empty() && value.back() == ';') value.pop_back();
    batch.Put(place.keyspace, place.key, value);
  }
  return At(db_->Write({}, batch));
}

std::string ScriptRunner::Get(std::istringstream& words) {
  std::string key, value;
  words >> key;
  const Place place = Find(key);
  if (!place.problem.empty()) return place.problem;
  ReadOptions options;
  options.snapshot = place.snapshot;
  Status status = db_->Get(options, place.keyspace, place.key, &value);
  return status.ok() ? Short(value) + "\n" : Line(status);
}

std::string ScriptRunner::Contains(std::istringstream& words) {
  std::string key;
  words >> key;
  const Place place = Find(key);
  if (!place.problem.empty()) return place.problem;
  ReadOptions options;
  options.snapshot = place.snapshot;
  auto there = db_->Contains(options, place.keyspace, place.key);
  return there.ok() ? (*there ? "yes\n" : "no\n") : Line(there.status());
}

std::string ScriptRunner::Fill(std::istringstream& words) {
  std::string prefix;
  size_t count = 0, bytes = 0;
  words >> prefix >> count >> bytes;
  const Place place = Find(prefix);
  if (!place.problem.empty()) return place.problem;
  for (size_t i = 0; i < count; ++i) {
    std::string digits = std::to_string(i);
    digits.insert(0, 3 - std::min<size_t>(3, digits.size()), '0');
    auto put = db_->Put({}, place.keyspace, place.key + digits, std::string(bytes, 'v'));
    if (!put.ok()) return Line(put.status());
  }
  return "up to " + std::to_string(db_->LastPosition()) + "\n";
}

std::string ScriptRunner::Walk(std::istringstream& words, bool forward) {
  IteratorOptions options;
  Place place;
  for (std::string word; words >> word;) {
    const size_t dots = word.find("..");
    if (dots == std::string::npos) {
      place = Find(word[0] == '@' ? word : word + "/");
      if (!place.problem.empty()) return place.problem;
      if (place.snapshot != nullptr) options.snapshot = place.snapshot;
      continue;
    }
    if (dots > 0) options.lower = word.substr(0, dots);
    if (dots + 2 < word.size()) options.upper = word.substr(dots + 2);
  }
  auto it = db_->NewIterator(options, place.keyspace);
  std::string text;
  forward ? it->SeekToFirst() : it->SeekToLast();
  for (; it->Valid(); forward ? it->Next() : it->Prev()) {
    text += Escape(it->key()) + " = " + Short(it->value()) + "\n";
  }
  if (!it->status().ok()) return text + Line(it->status());
  return text.empty() ? "nothing\n" : text;
}

std::string ScriptRunner::Scan(std::istringstream& words) { return Walk(words, true); }
std::string ScriptRunner::ReverseScan(std::istringstream& words) { return Walk(words, false); }

std::string ScriptRunner::TakeSnapshot(std::istringstream& words) {
  std::string name;
  words >> name;
  auto snapshot = db_->GetSnapshot(name);
  if (!snapshot.ok()) return Line(snapshot.status());
  snapshots_[name] = *snapshot;
  return "at " + std::to_string((*snapshot)->position()) + "\n";
}

std::string ScriptRunner::Release(std::istringstream& words) {
  std::string name;
  words >> name;
  return snapshots_.erase(name) != 0 ? "ok\n" : "there is no such snapshot\n";
}

std::string ScriptRunner::Flush(std::istringstream&) {
  Status status = db_->Flush();
  // What follows from it by itself: a compaction, the end of log segments.
  if (status.ok()) status = db_->WaitForCompaction();
  return Line(status);
}

std::string ScriptRunner::Compact(std::istringstream& words) {
  std::string word;
  words >> word;
  CompactOptions options;
  options.force_last_level = word == "force";
  // What a flush starts by itself comes first, so that file numbers do not depend on who is faster.
  Status status = db_->Flush();
  if (status.ok()) status = db_->WaitForCompaction();
  if (status.ok()) status = db_->CompactAll(options);
  if (status.ok()) status = db_->WaitForCompaction();
  return Line(status);
}

std::string ScriptRunner::Sync(std::istringstream&) {
  return Line(db_->WaitDurable(db_->LastPosition()));
}

std::string ScriptRunner::Position(std::istringstream&) {
  return std::to_string(db_->LastPosition()) + "\n";
}

std::string ScriptRunner::Verify(std::istringstream&) {
  std::string text;
  Status status = db_->Verify([&text](const Damage& damage) {
    text += "damage: " + damage.file + ":" + std::to_string(damage.offset) + ", keys " +
            Escape(damage.first_key) + ".." + Escape(damage.last_key) + "\n";
  });
  return text + (status.ok() ? "ok\n" : std::string(StatusCodeName(status.code())) + "\n");
}

std::string ScriptRunner::Recovery(std::istringstream&) {
  const RecoveryInfo info = db_->GetRecoveryInfo();
  std::string text = info.clean ? "clean" : "not closed before";
  text += ", epoch " + std::to_string(info.epoch);
  text += ", tables up to " + std::to_string(info.tables_position);
  text += ", replayed " + std::to_string(info.replayed_commits);
  if (info.unproven_tail_bytes != 0) {
    text += ", unproven tail " + info.unproven_tail_file + ":" +
            std::to_string(info.unproven_tail_offset) + " of " +
            std::to_string(info.unproven_tail_bytes) + " bytes";
  }
  return text + "\n";
}

}  // namespace logwood::test
