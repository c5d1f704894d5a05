#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/command.h"
#include "tools/command_options.h"
#include "tools/interrupt.h"
#include "tools/output.h"
#include "tools/report.h"

namespace logwood::tools {

namespace {

constexpr const char* kAbout =
    "Looks into, changes, fills, checks, salvages and compacts a Logwood database, one "
    "directory.\n";

constexpr const char* kLineExamples = R"(Examples:
  logwood put /tmp/db planet/3 earth          write one record
  logwood get /tmp/db planet/3                read it
  logwood scan /tmp/db --prefix planet/       list records in key order
  logwood load /tmp/db records.tsv            a record a line: key<TAB>value
  logwood export /tmp/db > records.tsv        the same bytes back, in key order
  logwood stats /tmp/db                       levels, sizes, amplification
  logwood check /tmp/db                       read every byte, report each damage
  logwood salvage /tmp/db /tmp/saved          copy what can be read of a damaged one

`logwood COMMAND --help` explains a command and shows examples of it.
Exit status: 0 ok; 1 found nothing, or a problem; 2 wrong usage; 3 I/O error, damage, a
directory that another process has open, or no memory; 4 the condition of a write does not hold;
130 interrupted.
)";

// How far a name may be from the one that is meant.
constexpr size_t kEditsMax = 2;

void AddCommands(CLI::App& app, ExitCode* exit_code) {
  AddPutCommand(app, exit_code);
  AddMergeCommand(app, exit_code);
  AddGetCommand(app, exit_code);
  AddDeleteCommand(app, exit_code);
  AddDeleteRangeCommand(app, exit_code);
  AddScanCommand(app, exit_code);
  AddCountCommand(app, exit_code);
  AddLoadCommand(app, exit_code);
  AddExportCommand(app, exit_code);
  AddStatsCommand(app, exit_code);
  AddCheckCommand(app, exit_code);
  AddSalvageCommand(app, exit_code);
  AddCompactCommand(app, exit_code);
  AddKeyspacesCommand(app, exit_code);
}

// The command line up to the subcommand: "logwood put".
std::string CommandName(const CLI::App& app) {
  std::string name = "logwood";
  for (const CLI::App* chosen : app.get_subcommands()) name += " " + chosen->get_name();
  return name;
}

bool HasCommand(CLI::App& app, const std::string& name) {
  return !app.get_subcommands([&name](CLI::App* command) { return command->get_name() == name; })
              .empty();
}

ExitCode PrintHelp(const std::string& text) {
  Output out(STDOUT_FILENO);
  out.Append(text);
  return out.Finish(ExitCode::kOk);
}

ExitCode NoCommand(const std::string& name) {
  PrintError("usage", "there is no command \"" + name + "\"", "see `logwood --help`");
  return ExitCode::kUsage;
}

// `logwood help`, `logwood help COMMAND`: what others' habits type.
ExitCode HelpOn(CLI::App& app, int argc, char** argv) {
  if (argc == 2) return PrintHelp(app.help());
  if (!HasCommand(app, argv[2])) return NoCommand(argv[2]);
  return PrintHelp(app.get_subcommand(argv[2])->help("logwood"));
}

// How many letters have to be added, left out or changed to make the one word of the other.
size_t EditDistance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// What the command does not know and what looks like an option; empty: nothing.
std::string UnknownOption(const CLI::App& app) {
  for (const std::string& word : app.remaining(true)) {
    if (word == "--") break;  // behind it there are none
    if (word.size() > 1 && word[0] == '-') return word.substr(0, word.find('='));
  }
  return "";
}

// The option that may have been meant; empty: none is close.
std::string CloseOption(const CLI::App& app, const std::string& unknown) {
  std::string_view name = unknown;
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  size_t least = std::min<size_t>(kEditsMax + 1, name.size());
  std::string close;
  for (const CLI::App* command : app.get_subcommands()) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& known : option->get_lnames()) {
        const size_t distance = EditDistance(name, known);
        if (distance >= least) continue;
        least = distance;
        close = "--" + known;
      }
    }
  }
  return close;
}

void PrintUsageError(const CLI::App& app, const std::string& error) {
  const std::string help = "see `" + CommandName(app) + " --help`";
  const std::string unknown = UnknownOption(app);
  if (unknown.empty()) {
    PrintError("usage", error, help);
    return;
  }
  const std::string close = CloseOption(app, unknown);
  PrintError("usage", "unknown option " + unknown,
             close.empty() ? help : "did you mean " + close + "?");
}

ExitCode Parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);  // runs the command
    return ExitCode::kOk;
  } catch (const CLI::CallForHelp&) {
    return PrintHelp(app.help());
  } catch (const CLI::CallForVersion& version) {
    return PrintHelp(std::string(version.what()) + "\n");
  } catch (const CLI::ExtrasError&) {
    std::string extras;
    for (const std::string& extra : app.remaining(true)) extras += " " + extra;
    PrintUsageError(app, "more than it takes:" + extras);
  } catch (const CLI::ParseError& error) {
    PrintUsageError(app, error.what());
  } catch (const std::bad_alloc&) {  // invariant 28
    std::fputs(kOutOfMemory, stderr);
    return ExitCode::kIo;
  }
  return ExitCode::kUsage;
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  IgnoreWriteSignals();
  CLI::App app(kAbout, "logwood");
  app.footer(kLineExamples);
  app.require_subcommand(1);
  app.set_version_flag("--version", "logwood " LOGWOOD_VERSION_STRING, "Print the version");
  app.get_formatter()->column_width(kHelpColumn);
  ExitCode exit_code = ExitCode::kOk;
  AddCommands(app, &exit_code);
  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return static_cast<int>(ExitCode::kUsage);
  }
  const std::string first = argv[1];
  if (first == "help") return static_cast<int>(HelpOn(app, argc, argv));
  if (first[0] != '-' && !HasCommand(app, first)) return static_cast<int>(NoCommand(first));
  if (first[0] == '-' && argc > 2 && HasCommand(app, argv[2])) {
    PrintError("usage",
               "options come behind the command: logwood " + std::string(argv[2]) + " " + first,
               "see `logwood " + std::string(argv[2]) + " --help`");
    return static_cast<int>(ExitCode::kUsage);
  }
  const ExitCode parsed = Parse(app, argc, argv);
  return static_cast<int>(parsed == ExitCode::kOk ? exit_code : parsed);
}

}  // namespace logwood::tools
