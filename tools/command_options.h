// Options that several subcommands share, each added and interpreted in one place.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/db.h"
#include "logwood/options.h"
#include "tools/exit_code.h"
#include "tools/record_format.h"
#include "tools/text_codec.h"

namespace CLI {
class App;
}

namespace logwood::tools {

// Where the explanation of an option begins in the help, and how wide it is.
inline constexpr size_t kHelpColumn = 30;
inline constexpr size_t kHelpTextColumns = 66;
// Breaks an explanation into lines of that width.
std::string Wrap(const std::string& text);

// Adds a subcommand with its help: one line of purpose, and examples under the options.
CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& purpose,
                     const std::string& examples);
// Runs `run` when `command` was chosen.
void OnRun(CLI::App* command, ExitCode* exit_code, std::function<ExitCode()> run);

// Which database, which keyspace, and how it is opened.
struct Target {
  std::string directory;
  std::string keyspace = "default";
  bool ignore_writer = false;                    // read-only commands
  uint64_t write_memory_bytes = 256ULL << 20;    // the budget of commands that write
  uint64_t read_memory_bytes = 1ULL << 30;       // of others: they hold what is not in tables
  Durability durability = Durability::kDefault;  // commands that write
};

void AddDirectory(CLI::App* command, Target* target);
void AddKeyspace(CLI::App* command, Target* target);
void AddIgnoreWriter(CLI::App* command, Target* target);
void AddMemory(CLI::App* command, Target* target);
void AddDurability(CLI::App* command, Target* target);
void AddJson(CLI::App* command, bool* json);
void AddQuiet(CLI::App* command, bool* quiet);

// --name auto|escape|raw|hex|base64.
void AddTextFormat(CLI::App* command, const std::string& name, const std::string& purpose,
                   TextFormat* format);
// --format tsv|jsonl; unset: by the file's ending.
void AddRecordFormat(CLI::App* command, std::optional<RecordFormat>* format);

// Which records of a keyspace. The texts are as typed, in key_format.
struct RangeArguments {
  std::optional<std::string> prefix, from, to;
  TextFormat key_format = TextFormat::kAuto;
};
void AddRange(CLI::App* command, RangeArguments* range);

// Decodes an argument; prints what is wrong with it and returns nullopt where it cannot be.
std::optional<std::string> DecodeArgument(std::string_view name, TextFormat format,
                                          std::string_view text);

// A decoded range, as iterators and as maintenance want it.
struct Range {
  IteratorOptions bounds;
  KeyRange keys;  // the same keys; prefix, lower and upper intersected
};
// Prints and returns nullopt like DecodeArgument.
std::optional<Range> DecodeRange(const RangeArguments& arguments);

// The smallest byte string above all that begin with `prefix`; nullopt: there is none.
std::optional<std::string> PrefixEnd(std::string_view prefix);

}  // namespace logwood::tools
