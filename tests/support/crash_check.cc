// What a crash left, opened and compared with what the oracle allows.
#include <algorithm>
#include <string_view>
#include <utility>

#include "db/directory_check.h"
#include "tests/support/crash_oracle.h"
#include "tests/support/directory.h"
#include "util/batch_codec.h"
#include "util/escape.h"
#include "util/expiring_value.h"
#include "util/random.h"
#include "util/status_macros.h"
#include "wal/log_cursor.h"
#include "wal/log_format.h"
#include "wal/segment_probe.h"
#include "wal/segments.h"

namespace logwood::test {

namespace {

Status Wrong(const std::string& what) { return Status::Corruption(what); }

std::string Shown(const std::string& bytes) {
  constexpr size_t kShownMax = 60;
  if (bytes.size() <= kShownMax) return Escape(bytes);
  return Escape(bytes.substr(0, kShownMax)) + "... of " + std::to_string(bytes.size()) + " bytes";
}

Status Compare(const CrashContent& found, const std::vector<CrashContentPtr>& choices) {
  for (const CrashContentPtr& expected : choices) {
    if (found == *expected) return Status::Ok();
  }
  return Wrong(ContentDifference(found, *choices.front()) +
               (choices.size() == 1
                    ? ""
                    : " (or another of " + std::to_string(choices.size()) + " contents)"));
}

Status ReadRows(DB* db, const ReadOptions& options, Keyspace keyspace,
                std::map<std::string, std::string>* rows) {
  const std::unique_ptr<Iterator> it = db->NewIterator({.snapshot = options.snapshot}, keyspace);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (!rows->empty() && rows->rbegin()->first >= it->key()) {
      return Wrong("the scan comes to key " + Escape(it->key()) + " behind " +
                   Escape(rows->rbegin()->first));
    }
    rows->emplace_hint(rows->end(), it->key(), it->value());
  }
  RETURN_IF_ERROR(it->status());
  PinnedValue value;
  for (const auto& [key, bytes] : *rows) {
    RETURN_IF_ERROR(db->Get(options, keyspace, key, &value).WithContext(Escape(key)));
    if (value.view() != bytes) return Wrong("Get differs from the scan at " + Escape(key));
  }
  return Status::Ok();
}

Status CheckPosition(const CrashExpectation& expected, LogPos found) {
  if (found >= expected.at_least && found <= expected.at_most) return Status::Ok();
  return Wrong("is at position " + std::to_string(found) + ", expected " +
               std::to_string(expected.at_least) + " to " + std::to_string(expected.at_most));
}

Status CheckContent(DB* db, const CrashExpectation& expected) {
  const LogPos found = db->LastPosition();
  RETURN_IF_ERROR(CheckPosition(expected, found));
  const std::string where = "at position " + std::to_string(found);
  auto content = ReadContent(db);
  if (!content.ok()) return content.status().WithContext(where);
  const auto choices = expected.contents.find(found);
  if (choices == expected.contents.end()) return Wrong(where + ": no commit led here");
  return Compare(*content, choices->second).WithContext(where);
}

// One look at a disk, step by step.
class Looker {
 public:
  Looker(SimulatedFileSystem* files, const std::string& directory, const CrashExpectation& expected,
         const CrashCheck& check)
      : files_(files), directory_(directory), expected_(expected), check_(check) {}

  Status Run() {
    if (check_.damage) RETURN_IF_ERROR(LookAtDamaged());
    std::optional<LogPos> read_only;
    if (check_.read_only_first) RETURN_IF_ERROR(LookReadOnly(&read_only));
    if (check_.verify) RETURN_IF_ERROR(CheckOffline("before the open"));
    ASSIGN_OR_RETURN(const FileContents log, LogBytes());
    RETURN_IF_ERROR(Open(files_));
    if (check_.opened) check_.opened(db_->LastPosition());
    RETURN_IF_ERROR(CheckContent(db_.get(), expected_));
    if (read_only && *read_only != db_->LastPosition()) {
      return Wrong("a read-only open found position " + std::to_string(*read_only) +
                   ", one for writing " + std::to_string(db_->LastPosition()));
    }
    RETURN_IF_ERROR(CheckKnowledge());
    RETURN_IF_ERROR(CheckTail(log));
    if (check_.verify) {
      RETURN_IF_ERROR(LookOtherwise());
      RETURN_IF_ERROR(CheckLog().WithContext("log"));
      RETURN_IF_ERROR(db_->Verify({}).WithContext("verify"));
      RETURN_IF_ERROR(CheckOffline("after the open"));
    }
    if (check_.second_life) return LiveOn();
    // What closing does is not what was asked: the power goes, which spares it.
    if (!check_.opened) files_->CutPower();
    db_.reset();
    return Status::Ok();
  }

