// logwood check: reads every byte of a database and reports each damage.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "db/directory_check.h"
#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/damage_format.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kCheckExamples = R"(  logwood check /tmp/db
  logwood check /tmp/db --json                           a JSON object a damage, then a summary
  logwood check /tmp/db --ignore-writer                  while an application has it open

Reads only, also what does not open any more. Exit status 0: no damage. 3: damage;
each is printed with file, offset, and the keys and positions it may affect. A note is no damage: it
tells what a crash may leave, and rotten bytes behind the last durable commit look the same. Where
whole commits lie behind such bytes the last line says so, and opening for writing discards them.
`logwood salvage` copies what can still be read, those commits too.)";

struct CheckArguments {
  Target target;
  bool quiet = false;
  bool json = false;
};

std::string FindingText(const CheckArguments& arguments, const char* kind, const Damage& damage) {
  if (!arguments.json) return std::string(kind) + ": " + DamageText(damage) + "\n";
  JsonObject json;
  json.Field("kind", kind);
  AddDamage(damage, &json);
  return json.Finish() + "\n";
}

std::string Summary(const CheckArguments& arguments, const DirectoryCheckSummary& found,
                    uint64_t micros) {
  if (arguments.json) {
    JsonObject json;
    json.Field("ok", found.damages == 0).Field("damages", found.damages);
    json.Field("bytes", found.bytes).Field("micros", micros);
    json.Field("tables", found.tables).Field("segments", found.segments);
    json.Field("position", found.last_position).Field("durable_position", found.durable_point);
    json.Field("unproven_tail_bytes", found.unproven_tail_bytes);
    json.Field("unproven_tail_commits", found.unproven_tail_commits);
    json.Field("manifest_is_certain", found.manifest_is_certain);
    return json.Finish() + "\n";
  }
  const bool has_whole_tail = found.unproven_tail_commits > 0;
  if (arguments.quiet && found.damages == 0 && !has_whole_tail) return "";
  std::string text = found.damages == 1  ? "1 damage: "
                     : found.damages > 1 ? std::to_string(found.damages) + " damages: "
                     : has_whole_tail    ? "ok, but for what opening for writing discards: "
                                         : "ok: ";
  text += HumanBytes(found.bytes) + " read in " + HumanMicros(micros) + ", up to position " +
          std::to_string(found.last_position) + "\n";
  if (has_whole_tail) {
    text += "opening for writing discards " + Counted(found.unproven_tail_commits, "whole commit") +
            " behind that position; before that " + SalvageCommand(arguments.target.directory) +
            " copies " + (found.unproven_tail_commits == 1 ? "it" : "them") + "\n";
  }
  if (found.damages > 0) {
    text += SalvageCommand(arguments.target.directory) +
            " copies what can be read; docs/recovery.md says what else can be done\n";
  }
  return text;
}

// A reader's lock, unless it is to be done without.
ExitCode LockDirectory(const Target& target, std::unique_ptr<FileLock>* lock) {
  if (target.ignore_writer) return ExitCode::kOk;
  Result<std::unique_ptr<FileLock>> taken =
      FileSystem::Posix()->Lock(target.directory + "/LOCK", LockMode::kShared);
  if (taken.ok()) {
    *lock = std::move(*taken);
    return ExitCode::kOk;
  }
  if (taken.status().Is(StatusCode::kNotFound)) return ExitCode::kOk;  // nobody holds it
  if (IsNoDirectory(target.directory)) return FailWithoutDatabase(target, "check");
  return Fail(
      "cannot check " + target.directory, taken.status(),
      IsInUse(taken.status())
          ? "another process has it open for writing: --ignore-writer checks it all the same"
          : "");
}

ExitCode RunCheck(const CheckArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  std::unique_ptr<FileLock> lock;
  const ExitCode code = LockDirectory(arguments.target, &lock);
  if (code != ExitCode::kOk) return code;
  Progress progress({.label = "check", .unit = "bytes", .total = 0, .wanted = !arguments.quiet});
  Output out(STDOUT_FILENO);
  const auto print = [&](const char* kind, const Damage& damage) {
    progress.Finish();
    out.Append(FindingText(arguments, kind, damage));
    out.Flush();
  };
  DirectoryCheckOptions options;
  options.fs = FileSystem::Posix();
  options.path = arguments.target.directory;
  options.beside_writer = arguments.target.ignore_writer;
  options.damage = [&](const Damage& damage) { print("damage", damage); };
  options.note = [&](const Damage& note) {
    if (arguments.json || !arguments.quiet) print("note", note);
  };
  options.progress = progress.Bytes();
  const Result<DirectoryCheckSummary> found = CheckDirectory(options);
  progress.Finish();
  if (found.status().Is(StatusCode::kNotFound) || IsNoDirectory(arguments.target.directory)) {
    return FailWithoutDatabase(arguments.target, "check");
  }
  if (!found.ok()) return FailOpening(arguments.target, found.status());
  out.Append(Summary(arguments, *found, MonotonicMicros() - start_us));
  return out.Finish(found->damages == 0 ? ExitCode::kOk : ExitCode::kIo);
}

}  // namespace

void AddCheckCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* command =
      AddCommand(app, "check", "Read every byte and report each damage", kCheckExamples);
  AddDirectory(command, &arguments->target);
  AddIgnoreWriter(command, &arguments->target);
  AddQuiet(command, &arguments->quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunCheck(*arguments); });
}

}  // namespace logwood::tools
