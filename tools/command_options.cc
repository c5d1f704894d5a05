#include "tools/command_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <system_error>
#include <utility>

#include "tools/report.h"
#include "util/internal_key.h"

namespace logwood::tools {

namespace {

constexpr uint64_t kLimitMax = uint64_t{1} << 53;

const std::map<std::string, TextFormat>& TextFormats() {
  static const std::map<std::string, TextFormat> formats = {
      {"auto", TextFormat::kAuto}, {"escape", TextFormat::kEscape}, {"raw", TextFormat::kRaw},
      {"hex", TextFormat::kHex},   {"base64", TextFormat::kBase64},
  };
  return formats;
}

}  // namespace

std::string Wrap(const std::string& text) {
  std::string wrapped;
  size_t column = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (column > 0 && column + 1 + end - begin > kHelpTextColumns) {
      wrapped.push_back('\n');
      column = 0;
    } else if (column > 0) {
      wrapped.push_back(' ');
      ++column;
    }
    wrapped.append(text, begin, end - begin);
    column += end - begin;
    begin = end + 1;
  }
  return wrapped;
}

CLI::App* AddCommand(CLI::App& app, const std::string& name, const std::string& purpose,
                     const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, purpose);
  command->footer("Examples:\n" + examples + "\n");
  return command;
}

void OnRun(CLI::App* command, ExitCode* exit_code, std::function<ExitCode()> run) {
  command->callback([exit_code, run = std::move(run)] { *exit_code = run(); });
}

void AddDirectory(CLI::App* command, Target* target) {
  command->add_option("DIR", target->directory, "The database's directory")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.empty() ? std::string("it is empty, and no directory") : std::string();
          },
          "", ""))
      ->option_text(" ");
}

namespace {

// Names for values; says what would have been right.
template <typename Value>
CLI::Validator OneOf(const std::map<std::string, Value>& names) {
  std::string rule = "it must be";
  for (const auto& [name, value] : names) {
    rule += (rule.ends_with("be") ? " " : " or ") + name;
  }
  const CLI::Validator known = CLI::CheckedTransformer(names);
  return CLI::Validator(
      [known, rule](std::string& text) {
        const std::string given = text;
        if (known(text).empty()) return std::string();
        return "\"" + given + "\" is none of them: " + rule;
      },
      "", "");
}

}  // namespace

CLI::Validator SizeText() {
  return CLI::Validator(
      [](std::string& text) {
        const std::string given = text;
        try {
          if (CLI::AsSizeValue(false)(text).empty()) return std::string();
        } catch (const CLI::ValidationError&) {  // a unit that it does not know
        }
        return "\"" + given + "\" is no size: write a number of bytes, or 64KiB, 256MiB, 2GiB";
      },
      "", "");
}

CLI::Validator SizeBetween(uint64_t min, uint64_t max, const std::string& rule) {
  return CLI::Validator(
      [=](const std::string& text) {
        const uint64_t bytes = std::strtoull(text.c_str(), nullptr, 10);
        return bytes >= min && bytes <= max ? std::string() : rule;
      },
      "", "");
}

CLI::Validator NumberUpTo(uint64_t max) {
  return CLI::Validator(
      [max](std::string& text) {
        uint64_t number = 0;
        const char* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, number);
        const std::string rule = "it must be 1 to " + std::to_string(max);
        if (at != end || error == std::errc::invalid_argument) {
          return "\"" + text + "\" is no number: " + rule;
        }
        const bool good = error == std::errc() && number >= 1 && number <= max;
        return good ? std::string() : rule;
      },
      "", "");
}

bool FormatBesideJson(const CLI::App& command) {
  if (command.count("--format") == 0 || command.count("--json") == 0) return false;
  PrintError("usage", "--format with --json", "JSON has its own form for bytes; leave out one");
  return true;
}

CLI::Validator KeyspaceName() {
  return CLI::Validator(
      [](std::string& text) {
        std::optional<std::string> name = Decode(TextFormat::kAuto, text);
        if (!name.has_value()) return std::string(TextFormatRule(TextFormat::kAuto));
        text = std::move(*name);
        return std::string();
      },
      "", "");
}

void AddKeyspace(CLI::App* command, Target* target, const std::string& purpose) {
  command->add_option("-k,--keyspace", target->keyspace, Wrap(purpose))
      ->transform(KeyspaceName())
      ->option_text("NAME");
}

void AddAllKeyspaces(CLI::App* command, Target* target, const std::string& purpose) {
  command->add_flag("--all-keyspaces", target->all_keyspaces, Wrap(purpose))
      ->excludes("--keyspace")
      ->option_text(" ");
}

void AddIgnoreWriter(CLI::App* command, Target* target) {
  command->add_flag(
      "--ignore-writer", target->ignore_writer,
      Wrap("Read although another process has the directory open for writing: the state "
           "found there, without what it commits later"));
}

void AddAllowDamagedLog(CLI::App* command, Target* target) {
  command->add_flag("--allow-damaged-log", target->allow_damaged_log,
                    Wrap("Read what lies before damage of the log instead of failing"));
}

void AddMemory(CLI::App* command, Target* target, const std::string& whose) {
  command
      ->add_option("--memory", target->memory_bytes,
                   Wrap("Everything " + whose + " may hold in memory; 256MiB without it"))
      ->transform(SizeText())
      ->check(SizeBetween(kMemoryBudgetBytesMin, kMemoryBudgetBytesMax, "it must be 1MiB to 64TiB"))
      ->option_text("SIZE");
}