 private:
  // What the offline check says is damaged.
  Result<std::string> DamagesOf(SimulatedFileSystem* files, bool beside_writer) const {
    std::string damages;
    DirectoryCheckOptions options;
    options.fs = files;
    options.path = directory_;
    options.beside_writer = beside_writer;
    options.damage = [&damages](const Damage& damage) { damages += " " + damage.ToString(); };
    options.note = [](const Damage&) {};
    const auto checked = CheckDirectory(options);
    const bool may_be_nothing = expected_.at_least == 0 && !beside_writer;
    if (!checked.ok() && !(checked.status().Is(StatusCode::kNotFound) && may_be_nothing)) {
      return checked.status();
    }
    return damages;
  }

  // What a crash may leave is no damage, and stays none once it was recovered.
  Status CheckOffline(const char* when) {
    const auto damages = DamagesOf(files_, db_ != nullptr);
    const std::string what = damages.ok() ? *damages : " " + damages.status().ToString();
    return what.empty() ? Status::Ok() : Wrong(std::string("check ") + when + ":" + what);
  }

  // What scans and gets found, found by other ways: backward, and nothing where a key of another
  // moment is asked for.
  Status LookOtherwise() const {
    ASSIGN_OR_RETURN(const CrashContent content, ReadContent(db_.get()));
    for (const auto& [name, rows] : content) {
      Keyspace keyspace;
      if (!name.empty()) {
        ASSIGN_OR_RETURN(keyspace, db_->OpenKeyspace(name));
      }
      const std::unique_ptr<Iterator> it = db_->NewIterator({}, keyspace);
      it->SeekToLast();
      for (auto row = rows.rbegin(); row != rows.rend(); ++row, it->Prev()) {
        if (it->Valid() && it->key() == row->first && it->value() == row->second) continue;
        return Wrong("scanned backward, " + Escape(row->first) + " is not there, but " +
                     (it->Valid() ? Escape(it->key()) : it->status().ToString()));
      }
      if (it->Valid()) return Wrong("scanned backward, there is also " + Escape(it->key()));
      RETURN_IF_ERROR(it->status());
      for (const auto& [position, choices] : expected_.contents) {
        const auto other = choices.front()->find(name);
        if (other == choices.front()->end()) continue;
        for (const auto& [key, value] : other->second) {
          if (rows.contains(key)) continue;
          std::string found;
          const Status got = db_->Get({}, keyspace, key, &found);
          if (!got.Is(StatusCode::kNotFound)) {
            return Wrong("a scan shows no " + Escape(key) + ", but Get says " + got.ToString());
          }
        }
      }
    }
    return Status::Ok();
  }

  // The log has every commit from the oldest that is kept up to the last one, as it was issued.
  Status CheckLog() const {
    const LogPos last = db_->LastPosition();
    std::unique_ptr<LogCursor> log;
    LogCursor::Outcome outcome = LogCursor::Outcome::kTrimmed;
    for (LogPos from = 1; outcome == LogCursor::Outcome::kTrimmed; from = log->oldest()) {
      // Older segments may go while we read, where a flush is under way.
      if (from > 1 && expected_.keeps_log) return Wrong("begins at " + std::to_string(from));
      ASSIGN_OR_RETURN(log, LogCursor::Open(files_, directory_, {.from = from, .up_to = last}));
      CommitRecord record;
      while ((outcome = log->Next(&record)) == LogCursor::Outcome::kRecord) {
        RETURN_IF_ERROR(
            CheckRecord(record).WithContext("commit " + std::to_string(record.position)));
      }
    }
    if (outcome == LogCursor::Outcome::kEnd && log->next_position() == last + 1) {
      return Status::Ok();
    }
    return Wrong("of " + std::to_string(last) + " commits number " +
                 std::to_string(log->next_position()) + " is not there: " +
                 std::string(CursorOutcomeName(outcome)) + " " + log->status().ToString());
  }

