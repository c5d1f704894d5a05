// logwood scan, logwood count: look at a range of records.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
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
not printable are backslash escapes, so that lines can be loaded again.
Exit status 1 when there is no such record.)";

constexpr const char* kCountExamples = R"(  logwood count /tmp/db
  logwood count /tmp/db --prefix planet/
  logwood count /tmp/db --keyspace photos --estimate     at once, from the tables' indexes
  logwood count /tmp/db --json

An exact count reads the whole range. An estimate counts old versions and deletions too.)";

constexpr uint64_t kLimitMax = uint64_t{1} << 53;

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
  bool estimate = false;
  bool quiet = false;
  bool json = false;
};

void PrintScanned(const ScanArguments& arguments, std::string_view key, std::string_view value,
                  Output* out) {
  std::string* line = out->buffer();
  if (arguments.json) {
    AppendJsonRecord(key, value, !arguments.keys_only, line);
  } else {
    AppendEncoded(arguments.format, key, line);
    if (!arguments.keys_only) {
      line->push_back('\t');
      AppendEncoded(arguments.format, value, line);
    }
  }
  line->push_back('\n');
  out->MaybeFlush();
}

ExitCode RunScan(const ScanArguments& arguments) {
  const std::optional<Range> range = DecodeRange(arguments.range);
  if (!range.has_value()) return ExitCode::kUsage;
  Opened opened;
  const ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  const WalkOptions walk = {
      .range = *range, .limit = arguments.limit, .reverse = arguments.reverse};
  // Lines that scroll by are progress enough; a bar helps only when they go elsewhere.
  Progress progress = WalkProgress(opened, walk, "scan", isatty(STDOUT_FILENO) == 0);
  Output out(STDOUT_FILENO);
  uint64_t records = 0;
  const Status status = WalkRecords(
      opened, walk, &progress,
      [&](std::string_view key, std::string_view value) {
        PrintScanned(arguments, key, value, &out);
        return out.open();
      },
      &records);
  progress.Finish();
  const ExitCode printed = out.Finish(records == 0 ? ExitCode::kProblem : ExitCode::kOk);
  return CloseAfter(*opened.db, status.ok() ? printed : Fail("cannot scan", status));
}

ExitCode PrintCount(const CountArguments& arguments, uint64_t records, uint64_t bytes) {
  if (!arguments.json) return Print(std::to_string(records) + "\n");
  JsonObject report;
  report.Field("keyspace", arguments.target.keyspace).Field("records", records);
  report.Field(arguments.estimate ? "bytes_on_disk" : "bytes", bytes);
  report.Field("estimate", arguments.estimate);
  return Print(report.Finish() + "\n");
}

ExitCode RunCount(const CountArguments& arguments) {
  const std::optional<Range> range = DecodeRange(arguments.range);
  if (!range.has_value()) return ExitCode::kUsage;
  Opened opened;
  const ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  if (arguments.estimate) {
    const RangeEstimate estimate = opened.db->Estimate(opened.keyspace, range->keys);
    return CloseAfter(*opened.db, PrintCount(arguments, estimate.entries, estimate.bytes));
  }
  const WalkOptions walk = {.range = *range};
  Progress progress = WalkProgress(opened, walk, "count", !arguments.quiet);
  uint64_t records = 0;
  uint64_t bytes = 0;
  const Status status = WalkRecords(
      opened, walk, &progress,
      [&bytes](std::string_view key, std::string_view value) {
        bytes += key.size() + value.size();
        return true;
      },
      &records);
  progress.Finish();
  return CloseAfter(*opened.db, status.ok() ? PrintCount(arguments, records, bytes)
                                            : Fail("cannot count", status));
}

}  // namespace

void AddScanCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<ScanArguments>();
  CLI::App* command = AddCommand(app, "scan", "List records in key order", kScanExamples);
  AddDirectory(command, &arguments->target);
  AddKeyspace(command, &arguments->target);
  AddRange(command, &arguments->range);
  command->add_option("-n,--limit", arguments->limit, "At most this many")
      ->check(CLI::Range(uint64_t{1}, kLimitMax).description(""))
      ->option_text("N");
  command->add_flag("-r,--reverse", arguments->reverse, "From the last key to the first");
  command->add_flag("--keys-only", arguments->keys_only, "Without values");
  AddTextFormat(command, "--format", "How keys and values are printed", &arguments->format);
  AddIgnoreWriter(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunScan(*arguments); });
}

void AddCountCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<CountArguments>();
  CLI::App* command = AddCommand(app, "count", "Count records", kCountExamples);
  AddDirectory(command, &arguments->target);
  AddKeyspace(command, &arguments->target);
  AddRange(command, &arguments->range);
  command->add_flag("--estimate", arguments->estimate, "A quick guess instead of an exact count");
  AddIgnoreWriter(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddQuiet(command, &arguments->quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunCount(*arguments); });
}

}  // namespace logwood::tools
