// logwood scan, logwood count: look at a range of records.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/numbers.h"
#include "tools/output.h"
#include "tools/record_format.h"
#include "tools/record_walk.h"
#include "tools/report.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kScanExamples = R"(  logwood scan /tmp/db
  logwood scan /tmp/db --prefix planet/ --limit 10
  logwood scan /tmp/db --from a --to b --reverse         b is not part of it; from the end
  logwood scan /tmp/db --keyspace photos --keys-only
  logwood scan /tmp/db --format hex
  logwood scan /tmp/db --json | jq .key
  logwood scan /tmp/db | head

A record a line: key, tab, value. In format auto and escape tabs, newlines, backslashes and what is
not printable are backslash escapes, so that lines can be loaded again; but auto shows the values of
a keyspace whose merge operator is one of numbers (add_int64, say) as numbers, and of set_union as
elements, which `logwood load` takes for text: --format escape, or `logwood export`, gives the
bytes. --json has both of numbers.
Scans one keyspace; where none is given and there are others, a note on standard error names them.
While scan runs, in a pager say, no other process can open DIR for writing; with --ignore-writer it
can.
Exit status 1 when there is no such record, 3 when it could not be read.)";

constexpr const char* kCountExamples = R"(  logwood count /tmp/db
  logwood count /tmp/db --prefix planet/
  logwood count /tmp/db --limit 1000                     are there so many?
  logwood count /tmp/db --keyspace photos --estimate     at once, from the tables' indexes
  logwood count /tmp/db --all-keyspaces                  a line each: name, tab, number
  logwood count /tmp/db --json

An exact count reads the whole range. An estimate counts old versions and deletions too.
Counts one keyspace; where none is given and there are others, a note on standard error names them
(-q leaves it out).)";

struct ScanArguments {
  Target target;
  RangeArguments range;
  uint64_t limit = 0;
  bool reverse = false;
  bool keys_only = false;
  TextFormat format = TextFormat::kAuto;
  bool json = false;
};

struct CountArguments {
  Target target;
  RangeArguments range;
  uint64_t limit = 0;
  bool estimate = false;
  bool json = false;
};

void PrintScanned(const ScanArguments& arguments, std::string_view key, std::string_view value,
                  Shown how, Output* out) {
  std::string* line = out->buffer();
  if (arguments.json && how == Shown::kAsNumber && !arguments.keys_only) {
    AppendJsonNumberRecord(key, value, line);
  } else if (arguments.json) {
    AppendJsonRecord(key, value, !arguments.keys_only, line);
  } else {
    AppendEncoded(arguments.format, key, line);
    if (!arguments.keys_only) {
      line->push_back('\t');
      arguments.format == TextFormat::kAuto ? AppendShown(how, value, line)
                                            : AppendEncoded(arguments.format, value, line);
    }
  }
  line->push_back('\n');
  out->MaybeFlush();
}

ExitCode RunScan(const ScanArguments& arguments) {
  const std::optional<Range> range = DecodeRange(arguments.range, true);
  if (!range.has_value()) return ExitCode::kUsage;
  Opened opened;
  const ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  const WalkOptions walk = {
      .range = *range, .limit = arguments.limit, .reverse = arguments.reverse};
  const KeyspaceInfo info = {.name = "", .keyspace = opened.keyspace};
  // Lines that scroll by are progress enough; a bar helps only when they go elsewhere.
  Progress progress =
      WalkProgress(*opened.db, {&info, 1}, walk, "scan", isatty(STDOUT_FILENO) == 0);
  const Shown how = HowShown(*opened.db, opened.keyspace);
  Output out(STDOUT_FILENO);
  uint64_t records = 0;
  const Status status = WalkRecords(
      *opened.db, opened.keyspace, walk, &progress,
      [&](std::string_view key, std::string_view value) {
        PrintScanned(arguments, key, value, how, &out);
        return out.open();
      },
      &records);
  progress.Finish();
  const bool read_to_the_end = out.open() && (arguments.limit == 0 || records < arguments.limit);
  const ExitCode printed = out.Finish(records == 0 ? ExitCode::kProblem : ExitCode::kOk);
  if (!status.ok())
    return CloseAfter(*opened.db, FailReadingAt(arguments.target, "cannot scan", status));
  if (read_to_the_end) {
    NoteOtherKeyspaces(arguments.target, *opened.db, "--keyspace NAME scans one of them");
  }
  return CloseAfter(*opened.db, printed);
}