  // Leads from the content before it to the one behind it, in the default keyspace (the record has
  // the number of others), with its note.
  Status CheckRecord(const CommitRecord& record) const {
    const auto note = expected_.notes.find(record.position);
    if (record.note != (note == expected_.notes.end() ? "" : note->second)) {
      return Wrong("has the note " + Escape(record.note));
    }
    const auto before = expected_.contents.find(record.position - 1);
    const auto after = expected_.contents.find(record.position);
    if (before == expected_.contents.end() || after == expected_.contents.end() ||
        before->second.size() != 1 || after->second.size() != 1) {
      return Status::Ok();
    }
    CrashContent content = {{"", before->second.front()->at("")}};
    BatchReader operations(record.operations);
    for (BatchOperation operation; operations.Next(&operation);) {
      uint32_t keyspace = 0;
      std::string_view key;
      if (!SplitStoredKey(operation.stored_key, &keyspace, &key)) return Wrong("has no key");
      if (keyspace != kDefaultKeyspace) continue;
      CrashCommit::Change change{"", std::string(key), std::nullopt};
      change.is_merge = operation.kind == EntryKind::kMerge;
      if (operation.kind == EntryKind::kPut || change.is_merge) change.value = operation.value;
      if (operation.kind == EntryKind::kPutExpiring) change.value = WithoutExpiry(operation.value);
      if (operation.kind == EntryKind::kRangeDelete) {
        change.is_range = true;
        // Else it is behind the last key of the keyspace.
        if (SplitStoredKey(operation.value, &keyspace, &key) && keyspace == kDefaultKeyspace)
          change.end = key;
      }
      CrashCommit{.changes = {std::move(change)}}.ApplyTo(&content);
    }
    RETURN_IF_ERROR(operations.status());
    if (content.at("") == after->second.front()->at("")) return Status::Ok();
    return Wrong("leads elsewhere: " +
                 ContentDifference(content, {{"", after->second.front()->at("")}}));
  }

  Status Open(SimulatedFileSystem* files) {
    Options options = check_.options;
    options.file_system = files;
    if (check_.between) {
      between_ = check_.between(files);
      options.file_system = between_.get();
    }
    auto opened = DB::Open(options, directory_);
    if (!opened.ok()) return Wrong("does not open: " + opened.status().ToString());
    db_ = std::move(*opened);
    return Status::Ok();
  }

  // Damages the log of a copy. It must be told, or have hit only what was never proven.
  Status LookAtDamaged() const {
    const std::unique_ptr<SimulatedFileSystem> copy = files_->KilledState();
    ASSIGN_OR_RETURN(const LogDamage damage, DamageLog(copy.get()));
    const std::string& what = damage.what;
    if (what.empty()) return Status::Ok();
    ASSIGN_OR_RETURN(const LogPos whole, PositionUndamaged());
    Options options = check_.options;
    options.file_system = copy.get();
    auto opened = DB::Open(options, directory_);
    if (opened.status().Is(StatusCode::kCorruption)) {
      return LookAtRefused(copy.get(), damage.file, opened.status())
          .WithContext("with damage, " + what +
                       ", refused: " + std::string(opened.status().message()));
    }
    if (!opened.ok()) return opened.status().WithContext(what);
    const LogPos found = (*opened)->LastPosition();
    const auto choices = expected_.contents.find(found);
    Status status;
    if (found < damage.proven) {
      status = Wrong("opens at position " + std::to_string(found) + ", though the log was proven " +
                     "durable up to " + std::to_string(damage.proven));
    } else if (found > expected_.at_most) {
      status = Wrong("opens at position " + std::to_string(found) + ", issued were " +
                     std::to_string(expected_.at_most));
    } else if (damage.leaves_a_trace && found < whole &&
               (*opened)->GetRecoveryInfo().unproven_tail_bytes == 0) {
      status = Wrong("opens at position " + std::to_string(found) + " without a word of a tail, " +
                     "undamaged at " + std::to_string(whole));
    } else if (choices != expected_.contents.end()) {
      auto content = ReadContent(opened->get());
      status = content.ok() ? Compare(*content, choices->second) : content.status();
    }
    copy->CutPower();
    return status.WithContext("with damage, " + what);
  }

