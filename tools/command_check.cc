// logwood check: reads every byte of a database and reports each damage.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/record_format.h"
#include "tools/report.h"
#include "tools/text_codec.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kCheckExamples = R"(  logwood check /tmp/db
  logwood check /tmp/db --json                           a JSON object a damage, then a summary
  logwood check /tmp/db --ignore-writer                  while an application has it open

Reads only. Exit status 0: every byte is as it was written. 3: damage; each is printed with file,
offset, and the keys and positions it may affect.)";

struct CheckArguments {
  Target target;
  bool quiet = false;
  bool json = false;
};

std::string DamageJson(const Damage& damage) {
  JsonObject json;
  json.Field("file", damage.file).Field("offset", damage.offset).Field("what", damage.what);
  std::string keys = "{";
  AppendJsonBytes("first", damage.first_key, &keys);
  keys.push_back(',');
  AppendJsonBytes("last", damage.last_key, &keys);
  json.Raw("keys", keys + "}");
  json.Field("first_position", damage.first_position);
  json.Field("last_position", damage.last_position);
  return json.Finish() + "\n";
}

std::string DamageText(const Damage& damage) {
  std::string text =
      "damage: " + damage.file + ":" + std::to_string(damage.offset) + ": " + damage.what;
  if (!damage.first_key.empty() || !damage.last_key.empty()) {
    text += "; keys " + Encode(TextFormat::kAuto, damage.first_key) + " to " +
            Encode(TextFormat::kAuto, damage.last_key);
  }
  if (damage.last_position != 0) {
    text += "; positions " + std::to_string(damage.first_position) + " to " +
            std::to_string(damage.last_position);
  }
  return text + "\n";
}

std::string TailText(const RecoveryInfo& recovery) {
  return "note: " + recovery.unproven_tail_file + ":" +
         std::to_string(recovery.unproven_tail_offset) + ": " +
         HumanBytes(recovery.unproven_tail_bytes) +
         " behind the last good commit were never acknowledged as durable; opening for writing "
         "leaves them behind\n";
}

std::string Summary(const CheckArguments& arguments, DB& db, uint64_t damages, uint64_t bytes,
                    uint64_t micros) {
  const RecoveryInfo recovery = db.GetRecoveryInfo();
  if (arguments.json) {
    JsonObject json;
    json.Field("ok", damages == 0).Field("damages", damages).Field("bytes", bytes);
    json.Field("micros", micros).Field("position", db.LastPosition());
    json.Field("unproven_tail_bytes", recovery.unproven_tail_bytes);
    return json.Finish() + "\n";
  }
  std::string text = recovery.unproven_tail_bytes > 0 ? TailText(recovery) : "";
  if (arguments.quiet && damages == 0) return text;
  text += damages == 0 ? "ok: " : std::to_string(damages) + " damages: ";
  text += HumanBytes(bytes) + " read in " + HumanMicros(micros) + ", up to position " +
          std::to_string(db.LastPosition());
  return text + "\n";
}

ExitCode RunCheck(const CheckArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  std::unique_ptr<DB> db;
  ExitCode code = OpenDirectoryForReading(arguments.target, &db);
  if (code != ExitCode::kOk) return code;
  Progress progress({.label = "check", .unit = "bytes", .total = 0, .wanted = !arguments.quiet});
  Output out(STDOUT_FILENO);
  uint64_t damages = 0;
  uint64_t bytes_read = 0;
  const Status status = db->Verify(
      [&](const Damage& damage) {
        ++damages;
        progress.Finish();
        out.Append(arguments.json ? DamageJson(damage) : DamageText(damage));
        out.Flush();
      },
      [&](uint64_t done, uint64_t all) {
        bytes_read = done;
        progress.SetTotal(all);
        progress.Update(done, done);
      });
  progress.Finish();
  if (!status.ok() && !(status.Is(StatusCode::kCorruption) && damages > 0)) {
    return CloseAfter(*db, Fail("cannot check", status));
  }
  out.Append(Summary(arguments, *db, damages, bytes_read, MonotonicMicros() - start_us));
  return CloseAfter(*db, out.Finish(damages == 0 ? ExitCode::kOk : ExitCode::kIo));
}

}  // namespace

void AddCheckCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<CheckArguments>();
  // A damaged log is what the check is to report; opening must not stop at it.
  arguments->target.allow_damaged_log = true;
  CLI::App* command =
      AddCommand(app, "check", "Read every byte and report each damage", kCheckExamples);
  AddDirectory(command, &arguments->target);
  AddIgnoreWriter(command, &arguments->target);
  AddQuiet(command, &arguments->quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunCheck(*arguments); });
}

}  // namespace logwood::tools
