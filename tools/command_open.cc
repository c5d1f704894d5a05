#include "tools/command_open.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "db/file_names.h"
#include "db/file_ownership.h"
#include "tools/damage_format.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/shell_word.h"
#include "tools/text_codec.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

// More are only counted.
constexpr size_t kNamedKeyspacesMax = 5;
// Four start a compaction, each short command leaves a part of one.
constexpr uint32_t kLevel0TablesMax = 12;
// How often who waits for compaction is shown how far it is.
constexpr std::chrono::milliseconds kCompactionLook{100};
constexpr const char* kDanglingLink = "it is a link to what is not there";

bool IsThere(const std::string& path) {
  const Result<bool> there = FileSystem::Posix()->Exists(path);
  return !there.ok() || *there;  // what cannot be looked at: opening will say why
}

bool IsDanglingLink(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::error_code error;
  return std::filesystem::is_symlink(path, error) && !std::filesystem::exists(path, error);
}

const char* WhatIsMissing(const std::string& directory) {
  if (IsNoDirectory(directory)) return "it is a file, not a database's directory";
  if (IsThere(directory)) return "there is no database in it";
  return IsDanglingLink(directory) ? kDanglingLink : "there is no such directory";
}

// The part of a path before its last one; empty: the working directory.
std::string ParentOf(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return "";
  return std::string(path.substr(0, std::max<size_t>(slash, 1)));
}

std::string DamageAdvice(const Target& target) {
  return CheckAdvice(target.directory) + ", " + SalvageCommand(target.directory) +
         " copies what can be read";
}

// Opening bears with damage that only some reads would meet; who asked for a write learns of it.
class WarnOfDamage final : public EventListener {
 public:
  explicit WarnOfDamage(std::string directory) : directory_(std::move(directory)) {}
  void OnEvent(const Event& event) override {
    if (event.kind != EventKind::kCorruption) return;
    PrintError("warning", DamageEventText(event), CheckAdvice(directory_));
  }

 private:
  const std::string directory_;
};

bool IsForeign(const std::string& directory, const std::string& name) {
  const Result<bool> ours = MayBeOurs(FileSystem::Posix(), directory, name);
  return ours.ok() && !*ours;
}

// A database that is to be made lies alone: in somebody's directory it could not be told from the
// rest any more.
ExitCode CheckHoldsNothingElse(const std::string& directory) {
  const Result<std::vector<std::string>> names = FileSystem::Posix()->List(directory);
  if (!names.ok()) return ExitCode::kOk;  // opening says why
  std::string other;
  for (const std::string& name : *names) {
    const std::optional<ParsedName> parsed = ParseFileName(name);
    const bool is_ours = parsed && !IsForeign(directory, name);
    // One is there, or what is left of one: opening says what is wrong with it.
    if (is_ours && parsed->kind != NameKind::kLock && parsed->kind != NameKind::kEvents) {
      return ExitCode::kOk;
    }
    if (!is_ours && name != "lost+found" && (other.empty() || name < other)) other = name;
  }
  if (other.empty()) return ExitCode::kOk;
  PrintError("cannot create a database in " + directory, "it holds other files (" + other + ")",
             "name a new or an empty directory");
  return ExitCode::kIo;
}

// Of what an open left out of the log, or a later one for writing will.
void WarnOfTail(const Target& target, const DB& db, bool reading) {
  const RecoveryInfo info = db.GetRecoveryInfo();
  if (info.unproven_tail_bytes == 0) return;
  std::string where =
      info.unproven_tail_file + ":" + std::to_string(info.unproven_tail_offset) + ": " +
      Counted(info.unproven_tail_bytes, "byte") +
      " behind the last good commit count no more; nothing recorded them as durable";
  const std::string commits = Counted(info.unproven_tail_commits, "whole commit");
  std::string advice;
  if (reading) {
    advice = "before the first write, " + SalvageCommand(target.directory) +
             " copies what is whole among them" +
             (info.unproven_tail_commits == 0 ? "" : ": " + commits);
  } else if (info.unproven_tail_commits > 0) {
    where += "; this command discarded " + commits + " among them";
    advice = "a copy of the directory from before it still has what " + SalvageCommand("THE-COPY") +
             " copies";
  }
  PrintError("warning", where, advice);
}