  // But for keyspaces that are dropped behind `position`.
  CrashContent WithoutDropped(CrashContent content, LogPos position) const {
    std::erase_if(content, [this, position](const auto& keyspace) {
      return std::any_of(
          expected_.contents.upper_bound(position), expected_.contents.end(),
          [&](const auto& at) { return !at.second.front()->contains(keyspace.first); });
    });
    return content;
  }

  // An error names the damaged file, and so does the offline check; what lies before the damage can
  // be read.
  Status LookAtRefused(SimulatedFileSystem* copy, const std::string& file,
                       const Status& refusal) const {
    if (refusal.message().find(file) == std::string_view::npos)
      return Wrong("it does not name " + file);
    ASSIGN_OR_RETURN(const std::string damages, DamagesOf(copy, false));
    if (damages.find(file) == std::string::npos) {
      return Wrong("check does not name " + file + ":" + damages);
    }
    ReadOnlyOptions options;
    options.file_system = copy;
    options.allow_damaged_log = true;
    ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, DB::OpenReadOnly(options, directory_));
    const LogPos found = db->LastPosition();
    if (found > expected_.at_most) return Wrong("reads up to " + std::to_string(found));
    const auto choices = expected_.contents.find(found);
    ASSIGN_OR_RETURN(CrashContent content, ReadContent(db.get()));
    if (choices == expected_.contents.end()) return Status::Ok();
    // Compactions went by drops that only the lost log knows of: of such keyspaces some rows are
    // gone.
    std::vector<CrashContentPtr> lasting;
    for (const CrashContentPtr& choice : choices->second) {
      lasting.push_back(std::make_shared<const CrashContent>(WithoutDropped(*choice, found)));
    }
    return Compare(WithoutDropped(content, found), lasting);
  }

