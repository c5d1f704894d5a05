// logwood put, logwood delete: one commit each.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "logwood/write_batch.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/input.h"
#include "tools/output.h"
#include "tools/report.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kPutExamples =
    R"(  logwood put /tmp/db planet/3 earth
  logwood put /tmp/db planet/3 earth --durability power   return when it survives loss of power
  logwood put /tmp/db --keyspace photos 0001 --value-file a.jpg
  gzip -c notes | logwood put /tmp/db notes.gz --value-file -
  logwood put /tmp/db --key-format hex 00ff 'tab\there'
  logwood put /tmp/db -- -5 minus-five                    "--" before a key that begins with "-"

Keys and values are text with backslash escapes (\t \n \r \\ \xNN) unless --key-format and
--value-format say otherwise. A missing database or keyspace is created, a missing parent of DIR is
not. Prints the position of the commit.)";

constexpr const char* kDeleteExamples =
    R"(  logwood delete /tmp/db planet/9
  logwood delete /tmp/db --keyspace photos 0001
  logwood delete /tmp/db --key-format hex 00ff --durability power

Deleting a key that is not there is no error. Prints the position of the commit.)";

struct PutArguments {
  Target target;
  std::string key, value, value_file;
  TextFormat key_format = TextFormat::kAuto;
  TextFormat value_format = TextFormat::kAuto;
  bool has_value = false;
  bool json = false;
};

struct DeleteArguments {
  Target target;
  std::string key;
  TextFormat key_format = TextFormat::kAuto;
  bool json = false;
};

ExitCode ReadValue(const PutArguments& arguments, std::string* value) {
  if (arguments.has_value == !arguments.value_file.empty()) {
    PrintError("usage", "put needs either VALUE or --value-file", "see `logwood put --help`");
    return ExitCode::kUsage;
  }
  if (arguments.has_value) {
    std::optional<std::string> bytes =
        DecodeArgument("VALUE", arguments.value_format, arguments.value);
    if (!bytes.has_value()) return ExitCode::kUsage;
    *value = std::move(*bytes);
    return ExitCode::kOk;
  }
  if (arguments.value_format != TextFormat::kAuto) {
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

ExitCode RunPut(const PutArguments& arguments) {
  const std::optional<std::string> key = DecodeArgument("KEY", arguments.key_format, arguments.key);
  if (!key.has_value()) return ExitCode::kUsage;
  std::string value;
  ExitCode code = ReadValue(arguments, &value);
  if (code != ExitCode::kOk) return code;
  code = CheckFits(arguments.target, *key, value.size());
  if (code != ExitCode::kOk) return code;
  Opened opened;
  code = OpenForWriting(arguments.target, Missing::kCreate, &opened);
  if (code != ExitCode::kOk) return code;
  WriteBatch batch;
  batch.Put(opened.keyspace, *key, value);
  return CommitAndClose(arguments.target, batch, *opened.db, arguments.json);
}

ExitCode RunDelete(const DeleteArguments& arguments) {
  const std::optional<std::string> key = DecodeArgument("KEY", arguments.key_format, arguments.key);
  if (!key.has_value()) return ExitCode::kUsage;
  Opened opened;
  const ExitCode code = OpenForWriting(arguments.target, Missing::kFail, &opened);
  if (code != ExitCode::kOk) return code;
  WriteBatch batch;
  batch.Delete(opened.keyspace, *key);
  return CommitAndClose(arguments.target, batch, *opened.db, arguments.json);
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
  AddKeyspace(command, &arguments->target);
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddTextFormat(command, "--value-format", "How VALUE is written", &arguments->value_format);
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
  AddKeyspace(command, &arguments->target);
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunDelete(*arguments); });
}

}  // namespace logwood::tools
