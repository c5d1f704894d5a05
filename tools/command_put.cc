// logwood put, logwood delete: one commit each.
#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "logwood/merge_operator.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/input.h"
#include "tools/numbers.h"
#include "tools/output.h"
#include "tools/report.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kPutExamples =
    R"(  logwood put /tmp/db planet/3 earth
  logwood put /tmp/db planet/3 earth --durability power   return when it survives loss of power
  logwood put /tmp/db planet/9 new --if-absent            or leave what is there, status 4
  logwood put /tmp/db planet/3 mars --if earth            in place of this value, or status 4
  logwood put /tmp/db session/17 anna --ttl 20m           for so long: 30s, 20m, 1h, 7d
  logwood put /tmp/db lock anna --if-absent --ttl 30s     a lock that goes by itself
  logwood put /tmp/db --keyspace photos 0001 --value-file a.jpg
  gzip -c notes | logwood put /tmp/db notes.gz --value-file -
  logwood put /tmp/db --key-format hex 00ff 'tab\there'
  logwood put /tmp/db -- -5 minus-five                    "--" before a key that begins with "-"

Keys and values are text with backslash escapes (\t \n \r \\ \xNN) unless --key-format and
--value-format say otherwise; in a keyspace whose merge operator is one of numbers (add_int64, say)
a value is a decimal number. A missing database or keyspace is created, but not with --if; a missing
parent of DIR never is. Prints the position of the commit. Exit status 4: the condition does not
hold, nothing is changed.)";

constexpr const char* kDeleteExamples =
    R"(  logwood delete /tmp/db planet/9
  logwood delete /tmp/db --keyspace photos 0001
  logwood delete /tmp/db --key-format hex 00ff --durability power
  logwood delete /tmp/db ab --if v                        only this value of it

Deleting a key that is not there is no error, but with --if: then it is exit status 4, as another
value is. Prints the position of the commit.)";

struct PutArguments {
  Target target;
  std::string key, value, value_file;
  std::optional<std::string> expected;  // --if
  TextFormat key_format = TextFormat::kAuto;
  TextFormat value_format = TextFormat::kAuto;
  std::chrono::microseconds ttl{0};
  bool has_value = false;
  bool if_absent = false;
  bool json = false;
};

struct DeleteArguments {
  Target target;
  std::string key;
  std::optional<std::string> expected;  // --if
  TextFormat key_format = TextFormat::kAuto;
  TextFormat value_format = TextFormat::kAuto;
  bool json = false;
};

// Of the option or argument `name`. Before the database is opened: what cannot be read leaves no
// empty one behind.
ExitCode DecodeValue(std::string_view name, TextFormat format, const std::string& text,
                     std::string* value) {
  std::optional<std::string> bytes = DecodeArgument(name, format, text);
  if (!bytes.has_value()) return ExitCode::kUsage;
  *value = std::move(*bytes);
  return ExitCode::kOk;
}

// Behind the open, when it is known that values are numbers: `text` as one.
ExitCode DecodeNumber(std::string_view name, const std::string& text, std::string* value) {
  std::optional<std::string> bytes =
      EncodeNumber(name, text,
                   "this keyspace holds whole numbers of 64 bits, such as 5 or -3; "
                   "--value-format escape takes bytes");
  if (!bytes.has_value()) return ExitCode::kUsage;
  *value = std::move(*bytes);
  return ExitCode::kOk;
}

ExitCode ReadValue(const PutArguments& arguments, std::string* value) {
  if (arguments.has_value == !arguments.value_file.empty()) {
    PrintError("usage", "put needs either VALUE or --value-file", "see `logwood put --help`");
    return ExitCode::kUsage;
  }
  if (arguments.has_value) {
    return DecodeValue("VALUE", arguments.value_format, arguments.value, value);
  }
  if (arguments.value_format != TextFormat::kAuto && !arguments.expected.has_value()) {
    PrintError("usage", "--value-format is of VALUE; the bytes of a file are stored as they are",
               "leave it out");
    return ExitCode::kUsage;
  }
  Result<std::unique_ptr<Input>> input = Input::Open(arguments.value_file);
  if (!input.ok()) return Fail("cannot read the value", input.status());
  Result<std::string> bytes = (*input)->ReadAll(kBatchBytesMax);
  if (!bytes.ok()) return Fail("cannot read the value", bytes.status());
  *value = std::move(*bytes);
  return ExitCode::kOk;
}

// Of the write of one key under a condition, if any. A conflict's message is all that is to tell.
ExitCode CloseAfterCondition(const Target& target, std::string_view key,
                             const Result<LogPos>& position, DB& db, bool json) {
  if (!position.status().Is(StatusCode::kConflict)) {
    return CloseAndTell(target, position, 1, db, json);
  }
  const ExitCode code = CloseAfterWriting(db, ExitCode::kConflict);
  if (code != ExitCode::kConflict) return code;
  const std::string_view why = position.status().message();
  if (!json) {
    PrintError("the condition does not hold", why, "nothing is changed");
    return code;
  }
  JsonObject report;
  report.Bytes("key", key);
  report.Field("changed", false).Field("conflict", why);
  return Print(report.Finish() + "\n", code);
}

// Once it is merged with, no read could make anything of it.
ExitCode CheckIsOfKeyspace(const Target& target, const MergeOperator* built_in,
                           const std::string& value) {
  const Status checked = built_in == nullptr ? Status::Ok() : built_in->Check(value);
  if (checked.ok()) return ExitCode::kOk;
  PrintError("bad VALUE",
             "keyspace " + Encode(TextFormat::kAuto, target.keyspace_name()) +
                 " has the merge operator " + std::string(built_in->name()) + ": " +
                 std::string(checked.message()),
             "`logwood merge` takes what it is to change by");
  return ExitCode::kUsage;
}