  Result<LogPos> PositionUndamaged() const {
    const std::unique_ptr<SimulatedFileSystem> copy = files_->KilledState();
    Options options = check_.options;
    options.file_system = copy.get();
    ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, DB::Open(options, directory_));
    const LogPos position = db->LastPosition();
    copy->CutPower();  // spares the work of a close
    return position;
  }

  struct LogDamage {
    std::string what;             // was done; empty: there is no log
    std::string file = ".log";    // whose name is told; of all that are gone, any
    LogPos proven = 0;            // what must be noticed if it is lost by that
    bool leaves_a_trace = false;  // what is lost must at least be told as a tail
  };

  Result<LogDamage> DamageLog(SimulatedFileSystem* disk) const {
    Random random(*check_.damage);
    LogDamage damage;
    auto names = disk->List(directory_);
    if (!names.ok()) return damage;
    std::erase_if(*names, [](const std::string& name) { return !name.ends_with(".log"); });
    if (names->empty()) return damage;
    const uint64_t how = random.Uniform(4);
    damage.proven = how == 0 || how == 1 ? expected_.proven_beside_log : expected_.proven;
    if (how == 0) {
      for (const std::string& name : *names) RETURN_IF_ERROR(disk->Remove(directory_ + "/" + name));
      damage.what = "all of the log removed";
      return damage;
    }
    damage.file = (*names)[random.Uniform(names->size())];
    const std::string path = directory_ + "/" + damage.file;
    ASSIGN_OR_RETURN(const uint64_t size, disk->FileSize(path));
    if (size == 0) return damage;
    ASSIGN_OR_RETURN(auto file, disk->OpenLogFile(path));
    const uint64_t at = random.Uniform(size);
    if (how == 1) {
      RETURN_IF_ERROR(file->Truncate(at));
      damage.what = path + " cut at " + std::to_string(at);
      return damage;
    }
    damage.leaves_a_trace = true;
    char byte = 0;
    ASSIGN_OR_RETURN(auto reader, disk->OpenRandomAccess(path));
    RETURN_IF_ERROR(reader->Read(at, 1, &byte).status());
    byte = static_cast<char>(byte ^ (1 << random.Uniform(8)));
    RETURN_IF_ERROR(file->Store(at, {&byte, 1}));
    damage.what = path + " flipped at " + std::to_string(at);
    return damage;
  }

  // Nothing there yet is kNotFound to a read-only open; for writing it is position 0.
  Status LookReadOnly(std::optional<LogPos>* position) {
    ReadOnlyOptions options;
    options.memory_budget_bytes = check_.options.memory_budget_bytes;
    options.file_system = files_;
    const uint64_t before = files_->changes();
    auto opened = DB::OpenReadOnly(options, directory_);
    if (opened.status().Is(StatusCode::kNotFound) && expected_.at_least == 0) return Status::Ok();
    if (!opened.ok()) return Wrong("does not open read-only: " + opened.status().ToString());
    RETURN_IF_ERROR(CheckContent(opened->get(), expected_).WithContext("read-only"));
    *position = (*opened)->LastPosition();
    RETURN_IF_ERROR((*opened)->Close());
    if (files_->changes() != before) return Wrong("a read-only open changed the disk");
    return Status::Ok();
  }

  Status CheckKnowledge() const {
    const RecoveryInfo info = db_->GetRecoveryInfo();
    if (info.durable_point < expected_.proven && info.tables_position < expected_.proven) {
      return Wrong("knows the log as durable up to " + std::to_string(info.durable_point) +
                   ", expected " + std::to_string(expected_.proven));
    }
    if (expected_.closed_cleanly && !info.clean) return Wrong("does not know it was closed");
    return Status::Ok();
  }

  // Of each segment, as far as later ones say that it belongs to the log they go on with: what lies
  // further was cut off, and told, by the recovery that began those.
  Result<FileContents> LogBytes() const {
    FileContents log;
    auto names = files_->List(directory_);
    if (!names.ok()) return log;              // there is no database yet
    for (const std::string& name : *names) {  // oldest first
      if (!name.ends_with(".log")) continue;
      ASSIGN_OR_RETURN(const auto file, files_->OpenRandomAccess(directory_ + "/" + name));
      ASSIGN_OR_RETURN(const uint64_t size, file->Size());
      std::string bytes(size, '\0');
      RETURN_IF_ERROR(file->Read(0, size, bytes.data()).status());
      ASSIGN_OR_RETURN(const SegmentProbe probe, ProbeSegment(*file, name));
      if (probe.kind == SegmentProbe::Kind::kReadable) {
        const std::string predecessor = LogFileName(probe.header().predecessor);
        log.erase(log.upper_bound(predecessor), log.end());
        const auto before = log.find(predecessor);
        const uint64_t end = probe.header().predecessor_length;
        if (before != log.end() && before->second.size() > end) before->second.resize(end);
      }
      log[name] = std::move(bytes);
    }
    return log;
  }

  // Where the log shows a value of a commit that recovery cut off, it was told of a tail. (No two
  // commits have values that begin alike, nor operands, of which a list's last one is looked for.)
  Status CheckTail(const FileContents& log) const {
    constexpr size_t kBeginBytes = 16;
    const LogPos found = db_->LastPosition();
    const auto content = expected_.contents.find(found);
    const bool is_certain = content != expected_.contents.end() && content->second.size() == 1;
    if (db_->GetRecoveryInfo().unproven_tail_bytes > 0 || !is_certain) return Status::Ok();
    const CrashContent& there = *content->second.front();
    for (auto at = std::next(content); at != expected_.contents.end(); ++at) {
      if (at->second.size() != 1) return Status::Ok();
      for (const auto& [keyspace, rows] : *at->second.front()) {
        const auto before = there.find(keyspace);
        for (const auto& [key, value] : rows) {
          const bool is_there = before != there.end() && before->second.contains(key) &&
                                before->second.at(key) == value;
          // npos + 1 is 0: no list.
          const std::string_view last = std::string_view(value).substr(value.rfind(',') + 1);
          if (is_there || last.size() < kBeginBytes) continue;
          const std::string_view begin = last.substr(0, kBeginBytes);
          for (const auto& [segment, bytes] : log) {
            // Stale bytes in the padding before the records are no tail.
            if (bytes.find(begin, kCatalogueOffset) == std::string::npos) continue;
            return Wrong("opens at position " + std::to_string(found) +
                         " without a word of a tail, though " + segment + " has " + Escape(begin) +
                         " of commit " + std::to_string(at->first));
          }
        }
      }
    }
    return Status::Ok();
  }

  // Closes and opens again, writes, loses power, and looks at what is left of both.
  Status LiveOn() {
    const uint64_t seed = *check_.second_life;
    const LogPos found = db_->LastPosition();
    if (seed % 2 == 0) {
      RETURN_IF_ERROR(db_->Close().WithContext("close"));
      db_.reset();
      RETURN_IF_ERROR(Open(files_).WithContext("second open"));
      if (db_->LastPosition() != found) {
        return Wrong("was at position " + std::to_string(found) + ", then at " +
                     std::to_string(db_->LastPosition()));
      }
    }
    ASSIGN_OR_RETURN(CrashContent content, ReadContent(db_.get()));
    content[""]["second"] = "life";
    auto position = db_->Put({.durability = Durability::kPower}, "second", "life");
    if (!position.ok() || *position != found + 1) {
      return Wrong("writing on says " +
                   (position.ok() ? std::to_string(*position) : position.status().ToString()));
    }
    const std::unique_ptr<SimulatedFileSystem> after = files_->CrashState(seed);
    files_->CutPower();
    db_.reset();
    CrashExpectation next;
    next.at_least = next.at_most = found + 1;
    next.contents[found + 1] = {std::make_shared<const CrashContent>(std::move(content))};
    CrashCheck once;
    once.options = check_.options;
    return CheckCrash(after.get(), directory_, next, once)
        .WithContext("second life, seed " + std::to_string(seed));
  }

  SimulatedFileSystem* const files_;
  const std::string& directory_;
  const CrashExpectation& expected_;
  const CrashCheck& check_;
  std::unique_ptr<FileSystem> between_;
  std::unique_ptr<DB> db_;
};

}  // namespace

