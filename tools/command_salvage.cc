// logwood salvage: a new database with all that can be read of a damaged one.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "db/salvage.h"
#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/damage_format.h"
#include "tools/interrupt.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kSalvageExamples = R"(  logwood salvage /tmp/db /tmp/saved
  logwood salvage /tmp/db /tmp/again --json > report.jsonl
  logwood salvage /tmp/db /tmp/more --memory 1GiB

Never changes DIR. NEWDIR must be missing or empty. It prints each loss with file, bytes, keys and
positions: keys outside of the ranges it names are exact, keys within may be missing, have an older
value, or be back although they were deleted. Positions that are lost are commits in the log; which
keys they wrote is not known. Exit status 0: nothing is lost. 1: something is, and it was printed.
3: nothing could be saved.)";

struct SalvageArguments {
  Target target;
  std::string new_directory;
  bool quiet = false;
  bool json = false;
};

std::string LossText(const SalvageArguments& arguments, const SalvageLoss& loss) {
  const char* kind = loss.lost ? "lost" : "note";
  if (!arguments.json) {
    if (arguments.quiet && !loss.lost) return "";
    std::string text = std::string(kind) + ": " + DamageText(loss.damage);
    if (loss.end > loss.damage.offset) {
      text += "; bytes " + std::to_string(loss.damage.offset) + " to " + std::to_string(loss.end);
    }
    return text + "\n";
  }
  JsonObject json;
  json.Field("kind", kind);
  AddDamage(loss.damage, &json);
  json.Field("end", loss.end);
  return json.Finish() + "\n";
}

std::string Summary(const SalvageArguments& arguments, const SalvageSummary& saved,
                    uint64_t micros) {
  if (arguments.json) {
    JsonObject json;
    json.Field("ok", saved.losses == 0).Field("losses", saved.losses);
    json.Field("records", saved.records).Field("bytes", saved.bytes);
    json.Field("keyspaces", saved.keyspaces).Field("tables", saved.tables);
    json.Field("segments", saved.segments).Field("commits", saved.commits);
    json.Field("unreadable_records", saved.refused);
    json.Field("position", saved.last_position).Field("micros", micros);
    return json.Finish() + "\n";
  }
  if (arguments.quiet) return "";
  std::string losses = saved.losses == 0   ? "nothing is lost"
                       : saved.losses == 1 ? "1 loss"
                                           : std::to_string(saved.losses) + " losses";
  if (saved.refused != 0) {
    losses += saved.losses == 0 ? ", but " : "; ";
    losses += Counted(saved.refused, "record") + " cannot be read, as before";
  }
  losses += "\n";
  if (saved.records == 0 && saved.losses > 0) {
    return "nothing could be saved: " + arguments.new_directory +
           " is a database without records; " + losses;
  }
  return Counted(saved.records, "record") + ", " + HumanBytes(saved.bytes) + ", of " +
         Counted(saved.tables, "table") + " and " + Counted(saved.commits, "commit") +
         " saved in " + arguments.new_directory + " in " + HumanMicros(micros) + "; " + losses;
}

ExitCode FailSalvage(const SalvageArguments& arguments, const Status& status, bool begun) {
  const auto is_there = FileSystem::Posix()->Exists(arguments.target.directory);
  const bool no_source = status.message().find("there is no database") != std::string_view::npos ||
                         (is_there.ok() && !*is_there);
  if ((status.Is(StatusCode::kNotFound) && no_source) ||
      IsNoDirectory(arguments.target.directory)) {
    return FailWithoutDatabase(arguments.target, "salvage");
  }
  std::string advice;
  if (IsInUse(status) && !arguments.target.ignore_writer) {
    advice =
        "another process has it open for writing; end it first, or copy what it has on disk "
        "with --ignore-writer";
  } else if (begun) {
    advice = "what is in " + arguments.new_directory + " is not complete; remove it";
  } else {
    advice = AdviceFor(status.code(), arguments.target.directory);
  }
  const ExitCode code = Fail("cannot salvage", status, advice);
  // That one says that something was saved.
  return code == ExitCode::kProblem ? ExitCode::kIo : code;
}

ExitCode RunSalvage(const SalvageArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  if (LiesIn(arguments.new_directory, arguments.target.directory)) {
    return Fail("cannot salvage",
                Status::InvalidArgument(arguments.new_directory +
                                        ": it lies in the source, which salvage does not change"));
  }
  const ExitCode code = CheckMayBeMade(arguments.new_directory);
  if (code != ExitCode::kOk) return code;
  CatchInterrupts();
  Progress progress({.label = "salvage", .unit = "bytes", .total = 0, .wanted = !arguments.quiet});
  Output out(STDOUT_FILENO);
  SalvageOptions options;
  options.fs = FileSystem::Posix();
  options.source = arguments.target.directory;
  options.target = arguments.new_directory;
  options.memory_bytes = arguments.target.memory_bytes;
  options.ignore_writer = arguments.target.ignore_writer;
  options.cancelled = [] { return Interrupted(); };
  bool begun = false;
  options.target_begun = [&begun] { begun = true; };
  options.report = [&](const SalvageLoss& loss) {
    progress.Finish();
    out.Append(LossText(arguments, loss));
    out.Flush();
  };
  options.progress = [show = progress.Bytes()](std::string_view, uint64_t done, uint64_t all) {
    show(done, all);
  };
  const Result<SalvageSummary> saved = Salvage(options);
  progress.Finish();
  if (saved.status().Is(StatusCode::kCancelled)) {
    PrintError("interrupted",
               begun ? arguments.new_directory + " is not complete" : "nothing is saved",
               begun ? "remove it" : "");
    return ExitCode::kInterrupted;
  }
  if (!saved.ok()) return FailSalvage(arguments, saved.status(), begun);
  out.Append(Summary(arguments, *saved, MonotonicMicros() - start_us));
  if (saved->losses == 0) return out.Finish(ExitCode::kOk);
  return out.Finish(saved->records == 0 ? ExitCode::kIo : ExitCode::kProblem);
}

}  // namespace

void AddSalvageCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<SalvageArguments>();
  CLI::App* command =
      AddCommand(app, "salvage", "Copy what can be read of a damaged database", kSalvageExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("NEWDIR", arguments->new_directory, "Where to; missing, or empty")
      ->required()
      ->option_text(" ");
  AddMemory(command, &arguments->target);
  AddIgnoreWriter(command, &arguments->target);
  AddQuiet(command, &arguments->quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunSalvage(*arguments); });
}

}  // namespace logwood::tools