// With --allow-damaged-log: what is not among what is read.
void WarnOfLogDamage(const Target& target, const DB& db) {
  const RecoveryInfo info = db.GetRecoveryInfo();
  if (!info.log_damage) return;
  PrintError("warning", "the log is read up to its damage only: " + info.log_damage->ToString(),
             SalvageCommand(target.directory) + " copies what lies behind it, too");
}

Progress OpenProgress(const Target& target) {
  return Progress({.label = "open", .unit = "bytes", .total = 0, .wanted = !target.quiet});
}

// A compaction that fails is not this command's failure; the next one meets it again.
void AwaitCompaction(DB& db, bool quiet) {
  const Stats before = db.GetStats();
  Progress progress({.label = "compact",
                     .unit = "bytes",
                     .total = before.compaction_debt_bytes,
                     .wanted = !quiet});
  uint64_t read = 0;
  do {
    progress.Update(read, read);
    read = db.GetStats().compaction_bytes_read - before.compaction_bytes_read;
  } while (db.WaitForCompaction(DeadlineAfter(kCompactionLook)).Is(StatusCode::kTimeout));
}

}  // namespace

bool IsNoDirectory(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  return std::filesystem::exists(status) && !std::filesystem::is_directory(status);
}

ExitCode FailAt(const Target& target, std::string_view what, const Status& status) {
  return Fail(what, status, AdviceFor(status.code(), target.directory));
}

ExitCode FailReadingAt(const Target& target, std::string_view what, const Status& status) {
  const bool is_of_merges = status.Is(StatusCode::kInvalidArgument) &&
                            status.message().find("merge operator ") != std::string_view::npos;
  if (!is_of_merges) return FailAt(target, what, status);
  const bool is_refused = status.message().find(" refuses ") != std::string_view::npos;
  Fail(what, status,
       is_refused ? "put it anew, or delete it; the keys before and behind it can be read"
                  : "only a program that has the operator can read it");
  return ExitCode::kIo;
}

ExitCode CheckMayBeMade(const std::string& directory) {
  if (IsThere(directory)) return ExitCode::kOk;
  const std::string what = "cannot create " + directory;
  if (IsDanglingLink(directory)) {
    PrintError(what, kDanglingLink, "mend the link, or remove it");
    return ExitCode::kIo;
  }
  const std::string parent = ParentOf(directory);
  if (parent.empty() || IsThere(parent)) return ExitCode::kOk;
  PrintError(what, "there is no directory " + parent, "make it first, or mend the path");
  return ExitCode::kIo;
}

ExitCode FailWithoutDatabase(const Target& target, std::string_view verb) {
  PrintError("cannot " + std::string(verb) + " " + target.directory,
             WhatIsMissing(target.directory), "mend the path");
  return ExitCode::kIo;
}

// A directory without a database is not "found nothing": scripts must be able to tell it from an
// absent key.
ExitCode FailOpening(const Target& target, const Status& status, std::string advice) {
  if (IsNoDirectory(target.directory)) return FailWithoutDatabase(target, "open");
  if (status.Is(StatusCode::kNotFound)) {
    PrintError("cannot open " + target.directory, WhatIsMissing(target.directory),
               "`logwood put` and `logwood load` create a database");
    return ExitCode::kIo;
  }
  if (status.Is(StatusCode::kCorruption) && advice.empty()) advice = DamageAdvice(target);
  return Fail("cannot open " + target.directory, status, advice);
}

