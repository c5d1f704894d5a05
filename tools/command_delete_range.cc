// logwood delete-range: all records of a range, in one commit of one operation.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "logwood/write_batch.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/report.h"

namespace logwood::tools {

namespace {

constexpr const char* kDeleteRangeExamples =
    R"(  logwood delete-range /tmp/db --prefix session/
  logwood delete-range /tmp/db --from 2024 --to 2025     2024 goes, 2025 stays
  logwood delete-range /tmp/db --keyspace photos --all   every key of the keyspace

Costs one write, however many keys there are: compaction makes the room free, `logwood compact` at
once. What the range holds is what `logwood count` counts with the same options. Prints the position
of the commit.)";

struct DeleteRangeArguments {
  Target target;
  RangeArguments range;
  bool all = false;
  bool json = false;
};

ExitCode RunDeleteRange(const DeleteRangeArguments& arguments) {
  const RangeArguments& texts = arguments.range;
  const bool narrowed = texts.prefix || texts.from || texts.to;
  if (narrowed && arguments.all) {
    PrintError("usage", "--all is every key of the keyspace: it excludes --prefix, --from and --to",
               "leave out one or the other");
    return ExitCode::kUsage;
  }
  if (!narrowed && !arguments.all) {
    PrintError("usage", "delete-range needs a range, or --all for every key of the keyspace",
               "see `logwood delete-range --help`");
    return ExitCode::kUsage;
  }
  const std::optional<Range> range = DecodeRange(texts, /*may_note=*/!arguments.json);
  if (!range.has_value()) return ExitCode::kUsage;
  const KeyRange& keys = range->keys;
  const std::string begin = keys.begin.value_or("");
  // A prefix that is empty, as a variable of a script that was never set.
  if (!arguments.all && begin.empty() && !keys.end) {
    PrintError("usage", "this range is every key of the keyspace",
               "say --all instead if that is meant");
    return ExitCode::kUsage;
  }
  Opened opened;
  const ExitCode code = OpenForWriting(arguments.target, Missing::kFail, &opened);
  if (code != ExitCode::kOk) return code;
  WriteBatch batch;
  // Two ends that cross hold no key.
  if (!keys.end || begin < *keys.end) batch.DeleteRange(opened.keyspace, begin, keys.end);
  return CommitAndClose(arguments.target, batch, *opened.db, arguments.json);
}

}  // namespace

void AddDeleteRangeCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<DeleteRangeArguments>();
  CLI::App* command =
      AddCommand(app, "delete-range", "Delete all records of a range", kDeleteRangeExamples);
  AddDirectory(command, &arguments->target);
  AddKeyspace(command, &arguments->target);
  AddRange(command, &arguments->range);
  command->add_flag("--all", arguments->all, "Every key of the keyspace");
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunDeleteRange(*arguments); });
}

}  // namespace logwood::tools
