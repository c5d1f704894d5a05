// Opening and closing a database for a subcommand, with messages that say what to do.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
// `missing` says what to do about a directory or keyspace that is not there. The directory's parent
// is never made: a slip of the keyboard must not grow a tree.
ExitCode OpenForWriting(const Target& target, Missing missing, Opened* opened);
// The same without looking at target.keyspace.
ExitCode OpenDirectoryForReading(const Target& target, std::unique_ptr<DB>* db);
ExitCode OpenDirectoryForWriting(const Target& target, Missing missing, std::unique_ptr<DB>* db);
// Whether a file, or anything else that is no directory, has this name.
bool IsNoDirectory(std::string_view path);
// Whether a directory of this name is there or can be made.
ExitCode CheckMayBeMade(const std::string& directory);
ExitCode FindKeyspace(const Target& target, Missing missing, Opened* opened);
// The keyspaces a command is about, by name: all of them, or the one `opened` has.
ExitCode ChosenKeyspaces(const Target& target, const Opened& opened,
                         std::vector<KeyspaceInfo>* chosen);

// Names of the keyspaces that a command which was not told one leaves out; none where it was told.
std::vector<std::string> OtherKeyspaces(const Target& target, DB& db);
// "photos, notes and 3 more"; names as they are typed.
std::string NameSome(const std::vector<std::string>& names);
// Says on standard error which those are, if any.
void NoteOtherKeyspaces(const Target& target, DB& db, std::string_view advice);

// Fail (report.h) for what an open database answered: the advice names its directory.
ExitCode FailAt(const Target& target, std::string_view what, const Status& status);
// The same for a read: that a key's merges cannot be worked out is not wrong usage.
ExitCode FailReadingAt(const Target& target, std::string_view what, const Status& status);
// Prints that the directory holds no database to `verb` ("check").
ExitCode FailWithoutDatabase(const Target& target, std::string_view verb);
// Prints why the directory cannot be opened, and what to do. An empty `advice`: what is usual.
ExitCode FailOpening(const Target& target, const Status& status, std::string advice = "");

// Before the database is opened: what it would refuse must not leave an empty one behind. Prints
// what is too long, of a commit with this key and so many bytes beside it.
ExitCode CheckFits(const Target& target, std::string_view key, uint64_t value_bytes);

// Closes; `code`, or what went wrong with closing.
ExitCode CloseAfter(DB& db, ExitCode code);
// The same for a command that may be one of many short ones: where compaction never got to its end
// between them, this one waits for it, and shows how far that is unless it is to be `quiet`.
ExitCode CloseAfterWriting(DB& db, ExitCode code, bool quiet = false);
// Closes, prints the position of a commit of so many operations, or why there is none.
ExitCode CloseAndTell(const Target& target, const Result<LogPos>& position, uint64_t operations,
                      DB& db, bool json);
// Writes the batch, closes, prints the position.
ExitCode CommitAndClose(const Target& target, const WriteBatch& batch, DB& db, bool json);

}  // namespace logwood::tools