ExitCode OpenDirectoryForReading(const Target& target, std::unique_ptr<DB>* db) {
  ReadOnlyOptions options;
  options.ignore_writer = target.ignore_writer;
  options.allow_damaged_log = target.allow_damaged_log;
  Progress progress = OpenProgress(target);
  options.replay_progress = progress.Bytes();
  Result<std::unique_ptr<DB>> opened = DB::OpenReadOnly(options, target.directory);
  progress.Finish();
  if (opened.ok()) {
    *db = std::move(*opened);
    WarnOfLogDamage(target, **db);
    if (!options.ignore_writer)
      WarnOfTail(target, **db, true);  // a writer's store under way is no tail
    return ExitCode::kOk;
  }
  std::string advice;
  if (IsInUse(opened.status()) && !options.ignore_writer) {
    advice =
        "another process has it open for writing: --ignore-writer reads the state found on disk";
  } else if (opened.status().Is(StatusCode::kCorruption) && options.allow_damaged_log) {
    advice = "nothing can be read without this file: " + SalvageCommand(target.directory) +
             " copies what is left";
  } else if (opened.status().Is(StatusCode::kCorruption)) {
    advice = DamageAdvice(target);
    if (opened.status().message().find(".log:") != std::string_view::npos) {
      advice += "; --allow-damaged-log reads what lies before damage of the log";
    }
  }
  return FailOpening(target, opened.status(), std::move(advice));
}

ExitCode OpenDirectoryForWriting(const Target& target, Missing missing, std::unique_ptr<DB>* db) {
  if (missing == Missing::kCreate) {
    ExitCode code = CheckMayBeMade(target.directory);
    if (code == ExitCode::kOk) code = CheckHoldsNothingElse(target.directory);
    if (code != ExitCode::kOk) return code;
  }
  Options options;
  options.create_if_missing = missing == Missing::kCreate;
  options.memory_budget_bytes = target.memory_bytes;
  if (target.merge_operator != nullptr)
    options.keyspaces[target.keyspace_name()].merge_operator = target.merge_operator;
  options.listeners.push_back(std::make_shared<WarnOfDamage>(target.directory));
  Progress progress = OpenProgress(target);
  options.replay_progress = progress.Bytes();
  Result<std::unique_ptr<DB>> opened = DB::Open(options, target.directory);
  progress.Finish();
  if (!opened.ok()) {
    return FailOpening(target, opened.status(),
                       IsInUse(opened.status())
                           ? "another process has the directory open; end it, or wait for it"
                           : "");
  }
  *db = std::move(*opened);
  WarnOfTail(target, **db, false);
  return ExitCode::kOk;
}

ExitCode CheckFits(const Target& target, std::string_view key, uint64_t value_bytes) {
  // What a commit of one record takes beyond key and value.
  constexpr uint64_t kCommitOverheadBytesMax = 64;
  if (key.size() > kKeyBytesMax) {
    PrintError("key too long", WithCommas(key.size()) + " bytes",
               "the limit is " + WithCommas(kKeyBytesMax));
    return ExitCode::kUsage;
  }
  const uint64_t bytes = key.size() + value_bytes;
  const uint64_t bytes_max =
      std::min<uint64_t>(kBatchBytesMax, target.memory_bytes / 4) - kCommitOverheadBytesMax;
  if (bytes <= bytes_max) return ExitCode::kOk;
  PrintError("record too long", "key and value have " + WithCommas(bytes) + " bytes",
             "the limit is " + WithCommas(bytes_max) +
                 ", a quarter of --memory and never more than 64 MiB");
  return ExitCode::kUsage;
}

ExitCode FindKeyspace(const Target& target, Missing missing, Opened* opened) {
  const std::string name = target.keyspace_name();
  const Result<Keyspace> keyspace =
      missing == Missing::kCreate
          ? opened->db->OpenOrCreateKeyspace({.durability = target.durability}, name)
          : opened->db->OpenKeyspace(name);
  if (keyspace.status().Is(StatusCode::kNotFound)) {
    PrintError(
        "no such keyspace", Encode(TextFormat::kAuto, name),
        "`logwood keyspaces " + ShellPath(target.directory) + " list` shows which there are");
    return ExitCode::kProblem;
  }
  if (!keyspace.ok()) {
    return FailAt(target, "cannot open keyspace \"" + Encode(TextFormat::kAuto, name) + "\"",
                  keyspace.status());
  }
  opened->keyspace = *keyspace;
  return ExitCode::kOk;
}

