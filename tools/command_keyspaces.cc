// logwood keyspaces: list, create and drop keyspaces.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/output.h"
#include "tools/record_format.h"
#include "tools/report.h"
#include "tools/text_codec.h"
#include "util/json_writer.h"
#include "util/status_macros.h"

namespace logwood::tools {

namespace {

constexpr const char* kKeyspacesExamples =
    R"(  logwood keyspaces /tmp/db                              list
  logwood keyspaces /tmp/db list --json                  a JSON object a keyspace
  logwood keyspaces /tmp/db create photos
  logwood keyspaces /tmp/db create notes --durability power
                                                         return when it survives loss of power
  logwood keyspaces /tmp/db drop photos                  its records are gone at once

The list shows name, number, position of the commit that made it, estimates of the entries and
bytes it holds (old versions and deletions count, too; `logwood count` is exact), and its merge
operator. Names are text with backslash escapes, here and behind --keyspace. create and drop print
the position of their commit.
A database can have 65,000 keyspaces in all its life: a dropped one's number is not given again.)";

struct KeyspacesArguments {
  Target target;
  std::string action = "list";
  std::string name;
  bool json = false;
};

std::string OperatorText(const KeyspaceInfo& info) {
  if (info.merge_operator.empty()) return "-";
  return info.merge_operator + ", version " + std::to_string(info.merge_operator_version);
}

std::string KeyspaceLine(const KeyspaceInfo& info, const RangeEstimate& estimate, bool json) {
  if (json) {
    JsonObject report;
    report.Bytes("name", info.name);
    report.Field("number", info.keyspace.number()).Field("created", info.created);
    report.Field("entries_estimate", estimate.entries).Field("bytes_estimate", estimate.bytes);
    if (!info.merge_operator.empty()) {
      report.Field("merge_operator", info.merge_operator);
      report.Field("merge_operator_version", info.merge_operator_version);
    }
    return report.Finish() + "\n";
  }
  return Encode(TextFormat::kAuto, info.name) + "\t" + std::to_string(info.keyspace.number()) +
         "\t" + std::to_string(info.created) + "\t" + std::to_string(estimate.entries) + "\t" +
         std::to_string(estimate.bytes) + "\t" + OperatorText(info) + "\n";
}

ExitCode RunList(const KeyspacesArguments& arguments) {
  std::unique_ptr<DB> db;
  const ExitCode code = OpenDirectoryForReading(arguments.target, &db);
  if (code != ExitCode::kOk) return code;
  const Result<std::vector<KeyspaceInfo>> keyspaces = db->ListKeyspaces();
  if (!keyspaces.ok())
    return CloseAfter(*db, FailAt(arguments.target, "cannot list keyspaces", keyspaces.status()));
  std::string text =
      arguments.json ? ""
                     : "name\tnumber\tcreated\tentries_estimate\tbytes_estimate\tmerge_operator\n";
  for (const KeyspaceInfo& info : *keyspaces) {
    text += KeyspaceLine(info, db->Estimate(info.keyspace, {}), arguments.json);
  }
  return CloseAfter(*db, Print(text));
}

// Creates or drops; the position of the commit.
Result<LogPos> Change(DB& db, const KeyspacesArguments& arguments) {
  const WriteOptions options{.durability = arguments.target.durability};
  if (arguments.action == "drop") return db.DropKeyspace(options, arguments.name);
  LogPos position = 0;
  RETURN_IF_ERROR(db.CreateKeyspace(options, arguments.name, &position).status());
  return position;
}

ExitCode RunChange(const KeyspacesArguments& arguments) {
  const bool create = arguments.action == "create";
  std::unique_ptr<DB> db;
  const ExitCode code =
      OpenDirectoryForWriting(arguments.target, create ? Missing::kCreate : Missing::kFail, &db);
  if (code != ExitCode::kOk) return code;
  const Result<LogPos> position = Change(*db, arguments);
  if (!position.ok()) {
    return CloseAfter(*db, FailAt(arguments.target,
                                  "cannot " + arguments.action + " keyspace " +
                                      Encode(TextFormat::kAuto, arguments.name),
                                  position.status()));
  }
  const ExitCode closed = CloseAfterWriting(*db, ExitCode::kOk);
  if (closed != ExitCode::kOk) return closed;
  JsonObject report;
  report.Bytes("keyspace", arguments.name);
  report.Field("position", *position);
  return Print(arguments.json ? report.Finish() + "\n"
                              : "position " + std::to_string(*position) + "\n");
}

ExitCode RunKeyspaces(const KeyspacesArguments& arguments) {
  const bool list = arguments.action == "list";
  if (list != arguments.name.empty()) {
    PrintError("usage", list ? "list takes no NAME" : arguments.action + " needs a NAME",
               "see `logwood keyspaces --help`");
    return ExitCode::kUsage;
  }
  const Target& target = arguments.target;
  std::string misplaced;
  if (!list && target.ignore_writer) misplaced = "--ignore-writer";
  if (!list && target.allow_damaged_log) misplaced = "--allow-damaged-log";
  if (!misplaced.empty()) misplaced += " reads only, " + arguments.action + " writes";
  if (list && target.durability != Durability::kDefault) {
    misplaced = "--durability is of writes, list reads only";
  }
  if (!misplaced.empty()) {
    PrintError("usage", misplaced, "leave it out");
    return ExitCode::kUsage;
  }
  return list ? RunList(arguments) : RunChange(arguments);
}

}  // namespace

void AddKeyspacesCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<KeyspacesArguments>();
  CLI::App* command =
      AddCommand(app, "keyspaces", "List, create or drop keyspaces", kKeyspacesExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("ACTION", arguments->action, "What to do; nothing lists them")
      ->check(CLI::IsMember({"list", "create", "drop"}).description(""))
      ->option_text("list|create|drop");
  command->add_option("NAME", arguments->name, "The keyspace")
      ->transform(KeyspaceName())
      ->option_text(" ");
  AddIgnoreWriter(command, &arguments->target);
  AddAllowDamagedLog(command, &arguments->target);
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunKeyspaces(*arguments); });
}

}  // namespace logwood::tools
