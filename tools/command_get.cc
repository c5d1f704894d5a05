// logwood get: the value of a key.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/numbers.h"
#include "tools/output.h"
#include "tools/record_format.h"
#include "tools/report.h"

namespace logwood::tools {

namespace {

constexpr const char* kGetExamples = R"(  logwood get /tmp/db planet/3
  logwood get /tmp/db --keyspace photos 0001 --format raw > a.jpg   the bytes, nothing else
  logwood get /tmp/db planet/3 --json
  logwood get /tmp/db --key-format hex 00ff --format hex
  logwood get /tmp/db -k counters visits                a number; --format hex shows its bytes
  logwood get /tmp/db planet/9; [ $? = 1 ] && echo "not there"

Formats: auto is text with backslash escapes for what is not printable; escape is the same in ASCII
only; raw is the value without a newline at its end. In a keyspace whose merge operator is
add_int64, add_int64_wrapping, min_int64 or max_int64 auto shows a value as the number it is, and
--json has that in "number" beside "value"; of set_union it shows the elements.
Exit status 1 when the key is not there, 3 when it could not be read: where another process writes
to DIR, say.)";

struct GetArguments {
  Target target;
  std::string key;
  TextFormat key_format = TextFormat::kAuto;
  TextFormat format = TextFormat::kAuto;
  bool json = false;
};

void PrintFound(const GetArguments& arguments, std::string_view key, std::string_view value,
                Shown how, Output* out) {
  if (arguments.json) {
    how == Shown::kAsNumber ? AppendJsonNumberRecord(key, value, out->buffer())
                            : AppendJsonRecord(key, value, true, out->buffer());
    out->Append("\n");
  } else if (arguments.format == TextFormat::kAuto) {
    AppendShown(how, value, out->buffer());
    out->Append("\n");
  } else {
    AppendEncoded(arguments.format, value, out->buffer());
    if (arguments.format != TextFormat::kRaw) out->Append("\n");
  }
  out->MaybeFlush();
}

void PrintAbsent(const GetArguments& arguments, std::string_view key, DB& db, Output* out) {
  const std::vector<std::string> others = OtherKeyspaces(arguments.target, db);
  if (arguments.json) {
    JsonObject report;
    report.Bytes("key", key);
    report.Field("found", false);
    if (!others.empty()) AddJsonNames("keyspaces_left_out", others, &report);
    out->Append(report.Finish() + "\n");
  } else {
    PrintError(
        "not found", Encode(arguments.key_format, key),
        others.empty() ? "" : "this is keyspace default; there are also " + NameSome(others));
  }
}

ExitCode RunGet(const GetArguments& arguments) {
  const std::optional<std::string> key = DecodeArgument("KEY", arguments.key_format, arguments.key);
  if (!key.has_value()) return ExitCode::kUsage;
  Opened opened;
  ExitCode code = OpenForReading(arguments.target, &opened);
  if (code != ExitCode::kOk) return code;
  Output out(STDOUT_FILENO);
  PinnedValue value;
  const Status status = opened.db->Get({}, opened.keyspace, *key, &value);
  if (status.ok()) {
    PrintFound(arguments, *key, value.view(), HowShown(*opened.db, opened.keyspace), &out);
  } else if (status.Is(StatusCode::kNotFound)) {
    PrintAbsent(arguments, *key, *opened.db, &out);
    code = ExitCode::kProblem;
  } else {
    code = FailReadingAt(arguments.target, "cannot read", status);
  }
  value.Reset();
  return CloseAfter(*opened.db, out.Finish(code));
}

}  // namespace

void AddGetCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<GetArguments>();
  CLI::App* command = AddCommand(app, "get", "Print the value of a key", kGetExamples);
  AddDirectory(command, &arguments->target);
  command->add_option("KEY", arguments->key, "Its key")->required()->option_text(" ");
  AddKeyspace(command, &arguments->target);
  AddTextFormat(command, "--key-format", "How KEY is written", &arguments->key_format);
  AddTextFormat(command, "--format", "How the value is printed", &arguments->format);
  AddIgnoreWriter(command, &arguments->target);
  AddAllowDamagedLog(command, &arguments->target);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [command, arguments] {
    return FormatBesideJson(*command) ? ExitCode::kUsage : RunGet(*arguments);
  });
}

}  // namespace logwood::tools