ExitCode ChosenKeyspaces(const Target& target, const Opened& opened,
                         std::vector<KeyspaceInfo>* chosen) {
  if (!target.all_keyspaces) {
    *chosen = {{.name = target.keyspace_name(), .keyspace = opened.keyspace}};
    return ExitCode::kOk;
  }
  Result<std::vector<KeyspaceInfo>> all = opened.db->ListKeyspaces();
  if (!all.ok()) return FailAt(target, "cannot list keyspaces", all.status());
  *chosen = std::move(*all);
  return ExitCode::kOk;
}

std::vector<std::string> OtherKeyspaces(const Target& target, DB& db) {
  std::vector<std::string> names;
  if (target.keyspace.has_value() || target.all_keyspaces) return names;
  const Result<std::vector<KeyspaceInfo>> all = db.ListKeyspaces();
  if (!all.ok()) return names;
  for (const KeyspaceInfo& info : *all) {
    if (info.name != target.keyspace_name()) names.push_back(info.name);
  }
  return names;
}

std::string NameSome(const std::vector<std::string>& names) {
  const size_t named = names.size() <= kNamedKeyspacesMax + 1 ? names.size() : kNamedKeyspacesMax;
  std::string text;
  for (size_t i = 0; i < named; ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += Encode(TextFormat::kAuto, names[i]);
  }
  if (named < names.size()) text += " and " + WithCommas(names.size() - named) + " more";
  return text;
}

void NoteOtherKeyspaces(const Target& target, DB& db, std::string_view advice) {
  const std::vector<std::string> others = OtherKeyspaces(target, db);
  if (others.empty()) return;
  PrintError("note", "this is keyspace default; there are also " + NameSome(others), advice);
}

ExitCode OpenForReading(const Target& target, Opened* opened) {
  const ExitCode code = OpenDirectoryForReading(target, &opened->db);
  return code == ExitCode::kOk ? FindKeyspace(target, Missing::kFail, opened) : code;
}

ExitCode OpenForWriting(const Target& target, Missing missing, Opened* opened) {
  const ExitCode code = OpenDirectoryForWriting(target, missing, &opened->db);
  return code == ExitCode::kOk ? FindKeyspace(target, missing, opened) : code;
}

ExitCode CloseAfter(DB& db, ExitCode code) {
  const Status closed = db.Close();
  if (closed.ok()) return code;
  const ExitCode failed =
      Fail("cannot close " + db.path(), closed, AdviceFor(closed.code(), db.path()));
  return code == ExitCode::kOk ? failed : code;
}

ExitCode CloseAfterWriting(DB& db, ExitCode code, bool quiet) {
  if (db.GetStats().levels[0].tables > kLevel0TablesMax) AwaitCompaction(db, quiet);
  return CloseAfter(db, code);
}

ExitCode CommitAndClose(const Target& target, const WriteBatch& batch, DB& db, bool json) {
  return CloseAndTell(target, db.Write({.durability = target.durability}, batch), batch.count(), db,
                      json);
}

ExitCode CloseAndTell(const Target& target, const Result<LogPos>& position, uint64_t operations,
                      DB& db, bool json) {
  if (!position.ok()) return CloseAfter(db, FailAt(target, "cannot write", position.status()));
  const ExitCode code = CloseAfterWriting(db, ExitCode::kOk);
  if (code != ExitCode::kOk) return code;
  if (json) {
    JsonObject report;
    report.Field("position", *position).Field("operations", operations);
    return Print(report.Finish() + "\n");
  }
  return Print("position " + std::to_string(*position) + "\n");
}

}  // namespace logwood::tools
