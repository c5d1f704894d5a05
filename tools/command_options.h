// Options that several subcommands share, each added and interpreted in one place.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
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
class Validator;
}  // namespace CLI

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
  std::optional<std::string> keyspace;                       // not given: "default"
  bool all_keyspaces = false;                                // export, load, count
  bool ignore_writer = false;                                // read-only commands
  bool allow_damaged_log = false;                            // read-only commands
  bool quiet = false;                                        // long commands
  uint64_t memory_bytes = 256ULL << 20;                      // commands that write
  Durability durability = Durability::kDefault;              // commands that write
  std::shared_ptr<const MergeOperator> merge_operator = {};  // merge: what the keyspace is to have

  std::string keyspace_name() const { return keyspace.value_or("default"); }
};

// Keyspace names on the command line are in format auto, as they are printed.
CLI::Validator KeyspaceName();
// Bytes, as a number with or without KiB, MiB, GiB behind it.
CLI::Validator SizeText();

// Of bytes that SizeText has read; `rule` is what it says of others.
CLI::Validator SizeBetween(uint64_t min, uint64_t max, const std::string& rule);

// A whole number from 1 on.
CLI::Validator NumberUpTo(uint64_t max);
// Prints that --format and --json exclude each other and returns true where both were given.
bool FormatBesideJson(const CLI::App& command);

void AddDirectory(CLI::App* command, Target* target);
void AddKeyspace(CLI::App* command, Target* target,
                 const std::string& purpose = "The keyspace; without it \"default\"");
// Behind AddKeyspace: the two exclude each other.
void AddAllKeyspaces(CLI::App* command, Target* target, const std::string& purpose);
void AddIgnoreWriter(CLI::App* command, Target* target);
void AddAllowDamagedLog(CLI::App* command, Target* target);
// `whose` may hold so much.
void AddMemory(CLI::App* command, Target* target, const std::string& whose = "the database");
void AddDurability(CLI::App* command, Target* target);
// "30s", "20m", "1h", "7d" and "500ms"; nullopt: another text, nothing, or more than kTtlMax.
std::optional<std::chrono::microseconds> ParseTtl(std::string_view text);
// 0 where it is not given. `what` lasts so long.
void AddTtl(CLI::App* command, std::chrono::microseconds* ttl, const std::string& what);
void AddJson(CLI::App* command, bool* json, const std::string& purpose = "Answer in JSON");
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
void AddLimit(CLI::App* command, uint64_t* limit, const std::string& purpose = "At most this many");
void AddReverse(CLI::App* command, bool* reverse);

// Decodes an argument; prints what is wrong with it and returns nullopt where it cannot be.
std::optional<std::string> DecodeArgument(std::string_view name, TextFormat format,
                                          std::string_view text);

// A decoded range, as iterators and as maintenance want it.
struct Range {
  IteratorOptions bounds;
  KeyRange keys;  // the same keys; prefix, lower and upper intersected
};
// Prints and returns nullopt like DecodeArgument.
std::optional<Range> DecodeRange(const RangeArguments& arguments, bool may_note);

}  // namespace logwood::tools
