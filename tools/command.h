// The `logwood` command: one function per subcommand adds it to the parser. Each of them lives in
// command_<name>.cc; what they share is in command_options.h and command_open.h.
#pragma once

#include "tools/exit_code.h"

namespace CLI {
class App;
}

namespace logwood::tools {

inline constexpr char kOutOfMemory[] =
    "logwood: out of memory: the system gives no more; what was begun is not complete\n";

// Parses the arguments, runs the subcommand, returns what the process exits with.
int RunCommandLine(int argc, char** argv);

// Each adds its subcommand(s) to `app`; running one stores how it went in `exit_code`, which must
// outlive `app`.
void AddPutCommand(CLI::App& app, ExitCode* exit_code);
void AddMergeCommand(CLI::App& app, ExitCode* exit_code);
void AddGetCommand(CLI::App& app, ExitCode* exit_code);
void AddDeleteCommand(CLI::App& app, ExitCode* exit_code);
void AddDeleteRangeCommand(CLI::App& app, ExitCode* exit_code);
void AddScanCommand(CLI::App& app, ExitCode* exit_code);
void AddCountCommand(CLI::App& app, ExitCode* exit_code);
void AddLoadCommand(CLI::App& app, ExitCode* exit_code);
void AddExportCommand(CLI::App& app, ExitCode* exit_code);
void AddStatsCommand(CLI::App& app, ExitCode* exit_code);
void AddCheckCommand(CLI::App& app, ExitCode* exit_code);
void AddSalvageCommand(CLI::App& app, ExitCode* exit_code);
void AddCompactCommand(CLI::App& app, ExitCode* exit_code);
void AddKeyspacesCommand(CLI::App& app, ExitCode* exit_code);

}  // namespace logwood::tools