ExitCode CommitPut(const PutArguments& arguments, const std::string& key, std::string value,
                   std::string expected) {
  Opened opened;
  // A keyspace that is not there has no value to expect.
  const Missing missing = arguments.expected.has_value() ? Missing::kFail : Missing::kCreate;
  ExitCode code = OpenForWriting(arguments.target, missing, &opened);
  if (code != ExitCode::kOk) return code;
  DB& db = *opened.db;
  const std::shared_ptr<const MergeOperator> built_in = BuiltInOf(db, opened.keyspace);
  const bool holds_numbers = built_in != nullptr && IsOfNumbers(*built_in);
  if (arguments.value_format == TextFormat::kAuto && holds_numbers) {
    if (arguments.has_value) code = DecodeNumber("VALUE", arguments.value, &value);
    if (code == ExitCode::kOk && arguments.expected.has_value()) {
      code = DecodeNumber("--if", *arguments.expected, &expected);
    }
    if (code != ExitCode::kOk) return CloseAfter(db, code);
  }
  code = CheckIsOfKeyspace(arguments.target, built_in.get(), value);
  if (code != ExitCode::kOk) return CloseAfter(db, code);
  const WriteOptions options = {.durability = arguments.target.durability, .ttl = arguments.ttl};
  const auto end = [&](const Result<LogPos>& position) {
    return CloseAfterCondition(arguments.target, key, position, db, arguments.json);
  };
  if (arguments.if_absent) return end(db.PutIfAbsent(options, opened.keyspace, key, value));
  if (arguments.expected.has_value()) {
    return end(db.CompareAndPut(options, opened.keyspace, key, expected, value));
  }
  return end(db.Put(options, opened.keyspace, key, value));
}

ExitCode RunPut(const PutArguments& arguments) {
  const std::optional<std::string> key = DecodeArgument("KEY", arguments.key_format, arguments.key);
  if (!key.has_value()) return ExitCode::kUsage;
  std::string value, expected;
  ExitCode code = ReadValue(arguments, &value);
  if (code == ExitCode::kOk && arguments.expected.has_value()) {
    code = DecodeValue("--if", arguments.value_format, *arguments.expected, &expected);
  }
  if (code == ExitCode::kOk) code = CheckFits(arguments.target, *key, value.size());
  if (code != ExitCode::kOk) return code;
  return CommitPut(arguments, *key, std::move(value), std::move(expected));
}

ExitCode RunDelete(const DeleteArguments& arguments) {
  const std::optional<std::string> key = DecodeArgument("KEY", arguments.key_format, arguments.key);
  if (!key.has_value()) return ExitCode::kUsage;
  std::string expected;
  ExitCode code = ExitCode::kOk;
  if (arguments.expected.has_value()) {
    code = DecodeValue("--if", arguments.value_format, *arguments.expected, &expected);
  } else if (arguments.value_format != TextFormat::kAuto) {
    PrintError("usage", "--value-format is of --if", "leave it out");
    code = ExitCode::kUsage;
  }
  if (code != ExitCode::kOk) return code;
  Opened opened;
  code = OpenForWriting(arguments.target, Missing::kFail, &opened);
  if (code != ExitCode::kOk) return code;
  DB& db = *opened.db;
  const WriteOptions options = {.durability = arguments.target.durability};
  if (!arguments.expected.has_value()) {
    return CloseAndTell(arguments.target, db.Delete(options, opened.keyspace, *key), 1, db,
                        arguments.json);
  }
  if (arguments.value_format == TextFormat::kAuto && HoldsNumbers(db, opened.keyspace)) {
    code = DecodeNumber("--if", *arguments.expected, &expected);
    if (code != ExitCode::kOk) return CloseAfter(db, code);
  }
  return CloseAfterCondition(arguments.target, *key,
                             db.DeleteIf(options, opened.keyspace, *key, expected), db,
                             arguments.json);
}

void AddIf(CLI::App* command, std::optional<std::string>* expected) {
  command->add_option("--if", *expected, "Only where the key has this value, else exit status 4")
      ->option_text("VALUE");
}

}  // namespace

void AddPutCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<PutArguments>();
  CLI::App* command = AddCommand(app, "put", "Write one record", kPutExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("KEY", arguments->key, "Its key")->required()->option_text(" ");
  CLI::Option* value =
      command->add_option("VALUE", arguments->value, "Its value")->option_text(" ");
  command
      ->add_option("--value-file", arguments->value_file, "Take the value from a file, - is stdin")
      ->option_text("FILE|-");
  command
      ->add_flag("--if-absent", arguments->if_absent,
                 "Only where the key has no value, else exit status 4")
      ->option_text(" ");
  AddIf(command, &arguments->expected);
  command->get_option("--if-absent")->excludes("--if");
  AddKeyspace(command, &arguments->target);
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddTextFormat(command, "--value-format", "How VALUE is written", &arguments->value_format);
  AddTtl(command, &arguments->ttl, "The record lasts");
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments, value] {
    arguments->has_value = value->count() > 0;
    return RunPut(*arguments);
  });
}

void AddDeleteCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<DeleteArguments>();
  CLI::App* command = AddCommand(app, "delete", "Delete one record", kDeleteExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("KEY", arguments->key, "Its key")->required()->option_text(" ");
  AddIf(command, &arguments->expected);
  AddKeyspace(command, &arguments->target);
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddTextFormat(command, "--value-format", "How VALUE of --if is written",
                &arguments->value_format);
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunDelete(*arguments); });
}

}  // namespace logwood::tools
