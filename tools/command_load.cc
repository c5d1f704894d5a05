// logwood load: records from a file or pipe.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/input.h"
#include "tools/interrupt.h"
#include "tools/loader.h"
#include "tools/output.h"
#include "tools/report.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kLoadExamples = R"(  logwood load /tmp/db records.tsv
  logwood load /tmp/db records.jsonl --keyspace photos
  zcat records.tsv.gz | logwood load /tmp/db -
  logwood load /tmp/db --format jsonl --skip-bad - < crawl
  logwood load /tmp/db records.tsv --durability power --batch-records 10000
  logwood load /tmp/db --all-keyspaces all.tsv           what export --all-keyspaces wrote
  logwood load /tmp/db records.tsv --ttl 7d              each for a week from now on

TSV is key<TAB>value with the escapes \t \n \r \\ \xNN; lines end with a newline alone, so that a
carriage return before it belongs to the value. JSON lines are
{"key":"...","value":"..."}, or "key_base64" and "value_base64" for bytes that are not UTF-8.
With --all-keyspaces the keyspace comes first: keyspace<TAB>key<TAB>value, or "keyspace":"...".
Key and value together may have a sixteenth of --memory, 16 MiB without it, and at most 64 MiB.
A bad line stops the load, with file and line number; the records before it stay. A batch is one
commit. Ctrl-C stops after the current batch and says how far it came (exit status 130). A missing
database or keyspace is created, a missing parent of DIR is not. When the command ends with status
0, everything is on the disk.)";

struct LoadArguments {
  Target target;
  std::string file = "-";
  std::optional<RecordFormat> format;
  LoadOptions load;
  bool json = false;
};

ExitCode ExitCodeOf(const LoadReport& report) {
  switch (report.end) {
    case LoadEnd::kComplete:
      return report.skipped > 0 ? ExitCode::kProblem : ExitCode::kOk;
    case LoadEnd::kBadLine:
      return ExitCode::kProblem;
    case LoadEnd::kInterrupted:
      return ExitCode::kInterrupted;
    case LoadEnd::kFailed:
      return ExitCode::kIo;
  }
  return ExitCode::kIo;
}

// Fewer say nothing about speed: opening and closing take longer.
constexpr uint64_t kRatedRecordsMin = 1000;

std::string Sentence(const LoadArguments& arguments, const LoadReport& report, const Stats& stats,
                     uint64_t micros) {
  const auto per_second = static_cast<uint64_t>(static_cast<double>(report.records) * 1e6 /
                                                static_cast<double>(micros + 1));
  std::string text = Counted(report.records, "record") + ", " + HumanBytes(report.bytes) + ", in " +
                     HumanMicros(micros);
  const bool rated = report.records >= kRatedRecordsMin;
  if (rated) text += " (" + WithCommas(per_second) + " records/s)";
  text += "; position " + std::to_string(report.position);
  if (rated && stats.write_amplification > 0) {
    char ratio[32];
    std::snprintf(ratio, sizeof(ratio), "%.2f", stats.write_amplification);
    text += "; write amplification so far " + std::string(ratio);
  }
  if (arguments.load.all_keyspaces) text += "; " + Counted(report.keyspaces, "keyspace");
  if (report.skipped > 0) text += "; " + Counted(report.skipped, "bad line") + " skipped";
  if (report.end != LoadEnd::kComplete) {
    text += report.last_line == 0 ? std::string("; stopped before the first line")
                                  : "; stopped after line " + std::to_string(report.last_line);
    text += " of " + (arguments.file == "-" ? "standard input" : arguments.file);
  }
  return text + "\n";
}

std::string Json(const LoadArguments& arguments, const LoadReport& report, const Stats& stats,
                 uint64_t micros) {
  JsonObject json;
  if (arguments.load.all_keyspaces) {
    json.Field("keyspaces", report.keyspaces);
  } else {
    json.Bytes("keyspace", arguments.target.keyspace_name());
  }
  json.Field("records", report.records);
  json.Field("bytes", report.bytes).Field("commits", report.batches);
  json.Field("skipped", report.skipped).Field("last_line", report.last_line);
  json.Field("position", report.position).Field("micros", micros);
  json.Field("log_bytes_written", stats.log_bytes_written);
  json.Field("flush_bytes_written", stats.flush_bytes_written);
  json.Field("compaction_bytes_written", stats.compaction_bytes_written);
  json.Raw("write_amplification", JsonRatio(stats.write_amplification));
  json.Field("last_newline_missing", report.last_newline_missing);
  json.Field("complete", report.end == LoadEnd::kComplete);
  return json.Finish() + "\n";
}

