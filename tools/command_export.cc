// logwood export: a keyspace as text, in key order.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/output.h"
#include "tools/record_format.h"
#include "tools/record_walk.h"
#include "tools/report.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kExportExamples = R"(  logwood export /tmp/db > records.tsv
  logwood export /tmp/db records.jsonl                   JSON lines, by the ending
  logwood export /tmp/db --format jsonl | gzip > records.jsonl.gz
  logwood export /tmp/db --keyspace photos --prefix 2024/ photos.tsv
  logwood export /tmp/a | logwood load /tmp/b -          a copy without history

What is exported at one time is one position of the database; `logwood load` gives the same bytes
back. A summary goes to standard error where FILE is a file.)";

struct ExportArguments {
  Target target;
  RangeArguments range;
  std::string file = "-";
  std::optional<RecordFormat> format;
  bool quiet = false;
  bool json = false;
};

void PrintSummary(const ExportArguments& arguments, uint64_t records, uint64_t bytes,
                  uint64_t micros) {
  std::string summary;
  if (arguments.json) {
    JsonObject report;
    report.Field("keyspace", arguments.target.keyspace).Field("records", records);
    report.Field("bytes", bytes).Field("file", arguments.file).Field("micros", micros);
    summary = report.Finish();
  } else if (!arguments.quiet && arguments.file != "-") {
    summary = WithCommas(records) + " records, " + HumanBytes(bytes) + " to " + arguments.file +
              " in " + HumanMicros(micros);
  }
  // Standard output may be the export itself.
  if (!summary.empty()) std::fputs((summary + "\n").c_str(), stderr);
}

ExitCode RunExport(const ExportArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  const std::optional<Range> range = DecodeRange(arguments.range);
  if (!range.has_value()) return ExitCode::kUsage;
  const RecordFormat format = arguments.format.value_or(RecordFormatOf(arguments.file));
  Opened opened;
  ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  Result<std::unique_ptr<Output>> out = Output::Create(arguments.file);
  if (!out.ok()) return CloseAfter(*opened.db, Fail("cannot write", out.status()));
  const WalkOptions walk = {.range = *range};
  Progress progress = WalkProgress(opened, walk, "export", !arguments.quiet);
  uint64_t records = 0;
  uint64_t bytes = 0;
  const Status status = WalkRecords(
      opened, walk, &progress,
      [&](std::string_view key, std::string_view value) {
        AppendRecord(format, key, value, (*out)->buffer());
        bytes += key.size() + value.size();
        (*out)->MaybeFlush();
        return (*out)->open();
      },
      &records);
  progress.Finish();
  code = (*out)->Finish(ExitCode::kOk);
  if (!status.ok()) code = Fail("cannot export", status);
  code = CloseAfter(*opened.db, code);
  if (code == ExitCode::kOk) PrintSummary(arguments, records, bytes, MonotonicMicros() - start_us);
  return code;
}

}  // namespace

void AddExportCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command =
      AddCommand(app, "export", "Write records as text, in key order", kExportExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("FILE", arguments->file, "Where to; - or nothing is standard output")
      ->option_text(" ");
  AddRecordFormat(command, &arguments->format);
  AddKeyspace(command, &arguments->target);
  AddRange(command, &arguments->range);
  AddIgnoreWriter(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddQuiet(command, &arguments->quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunExport(*arguments); });
}

}  // namespace logwood::tools
