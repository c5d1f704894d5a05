// logwood stats: what the database knows about itself.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/output.h"

namespace logwood::tools {

namespace {

constexpr const char* kStatsExamples = R"(  logwood stats /tmp/db
  logwood stats /tmp/db --json | jq .space_amplification
  logwood stats /tmp/db --prometheus
  logwood stats /tmp/db --ignore-writer                  while an application has it open

Counts since open belong to this command's own open; a running application has its own
(DB::GetStats).)";

struct StatsArguments {
  Target target;
  bool json = false;
  bool prometheus = false;
};

ExitCode RunStats(const StatsArguments& arguments) {
  std::unique_ptr<DB> db;
  const ExitCode code = OpenDirectoryForReading(arguments.target, {}, &db);
  if (code != ExitCode::kOk) return code;
  const Stats stats = db->GetStats();
  std::string text = arguments.json         ? stats.ToJson()
                     : arguments.prometheus ? stats.ToPrometheus()
                                            : stats.ToText();
  if (!text.ends_with('\n')) text.push_back('\n');
  return CloseAfter(*db, Print(text));
}

}  // namespace

void AddStatsCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<StatsArguments>();
  CLI::App* command =
      AddCommand(app, "stats", "Print levels, sizes, amplification, settings", kStatsExamples);
  AddDirectory(command, &arguments->target);
  AddIgnoreWriter(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  command->add_flag("--prometheus", arguments->prometheus, "Answer as Prometheus text")
      ->excludes("--json");
  OnRun(command, exit_code, [arguments] { return RunStats(*arguments); });
}

}  // namespace logwood::tools