std::string ContentDifference(const CrashContent& found, const CrashContent& expected) {
  for (const auto& [keyspace, rows] : expected) {
    const auto other = found.find(keyspace);
    if (other == found.end()) return "lacks keyspace \"" + keyspace + "\"";
    const std::string where = "keyspace \"" + keyspace + "\" ";
    for (const auto& [key, value] : rows) {
      const auto row = other->second.find(key);
      if (row == other->second.end()) return where + "lacks key " + Escape(key);
      if (row->second != value) {
        return where + "key " + Escape(key) + " has " + Shown(row->second) + ", expected " +
               Shown(value);
      }
    }
    for (const auto& [key, value] : other->second) {
      if (!rows.contains(key)) return where + "has key " + Escape(key) + ", which it should not";
    }
  }
  for (const auto& [keyspace, rows] : found) {
    if (!expected.contains(keyspace)) return "has keyspace \"" + keyspace + "\"";
  }
  return "";
}

Result<CrashContent> ReadContent(DB* db) {
  ASSIGN_OR_RETURN(const std::vector<KeyspaceInfo> keyspaces, db->ListKeyspaces());
  return ReadContent(db, {}, keyspaces);
}

Result<CrashContent> ReadContent(DB* db, const ReadOptions& options,
                                 const std::vector<KeyspaceInfo>& keyspaces) {
  CrashContent content;
  RETURN_IF_ERROR(ReadRows(db, options, Keyspace(), &content[""]));
  for (const KeyspaceInfo& info : keyspaces) {
    if (info.keyspace == Keyspace() || info.name == "default") continue;
    RETURN_IF_ERROR(ReadRows(db, options, info.keyspace, &content[info.name])
                        .WithContext("keyspace \"" + info.name + "\""));
  }
  return content;
}

Status CheckCrash(SimulatedFileSystem* files, const std::string& directory,
                  const CrashExpectation& expected, const CrashCheck& check) {
  return Looker(files, directory, expected, check).Run();
}

}  // namespace logwood::test