std::string CountLine(const CountArguments& arguments, const std::string& keyspace,
                      const RangeEstimate& found, const std::vector<std::string>& left_out) {
  if (arguments.json) {
    JsonObject report;
    report.Bytes("keyspace", keyspace);
    report.Field("records", found.entries);
    report.Field(arguments.estimate ? "bytes_on_disk" : "bytes", found.bytes);
    report.Field("estimate", arguments.estimate);
    AddJsonNames("keyspaces_left_out", left_out, &report);
    return report.Finish() + "\n";
  }
  const std::string number = std::to_string(found.entries) + "\n";
  return arguments.target.all_keyspaces ? Encode(TextFormat::kAuto, keyspace) + "\t" + number
                                        : number;
}

Status CountExactly(DB& db, Keyspace keyspace, const WalkOptions& walk, Progress* progress,
                    RangeEstimate* found) {
  return WalkRecords(
      db, keyspace, walk, progress,
      [found](std::string_view key, std::string_view value) {
        found->bytes += key.size() + value.size();
        return true;
      },
      &found->entries);
}

ExitCode RunCount(const CountArguments& arguments) {
  const std::optional<Range> range =
      DecodeRange(arguments.range, !arguments.target.quiet && !arguments.json);
  if (!range.has_value()) return ExitCode::kUsage;
  Opened opened;
  ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  DB& db = *opened.db;
  std::vector<KeyspaceInfo> keyspaces;
  code = ChosenKeyspaces(arguments.target, opened, &keyspaces);
  if (code != ExitCode::kOk) return CloseAfter(db, code);
  const std::vector<std::string> left_out = OtherKeyspaces(arguments.target, db);
  const WalkOptions walk = {.range = *range, .limit = arguments.limit};
  std::string lines;
  for (const KeyspaceInfo& info : keyspaces) {
    RangeEstimate found;
    if (arguments.estimate) {
      found = db.Estimate(info.keyspace, range->keys);
    } else {
      Progress progress = WalkProgress(db, {&info, 1}, walk, "count", !arguments.target.quiet);
      const Status status = CountExactly(db, info.keyspace, walk, &progress, &found);
      if (!status.ok())
        return CloseAfter(db, FailReadingAt(arguments.target, "cannot count", status));
    }
    lines += CountLine(arguments, info.name, found, left_out);
  }
  code = Print(lines);
  if (code == ExitCode::kOk && !arguments.target.quiet && !arguments.json) {
    NoteOtherKeyspaces(arguments.target, db, "--all-keyspaces counts each of them");
  }
  return CloseAfter(db, code);
}

}  // namespace

void AddScanCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<ScanArguments>();
  CLI::App* command = AddCommand(app, "scan", "List records in key order", kScanExamples);
  AddDirectory(command, &arguments->target);
  AddKeyspace(command, &arguments->target);
  AddRange(command, &arguments->range);
  AddLimit(command, &arguments->limit);
  AddReverse(command, &arguments->reverse);
  command->add_flag("--keys-only", arguments->keys_only, "Without values");
  AddTextFormat(command, "--format", "How keys and values are printed", &arguments->format);
  AddIgnoreWriter(command, &arguments->target);
  AddAllowDamagedLog(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [command, arguments] {
    return FormatBesideJson(*command) ? ExitCode::kUsage : RunScan(*arguments);
  });
}

void AddCountCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<CountArguments>();
  CLI::App* command = AddCommand(app, "count", "Count records", kCountExamples);
  AddDirectory(command, &arguments->target);
  AddKeyspace(command, &arguments->target);
  AddAllKeyspaces(command, &arguments->target, "Every keyspace, a line each: name, tab, number");
  AddRange(command, &arguments->range);
  AddLimit(command, &arguments->limit, "Of a keyspace no further than to this many");
  command->add_flag("--estimate", arguments->estimate, "A quick guess instead of an exact count")
      ->excludes("--limit")
      ->option_text(" ");
  AddIgnoreWriter(command, &arguments->target);
  AddAllowDamagedLog(command, &arguments->target);
  AddQuiet(command, &arguments->target.quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunCount(*arguments); });
}

}  // namespace logwood::tools
