// logwood stats: what the database knows about itself.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>

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

The command opens the database itself, for reading. Levels, sizes, positions and the settings
"stored with the database" are the database's. Memory, counts, times, level targets and the settings
marked "this command" are those of that open: an application that has the database open has its own
(DB::GetStats).)";

// Settings with this source are the database's own; the others belong to whoever opens it.
constexpr std::string_view kStoredSource = "stored with the database";

constexpr const char* kOwnOpenText =
    "\nThis command opened the database itself: memory, counts, times, level targets and the "
    "settings\n"
    "marked \"this command\" are its own, not those of an application that has it open.\n";

struct StatsArguments {
  Target target;
  bool json = false;
  bool prometheus = false;
};

ExitCode RunStats(const StatsArguments& arguments) {
  std::unique_ptr<DB> db;
  const ExitCode code = OpenDirectoryForReading(arguments.target, &db);
  if (code != ExitCode::kOk) return code;
  Stats stats = db->GetStats();
  for (Setting& setting : stats.settings) {
    if (setting.source == kStoredSource) continue;
    setting.source = setting.source == "given" ? "this command" : "this command, " + setting.source;
  }
  std::string text = arguments.json         ? stats.ToJson()
                     : arguments.prometheus ? stats.ToPrometheus()
                                            : stats.ToText() + kOwnOpenText;
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
  AddAllowDamagedLog(command, &arguments->target);
  AddJson(command, &arguments->json);
  command->add_flag("--prometheus", arguments->prometheus, "Answer as Prometheus text")
      ->excludes("--json")
      ->option_text(" ");
  command->get_option("--json")->option_text(" ");
  OnRun(command, exit_code, [arguments] { return RunStats(*arguments); });
}

}  // namespace logwood::tools
