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
#include "tools/record_walk.h"
#include "tools/report.h"

namespace logwood::tools {

namespace {

constexpr const char* kMergeExamples =
    R"(  logwood merge /tmp/db -k counters --operator add_int64 visits 1
  logwood merge /tmp/db -k counters visits 41 -2         two changes, one commit
  logwood merge /tmp/db -k tags --operator set_union post/17 red blue
  logwood merge /tmp/db -k days --operator append.2c monday 'got up'
  logwood merge /tmp/copy -k days --operator append.2c --adopt monday ''   keep the values it has

What an operand is, and what becomes of it, says the keyspace's merge operator: of add_int64,
add_int64_wrapping, min_int64 and max_int64 a decimal number; of set_union the operands are the
elements of one set; of min_bytes, max_bytes, bit_or, append and append.HEX (HEX: what separates
the parts) text as values are. --operator gives the keyspace one, for ever: only dropping the
keyspace ends that, and default cannot be dropped. So a keyspace that has values is refused, but
with --adopt: then each value is looked at, and has to be one that the operator takes. A missing
database or keyspace is created with --operator. `logwood keyspaces` shows which has which. Prints
the position of the commit.)";

struct MergeArguments {
  Target target;
  std::string key;
  std::vector<std::string> operands;
  std::string operator_name;
  TextFormat key_format = TextFormat::kAuto;
  TextFormat operand_format = TextFormat::kAuto;
  bool adopt = false;
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

// An operator is for ever, and what it refuses cannot be read once something was merged into it.
ExitCode CheckMayHave(const MergeArguments& arguments, DB& db, const KeyspaceInfo& keyspace) {
  const MergeOperator& wanted = *arguments.target.merge_operator;
  WalkOptions walk;
  walk.range.bounds.fill_cache = false;
  if (!arguments.adopt) walk.limit = 1;
  Progress progress = WalkProgress(db, {&keyspace, 1}, walk, "values", arguments.adopt);
  std::string first;
  Status refused;
  uint64_t values = 0;
  const Status status = WalkRecords(
      db, keyspace.keyspace, walk, &progress,
      [&](std::string_view key, std::string_view value) {
        if (arguments.adopt) refused = wanted.Check(value);
        first = key;
        return arguments.adopt && refused.ok();
      },
      &values);
  progress.Finish();
  const std::string what = "cannot give keyspace " + Encode(TextFormat::kAuto, keyspace.name) +
                           " the merge operator " + std::string(wanted.name());
  if (!status.ok()) return FailReadingAt(arguments.target, what, status);
  if (values == 0 || (arguments.adopt && refused.ok())) return ExitCode::kOk;
  const std::string key = Encode(TextFormat::kAuto, first);
  if (arguments.adopt) {
    PrintError(what, "it refuses the value of key " + key + ": " + std::string(refused.message()),
               "put such values anew, or delete them, or take another keyspace");
  } else {
    PrintError(what, "it has values (the first key is " + key + "), and an operator is for ever",
               "take a keyspace of its own with -k, or say --adopt where all its values are of "
               "that operator");
  }
  return ExitCode::kProblem;
}

// The open that is given an operator records it: what speaks against that is found by one before.
// Where the operator is recorded already that open is all it takes, and `opened` has it.
ExitCode LookBeforeRecording(const MergeArguments& arguments, Opened* opened) {
  const auto there = FileSystem::Posix()->Exists(arguments.target.directory + "/ROOT");
  if (there.ok() && !*there) return ExitCode::kOk;  // it is to be made
  Target as_it_is = arguments.target;
  as_it_is.merge_operator = nullptr;
  ExitCode code = OpenDirectoryForWriting(as_it_is, Missing::kFail, &opened->db);
  if (code != ExitCode::kOk) return code;
  const Result<std::vector<KeyspaceInfo>> all = opened->db->ListKeyspaces();
  if (!all.ok()) return FailAt(arguments.target, "cannot list keyspaces", all.status());
  for (const KeyspaceInfo& info : *all) {
    if (info.name != arguments.target.keyspace_name()) continue;
    const MergeOperator& wanted = *arguments.target.merge_operator;
    if (info.merge_operator == wanted.name() && info.merge_operator_version == wanted.version()) {
      return FindKeyspace(as_it_is, Missing::kFail, opened);
    }
    if (info.merge_operator.empty()) code = CheckMayHave(arguments, *opened->db, info);
  }
  code = CloseAfter(*opened->db, code);
  *opened = {};
  return code;
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
  code = LookBeforeRecording(arguments, &opened);
  if (code == ExitCode::kOk && opened.db == nullptr) {
    code = OpenForWriting(arguments.target, Missing::kCreate, &opened);
  }
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
  command
      ->add_flag("--adopt", arguments->adopt,
                 "Give it also to a keyspace that has values, if it takes each of them")
      ->needs("--operator")
      ->option_text(" ");
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddTextFormat(command, "--operand-format", "How OPERAND is written", &arguments->operand_format);
  AddDurability(command, &arguments->target);
  AddMemory(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments] { return RunMerge(*arguments); });
}

}  // namespace logwood::tools