void AddDurability(CLI::App* command, Target* target) {
  static const std::map<std::string, Durability> levels = {{"process", Durability::kProcess},
                                                           {"power", Durability::kPower}};
  command
      ->add_option("--durability", target->durability,
                   Wrap("What a write survives when it returns: the death of the process (kill -9 "
                        "included), or loss of power too; without it as stored with the "
                        "database, first process"))
      ->transform(OneOf(levels))
      ->option_text("process|power");
}

std::optional<std::chrono::microseconds> ParseTtl(std::string_view text) {
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {{"ms", 1'000},
                                                              {"s", 1'000'000},
                                                              {"m", 60'000'000},
                                                              {"h", 3'600'000'000},
                                                              {"d", 86'400'000'000}};
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number == 0) return std::nullopt;
  const std::string_view unit(at, static_cast<size_t>(end - at));
  for (const auto& [name, micros] : kUnits) {
    if (unit != name) continue;
    if (number > static_cast<uint64_t>(kTtlMax.count()) / micros) return std::nullopt;
    return std::chrono::microseconds(number * micros);
  }
  return std::nullopt;
}

void AddTtl(CLI::App* command, std::chrono::microseconds* ttl, const std::string& what) {
  const auto take = [ttl](const std::string& text) {
    const std::optional<std::chrono::microseconds> given = ParseTtl(text);
    if (!given.has_value()) {
      throw CLI::ValidationError("--ttl", "\"" + text +
                                              "\" is no time to live: write 500ms, 30s, 20m, 1h or "
                                              "7d, at most 365250d");
    }
    *ttl = *given;
  };
  command
      ->add_option_function<std::string>(
          "--ttl", take, Wrap(what + " for so long, then it is there no more; without it for ever"))
      ->option_text("TIME");
}

void AddJson(CLI::App* command, bool* json, const std::string& purpose) {
  command->add_flag("--json", *json, Wrap(purpose));
}

void AddQuiet(CLI::App* command, bool* quiet) {
  command->add_flag("-q,--quiet", *quiet,
                    Wrap("No progress bar, no summary, no note; what --json asks for is printed"));
}

void AddTextFormat(CLI::App* command, const std::string& name, const std::string& purpose,
                   TextFormat* format) {
  command->add_option(name, *format, Wrap(purpose + ": auto, escape, raw, hex, base64"))
      ->transform(OneOf(TextFormats()))
      ->option_text("FORMAT");
}

void AddRecordFormat(CLI::App* command, std::optional<RecordFormat>* format) {
  static const std::map<std::string, RecordFormat> formats = {{"tsv", RecordFormat::kTsv},
                                                              {"jsonl", RecordFormat::kJsonLines}};
  command
      ->add_option_function<RecordFormat>(
          "--format", [format](const RecordFormat& chosen) { *format = chosen; },
          Wrap("A record a line: key<TAB>value with backslash escapes, or JSON lines; without it "
               "by the "
               "file's ending, else tsv"))
      ->transform(OneOf(formats))
      ->option_text("tsv|jsonl");
}

void AddRange(CLI::App* command, RangeArguments* range) {
  command->add_option("-p,--prefix", range->prefix, "Only keys that begin with this")
      ->option_text("KEY");
  command->add_option("--from", range->from, "Only this key and those after it")
      ->option_text("KEY");
  command->add_option("--to", range->to, "Only keys before this one")->option_text("KEY");
  AddTextFormat(command, "--key-format", "How keys are written on the command line",
                &range->key_format);
}

void AddLimit(CLI::App* command, uint64_t* limit, const std::string& purpose) {
  command->add_option("-n,--limit", *limit, purpose)
      ->check(NumberUpTo(kLimitMax))
      ->option_text("N");
}

void AddReverse(CLI::App* command, bool* reverse) {
  command->add_flag("-r,--reverse", *reverse, "From the last key to the first");
}

std::optional<std::string> DecodeArgument(std::string_view name, TextFormat format,
                                          std::string_view text) {
  std::optional<std::string> bytes = Decode(format, text);
  if (!bytes.has_value()) {
    PrintError("usage",
               std::string(name) + " \"" + std::string(text) + "\" is not in format " +
                   std::string(TextFormatName(format)),
               TextFormatRule(format));
  }
  return bytes;
}

std::optional<Range> DecodeRange(const RangeArguments& arguments, bool may_note) {
  Range range;
  const auto decode = [&](std::string_view name, const std::optional<std::string>& text,
                          std::optional<std::string>* bytes) {
    if (!text.has_value()) return true;
    *bytes = DecodeArgument(name, arguments.key_format, *text);
    return bytes->has_value();
  };
  std::optional<std::string> prefix;
  if (!decode("--prefix", arguments.prefix, &prefix) ||
      !decode("--from", arguments.from, &range.bounds.lower) ||
      !decode("--to", arguments.to, &range.bounds.upper)) {
    return std::nullopt;
  }
  range.bounds.fill_cache = false;
  range.keys = {.begin = range.bounds.lower, .end = range.bounds.upper};
  if (prefix.has_value()) {
    range.bounds.prefix = *prefix;
    if (!range.keys.begin.has_value() || *range.keys.begin < *prefix) range.keys.begin = prefix;
    const std::string end = PrefixEnd(*prefix);
    if (!end.empty() && (!range.keys.end.has_value() || end < *range.keys.end)) {
      range.keys.end = end;
    }
  }
  if (may_note && range.keys.end.has_value() && range.keys.begin.value_or("") >= *range.keys.end) {
    PrintError("note", "no key can lie in this range",
               "--from is part of it, --to is not, and --prefix narrows it");
  }
  return range;
}

}  // namespace logwood::tools