void WarnOfLines(const LoadArguments& arguments, const std::string& file,
                 const LoadReport& report) {
  if (report.first_crlf_line != 0 && !arguments.target.quiet) {
    PrintError("warning",
               file + ":" + std::to_string(report.first_crlf_line) + ": lines end with CRLF",
               "the \\r is part of the value");
  }
  if (report.first_no_number_line != 0 && !arguments.target.quiet) {
    PrintError("warning",
               file + ":" + std::to_string(report.first_no_number_line) +
                   ": no number, and the keyspace's values are",
               "`logwood export` writes what load reads, `logwood scan` shows it");
  }
  if (report.last_newline_missing) {
    PrintError("warning", file + ": the last line has no newline: the input may be cut off");
  }
}

ExitCode FailLoad(const Target& target, const Status& status) {
  if (!status.Is(StatusCode::kBusy)) return FailAt(target, "cannot load", status);
  return Fail("cannot load", status, "less --memory needs less");
}

ExitCode RunLoad(LoadArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  // Before the database: a wrong name must not leave an empty database behind.
  Result<std::unique_ptr<Input>> input = Input::Open(arguments.file);
  if (!input.ok()) return Fail("cannot read", input.status());
  arguments.load.format = arguments.format.value_or(RecordFormatOf(arguments.file));
  arguments.load.memory = ShareLoadMemory(arguments.load.format, arguments.target.memory_bytes);
  arguments.load.write.durability = arguments.target.durability;
  arguments.load.all_keyspaces = arguments.target.all_keyspaces;
  arguments.target.memory_bytes = arguments.load.memory.database_bytes;
  Opened opened;
  ExitCode code = OpenForWriting(arguments.target, Missing::kCreate, &opened);
  if (code != ExitCode::kOk) return code;
  CatchInterrupts();
  Progress progress({.label = "load",
                     .unit = "records",
                     .total = (*input)->size(),
                     .wanted = !arguments.target.quiet});
  if (arguments.file == "-" && isatty(STDIN_FILENO) != 0 && !arguments.target.quiet) {
    PrintError("note", "reading standard input", "Ctrl-D ends it");
  }
  Loader loader(*opened.db, opened.keyspace, **input, arguments.load);
  const LoadReport& report = loader.Run(&progress);
  progress.Finish();
  WarnOfLines(arguments, (*input)->name(), report);
  code = ExitCodeOf(report);
  if (report.end == LoadEnd::kFailed) code = FailLoad(arguments.target, loader.status());
  if (report.end == LoadEnd::kInterrupted) {
    PrintError("interrupted", (*input)->name(),
               "what is reported below is in the database; load the lines behind it, or all again");
  }
  const Stats stats = opened.db->GetStats();
  code = report.end == LoadEnd::kComplete
             ? CloseAfterWriting(*opened.db, code, arguments.target.quiet)
             : CloseAfter(*opened.db, code);
  const uint64_t micros = MonotonicMicros() - start_us;
  if (arguments.json) return Print(Json(arguments, report, stats, micros), code);
  return arguments.target.quiet ? code : Print(Sentence(arguments, report, stats, micros), code);
}

}  // namespace

void AddLoadCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<LoadArguments>();
  CLI::App* command = AddCommand(app, "load", "Load records from text", kLoadExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("FILE", arguments->file, "Where from; - or nothing is standard input")
      ->option_text(" ");
  AddRecordFormat(command, &arguments->format);
  AddKeyspace(command, &arguments->target);
  AddAllKeyspaces(command, &arguments->target,
                  "Each line names its keyspace, as `export --all-keyspaces` writes it");
  command
      ->add_option("--batch-records", arguments->load.batch_records,
                   "At most this many records a commit; 1000 without it")
      ->check(NumberUpTo(kLoadBatchRecordsMax))
      ->option_text("N");
  command
      ->add_option("--batch-bytes", arguments->load.batch_bytes,
                   "At most about this many bytes a commit; 1MiB without it")
      ->transform(SizeText())
      ->check(SizeBetween(1, kBatchBytesMax, "it must be 1 to 64MiB"))
      ->option_text("SIZE");
  AddTtl(command, &arguments->load.ttl, "Each record lasts, from its commit on,");
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target, "the command");
  command->add_flag("--skip-bad", arguments->load.skip_bad,
                    "Report bad lines and go on; exit status 1 if there were any");
  AddQuiet(command, &arguments->target.quiet);
  AddJson(command, &arguments->json, "The summary in JSON; records in JSON are --format jsonl");
  OnRun(command, exit_code, [arguments] { return RunLoad(*arguments); });
}

}  // namespace logwood::tools
