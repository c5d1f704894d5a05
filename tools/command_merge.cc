// logwood merge: changes the value of a key without reading it, in one commit.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "logwood/merge_operator.h"
#include "logwood/write_batch.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/numbers.h"
#include "tools/report.h"

namespace logwood::tools {

namespace {

constexpr const char* kMergeExamples =
    R"(  logwood merge /tmp/db -k counters --operator add_int64 visits 1
  logwood merge /tmp/db -k counters visits 41 -2         two changes, one commit
  logwood merge /tmp/db -k tags --operator set_union post/17 red blue
  logwood merge /tmp/db -k days --operator append.2c monday 'got up'

What an operand is, and what becomes of it, says the keyspace's merge operator: of add_int64,
add_int64_wrapping, min_int64 and max_int64 a decimal number; of set_union the operands are the
elements of one set; of min_bytes, max_bytes, bit_or, append and append.HEX (HEX: what separates
the parts) text as values are. --operator gives the keyspace one, for ever; a missing database or
keyspace is then created. `logwood keyspaces` shows which has which. Prints the position of the
commit.)";

struct MergeArguments {
  Target target;
  std::string key;
  std::vector<std::string> operands;
  std::string operator_name;
  TextFormat key_format = TextFormat::kAuto;
  TextFormat operand_format = TextFormat::kAuto;
  bool json = false;
};

// As the operator wants them. Prints what cannot be read and returns nullopt.
std::optional<std::vector<std::string>> OperandsFor(const MergeOperator& merge_operator,
                                                    const MergeArguments& arguments) {
  std::vector<std::string> operands;
  const bool are_numbers = IsOfNumbers(merge_operator);
  if (are_numbers && arguments.operand_format != TextFormat::kAuto) {
    PrintError("usage", "--operand-format is of bytes; the operands are numbers", "leave it out");
    return std::nullopt;
  }
  for (const std::string& text : arguments.operands) {
    std::optional<std::string> operand =
        are_numbers ? EncodeNumber("OPERAND", text)
                    : DecodeArgument("OPERAND", arguments.operand_format, text);
    if (!operand) return std::nullopt;
    operands.push_back(std::move(*operand));
  }
  if (merge_operator.name() != "set_union") return operands;
  const std::vector<std::string_view> elements(operands.begin(), operands.end());
  return std::vector<std::string>{EncodeSet(elements)};
}

ExitCode Commit(const MergeArguments& arguments, const Opened& opened, const std::string& key,
                const std::vector<std::string>& operands) {
  WriteBatch batch;
  for (const std::string& operand : operands) batch.Merge(opened.keyspace, key, operand);
  return CommitAndClose(arguments.target, batch, *opened.db, arguments.json);
}

// Null, and it is printed why: the keyspace has no operator, or one that only its program has.
std::shared_ptr<const MergeOperator> RecordedOperator(const Target& target, DB& db) {
  const Result<std::vector<KeyspaceInfo>> all = db.ListKeyspaces();
  if (!all.ok()) {
    FailAt(target, "cannot list keyspaces", all.status());
    return nullptr;
  }
  const auto info = std::find_if(all->begin(), all->end(), [&target](const KeyspaceInfo& one) {
    return one.name == target.keyspace_name();
  });
  const std::string name = info != all->end() ? info->merge_operator : "";
  const std::string keyspace = "keyspace " + Encode(TextFormat::kAuto, target.keyspace_name());
  std::shared_ptr<const MergeOperator> built_in = MergeOperator::BuiltIn(name);
  if (built_in != nullptr && built_in->version() == info->merge_operator_version) return built_in;
  if (name.empty()) {
    PrintError("cannot merge", keyspace + " has no merge operator", "give it one with --operator");
  } else {
    PrintError("cannot merge", keyspace + " has the merge operator " + name,
               "which is not built in: only a program that has it can merge");
  }
  return nullptr;
}

ExitCode RunMergeAsRecorded(const MergeArguments& arguments, const std::string& key) {
  Opened opened;
  ExitCode code = OpenForWriting(arguments.target, Missing::kFail, &opened);
  if (code != ExitCode::kOk) return code;
  const auto merge_operator = RecordedOperator(arguments.target, *opened.db);
  if (merge_operator == nullptr) return CloseAfter(*opened.db, ExitCode::kProblem);
  const auto operands = OperandsFor(*merge_operator, arguments);
  if (!operands) return CloseAfter(*opened.db, ExitCode::kUsage);
  return Commit(arguments, opened, key, *operands);
}

ExitCode RunMerge(MergeArguments arguments) {
  const std::optional<std::string> key = DecodeArgument("KEY", arguments.key_format, arguments.key);
  if (!key) return ExitCode::kUsage;
  // As it is written, an operand is as long as it is stored, or longer.
  uint64_t bytes = 0;
  for (const std::string& text : arguments.operands) bytes += key->size() + text.size() + 16;
  ExitCode code = CheckFits(arguments.target, *key, bytes);
  if (code != ExitCode::kOk) return code;
  if (arguments.operator_name.empty()) return RunMergeAsRecorded(arguments, *key);
  arguments.target.merge_operator = MergeOperator::BuiltIn(arguments.operator_name);
  if (arguments.target.merge_operator == nullptr) {
    PrintError("no such merge operator", arguments.operator_name,
               "see `logwood merge --help` for those that are built in");
    return ExitCode::kUsage;
  }
  const auto operands = OperandsFor(*arguments.target.merge_operator, arguments);
  if (!operands) return ExitCode::kUsage;
  Opened opened;
  code = OpenForWriting(arguments.target, Missing::kCreate, &opened);
  return code == ExitCode::kOk ? Commit(arguments, opened, *key, *operands) : code;
}

}  // namespace

void AddMergeCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<MergeArguments>();
  CLI::App* command = AddCommand(app, "merge", "Change a value without reading it", kMergeExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("KEY", arguments->key, "Its key")->required()->option_text(" ");
  command->add_option("OPERAND", arguments->operands, "What changes, the oldest first")
      ->required()
      ->option_text("...");
  AddKeyspace(command, &arguments->target);
  command
      ->add_option("--operator", arguments->operator_name,
                   "The merge operator that the keyspace is to have")
      ->option_text("NAME");
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddTextFormat(command, "--operand-format", "How OPERAND is written", &arguments->operand_format);
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunMerge(*arguments); });
}

}  // namespace logwood::tools
