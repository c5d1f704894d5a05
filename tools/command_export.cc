// logwood export: a keyspace as text, or all of them, in key order.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/interrupt.h"
#include "tools/log_expiring.h"
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
  logwood export /tmp/db --all-keyspaces all.tsv         each line begins with its keyspace
  logwood export /tmp/a --all-keyspaces | logwood load /tmp/b --all-keyspaces -
                                                         a copy without history

Exports one keyspace, or with --all-keyspaces one after the other, by name; each in key order. All
of it is one position of the database; `logwood load` gives the same bytes back, but not when they
expire: an export has what has not yet, without its time. A summary goes to standard error where
FILE is a file, and notes where no keyspace was given and there are others, and where there are
records that expire; -q leaves all out, but what --json asks for. A file is written beside FILE and
takes its place when all of it is on the disk: until then, and where the export fails or is
interrupted (exit status 130), FILE stays as it was. A pipe or a device is written itself. FILE must
not lie in DIR. While the command runs no other process can open DIR for writing; with
--ignore-writer it can.)";

struct ExportArguments {
  Target target;
  RangeArguments range;
  uint64_t limit = 0;
  bool reverse = false;
  std::string file = "-";
  std::optional<RecordFormat> format;
  bool json = false;
};

struct Exported {
  uint64_t keyspaces = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;  // of their keys and values
};

// On standard error: standard output may be the export itself.
void PrintSummary(const ExportArguments& arguments, const Exported& exported,
                  const std::vector<std::string>& left_out, uint64_t micros) {
  std::string summary;
  if (arguments.json) {
    JsonObject report;
    if (arguments.target.all_keyspaces) {
      report.Field("keyspaces", exported.keyspaces);
    } else {
      report.Bytes("keyspace", arguments.target.keyspace_name());
    }
    report.Field("records", exported.records).Field("bytes", exported.bytes);
    report.Field("file", arguments.file).Field("micros", micros);
    AddJsonNames("keyspaces_left_out", left_out, &report);
    summary = report.Finish();
  } else if (!arguments.target.quiet && arguments.file != "-") {
    summary = Counted(exported.records, "record") + ", " + HumanBytes(exported.bytes) + " to " +
              arguments.file + " in " + HumanMicros(micros);
    if (arguments.target.all_keyspaces) {
      summary += ", from " + Counted(exported.keyspaces, "keyspace");
    }
  }
  if (!summary.empty()) std::fputs((summary + "\n").c_str(), stderr);
}

void NoteExpiring(DB& db) {
  uint64_t expiring = 0;
  for (const LevelStats& level : db.GetStats().levels) expiring += level.expiring;
  if (expiring == 0 && !LogHasExpiring(db)) return;
  PrintError("note", "records of this database expire; an export does not say when",
             "`logwood load --ttl` gives them a time anew");
}

bool MayGoOn(const Output& out) { return out.open() && !Interrupted(); }

Status ExportKeyspaces(const ExportArguments& arguments, DB& db,
                       const std::vector<KeyspaceInfo>& keyspaces, const WalkOptions& walk,
                       Output* out, Exported* exported) {
  const RecordFormat format = arguments.format.value_or(RecordFormatOf(arguments.file));
  Progress progress = WalkProgress(db, keyspaces, walk, "export", !arguments.target.quiet);
  for (const KeyspaceInfo& info : keyspaces) {
    RecordFields record;
    if (arguments.target.all_keyspaces) record.keyspace = info.name;
    Status status = WalkRecords(
        db, info.keyspace, walk, &progress,
        [&](std::string_view key, std::string_view value) {
          record.key = key;
          record.value = value;
          AppendRecord(format, record, out->buffer());
          exported->bytes += key.size() + value.size();
          out->MaybeFlush();
          return MayGoOn(*out);
        },
        &exported->records);
    if (!status.ok() || !MayGoOn(*out)) return status;
    ++exported->keyspaces;
  }
  return Status::Ok();
}

ExitCode RunExport(const ExportArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  const std::optional<Range> range =
      DecodeRange(arguments.range, !arguments.target.quiet && !arguments.json);
  if (!range.has_value()) return ExitCode::kUsage;
  if (arguments.file != "-" && LiesIn(arguments.file, arguments.target.directory)) {
    return Fail("cannot export",
                Status::InvalidArgument(arguments.file + ": it lies in the database's directory"));
  }
  Opened opened;
  ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  std::vector<KeyspaceInfo> keyspaces;
  code = ChosenKeyspaces(arguments.target, opened, &keyspaces);
  if (code != ExitCode::kOk) return CloseAfter(*opened.db, code);
  if (Output::Replaces(arguments.file)) CatchInterrupts();
  Result<std::unique_ptr<Output>> out = Output::Create(arguments.file);
  if (!out.ok()) return CloseAfter(*opened.db, Fail("cannot write", out.status()));
  Exported exported;
  const WalkOptions walk = {
      .range = *range, .limit = arguments.limit, .reverse = arguments.reverse};
  const Status status =
      ExportKeyspaces(arguments, *opened.db, keyspaces, walk, out->get(), &exported);
  const bool read_to_the_end = (*out)->open();
  if (!status.ok()) {
    code = FailReadingAt(arguments.target, "cannot export all of it to " + arguments.file, status);
  } else if (Interrupted()) {
    PrintError("interrupted", "nothing is written to " + arguments.file);
    code = ExitCode::kInterrupted;
  }
  code = (*out)->Finish(code);
  const std::vector<std::string> left_out = OtherKeyspaces(arguments.target, *opened.db);
  if (code == ExitCode::kOk && read_to_the_end && !arguments.target.quiet && !arguments.json) {
    NoteOtherKeyspaces(arguments.target, *opened.db, "--all-keyspaces exports them, too");
    NoteExpiring(*opened.db);
  }
  code = CloseAfter(*opened.db, code);
  if (code == ExitCode::kOk && !read_to_the_end && arguments.file != "-") {
    PrintError("cannot export all of it to " + arguments.file, "its reader went away", "");
    return ExitCode::kProblem;
  }
  if (code == ExitCode::kOk) {
    PrintSummary(arguments, exported, left_out, MonotonicMicros() - start_us);
  }
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
  AddAllKeyspaces(command, &arguments->target,
                  "Every keyspace; each line begins with the keyspace's name, or has a member "
                  "\"keyspace\"");
  AddRange(command, &arguments->range);
  AddLimit(command, &arguments->limit, "At most this many records of a keyspace");
  AddReverse(command, &arguments->reverse);
  AddIgnoreWriter(command, &arguments->target);
  AddAllowDamagedLog(command, &arguments->target);
  AddQuiet(command, &arguments->target.quiet);
  AddJson(command, &arguments->json,
          "The summary in JSON, on standard error; records in JSON are --format jsonl");
  OnRun(command, exit_code, [arguments] { return RunExport(*arguments); });
}

}  // namespace logwood::tools
