#include "tools/command_open.h"

#include <string>
#include <utility>

#include "tools/report.h"

namespace logwood::tools {

namespace {

// A directory without a database is not "found nothing": scripts must be able to tell it from an
// absent key.
ExitCode FailOpen(const Target& target, const Status& status, std::string_view advice = "") {
  const bool missing = status.Is(StatusCode::kNotFound);
  const ExitCode code =
      Fail("cannot open " + target.directory, status,
           missing ? "`logwood put` and `logwood load` create a database" : advice);
  return missing ? ExitCode::kIo : code;
}

}  // namespace

ExitCode OpenDirectoryForReading(const Target& target, ReadOnlyOptions options,
                                 std::unique_ptr<DB>* db) {
  options.ignore_writer = target.ignore_writer;
  Result<std::unique_ptr<DB>> opened = DB::OpenReadOnly(options, target.directory);
  if (opened.ok()) {
    *db = std::move(*opened);
    return ExitCode::kOk;
  }
  return FailOpen(target, opened.status(),
                  opened.status().Is(StatusCode::kBusy)
                      ? "another process has it open for writing: --ignore-writer reads the state "
                        "found on disk"
                      : "");
}

ExitCode OpenDirectoryForWriting(const Target& target, Missing missing, std::unique_ptr<DB>* db,
                                 std::shared_ptr<EventListener> listener) {
  Options options;
  options.create_if_missing = missing == Missing::kCreate;
  options.memory_budget_bytes = target.memory_bytes;
  if (listener != nullptr) options.listeners.push_back(std::move(listener));
  Result<std::unique_ptr<DB>> opened = DB::Open(options, target.directory);
  if (!opened.ok()) return FailOpen(target, opened.status());
  *db = std::move(*opened);
  return ExitCode::kOk;
}

ExitCode FindKeyspace(const Target& target, Missing missing, Opened* opened) {
  Result<Keyspace> keyspace = opened->db->OpenKeyspace(target.keyspace);
  if (keyspace.status().Is(StatusCode::kNotFound) && missing == Missing::kCreate) {
    keyspace = opened->db->CreateKeyspace(target.keyspace);
  }
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
