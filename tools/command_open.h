// Opening and closing a database for a subcommand, with messages that say what to do.
#pragma once

#include <memory>
#include <string>

#include "logwood/db.h"
#include "tools/command_options.h"
#include "tools/exit_code.h"

namespace logwood::tools {

// A database and the keyspace asked for.
struct Opened {
  std::unique_ptr<DB> db;
  Keyspace keyspace;
};

enum class Missing : uint8_t { kFail, kCreate };

// Each prints what went wrong and returns it as an exit code; kOk: `*opened` is filled.
ExitCode OpenForReading(const Target& target, Opened* opened);
// `missing` says what to do about a directory or keyspace that is not there.
ExitCode OpenForWriting(const Target& target, Missing missing, Opened* opened);
// The same without looking at target.keyspace; ReadOnlyOptions are completed from the target.
ExitCode OpenDirectoryForReading(const Target& target, ReadOnlyOptions options,
                                 std::unique_ptr<DB>* db);
ExitCode OpenDirectoryForWriting(const Target& target, Missing missing, std::unique_ptr<DB>* db,
                                 std::shared_ptr<EventListener> listener = nullptr);
ExitCode FindKeyspace(const Target& target, Missing missing, Opened* opened);

// Prints why the directory cannot be opened, and what to do. An empty `advice`: what is usual.
ExitCode FailOpening(const Target& target, const Status& status, std::string advice = "");

// Closes; `code`, or what went wrong with closing.
ExitCode CloseAfter(DB& db, ExitCode code);

}  // namespace logwood::tools
