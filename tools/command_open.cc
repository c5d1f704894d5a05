#include "tools/command_open.h"

#include <string>
#include <utility>

#include "tools/report.h"

namespace logwood::tools {

namespace {

// A directory without a database is not "found nothing": scripts must be able to tell it from an
// absent key.
ExitCode FailOpen(const Target& target, const Status& status, std::string advice = "") {
  const bool missing = status.Is(StatusCode::kNotFound);
  if (missing) advice = "`logwood put` and `logwood load` create a database";
  if (status.Is(StatusCode::kCorruption) && advice.empty()) {
    advice = "`logwood check " + target.directory + "` lists every damage";
  }
  const ExitCode code = Fail("cannot open " + target.directory, status, advice);
  return missing ? ExitCode::kIo : code;
}

// Opening bears with damage that only some reads would meet; who asked for a write learns of it.
class WarnOfDamage final : public EventListener {
 public:
  void OnEvent(const Event& event) override {
    if (event.kind != EventKind::kCorruption) return;
    std::string what = event.detail;
    if (!event.status.ok()) what += (what.empty() ? "" : ": ") + event.status.ToString();
    PrintError("warning", event.file.empty() ? what : event.file + ": " + what,
               "`logwood check` lists every damage");
  }
};

}  // namespace

ExitCode OpenDirectoryForReading(const Target& target, ReadOnlyOptions options,
                                 std::unique_ptr<DB>* db) {
  options.ignore_writer = target.ignore_writer;
  options.memory_budget_bytes = target.read_memory_bytes;
  Result<std::unique_ptr<DB>> opened = DB::OpenReadOnly(options, target.directory);
  if (opened.ok()) {
    *db = std::move(*opened);
    return ExitCode::kOk;
  }
  std::string advice;
  if (opened.status().Is(StatusCode::kBusy)) {
    advice =
        "another process has it open for writing: --ignore-writer reads the state found on disk";
  } else if (opened.status().Is(StatusCode::kCorruption) && options.allow_damaged_log) {
    advice = "nothing else can be checked without this file; docs/recovery.md says what to do";
  } else if (opened.status().Is(StatusCode::kInvalidArgument)) {
    advice = "--memory raises it; `logwood compact " + target.directory +
             "` makes tables of what is in the log";
  }
  return FailOpen(target, opened.status(), std::move(advice));
}

ExitCode OpenDirectoryForWriting(const Target& target, Missing missing, std::unique_ptr<DB>* db,
                                 std::shared_ptr<EventListener> listener) {
  Options options;
  options.create_if_missing = missing == Missing::kCreate;
  options.memory_budget_bytes = target.write_memory_bytes;
  options.listeners.push_back(std::make_shared<WarnOfDamage>());
  if (listener != nullptr) options.listeners.push_back(std::move(listener));
  Result<std::unique_ptr<DB>> opened = DB::Open(options, target.directory);
  if (!opened.ok()) return FailOpen(target, opened.status());
  *db = std::move(*opened);
  return ExitCode::kOk;
}

ExitCode FindKeyspace(const Target& target, Missing missing, Opened* opened) {
  const Result<Keyspace> keyspace = missing == Missing::kCreate
                                        ? opened->db->OpenOrCreateKeyspace(target.keyspace)
                                        : opened->db->OpenKeyspace(target.keyspace);
  if (!keyspace.ok()) {
    return Fail("keyspace " + target.keyspace, keyspace.status(),
                keyspace.status().Is(StatusCode::kNotFound)
                    ? "`logwood keyspaces " + target.directory + " list` shows which there are"
                    : "");
  }
  opened->keyspace = *keyspace;
  return ExitCode::kOk;
}

ExitCode OpenForReading(const Target& target, Opened* opened) {
  const ExitCode code = OpenDirectoryForReading(target, {}, &opened->db);
  return code == ExitCode::kOk ? FindKeyspace(target, Missing::kFail, opened) : code;
}

ExitCode OpenForWriting(const Target& target, Missing missing, Opened* opened) {
  const ExitCode code = OpenDirectoryForWriting(target, missing, &opened->db);
  return code == ExitCode::kOk ? FindKeyspace(target, missing, opened) : code;
}

ExitCode CloseAfter(DB& db, ExitCode code) {
  const Status closed = db.Close();
  if (closed.ok()) return code;
  const ExitCode failed = Fail("cannot close " + db.path(), closed);
  return code == ExitCode::kOk ? failed : code;
}

}  // namespace logwood::tools
