// logwood compact: merges tables now.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/clock.h"
#include "tools/command.h"
#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "util/escape.h"
#include "util/json_writer.h"

namespace logwood::tools {

namespace {

constexpr const char* kCompactExamples =
    R"(  logwood compact /tmp/db                                every keyspace
  logwood compact /tmp/db --keyspace photos
  logwood compact /tmp/db --prefix planet/
  logwood compact /tmp/db --force-last-level             rewrite what is in the last level, too

The database compacts by itself; this is for after a large deletion or before a long read-only
life. Needs room on the disk for what it rewrites.)";

struct CompactArguments {
  Target target;
  RangeArguments range;
  CompactOptions compact;
  bool whole = true;  // no keyspace and no range given
  bool json = false;
};

Status Compact(const CompactArguments& arguments, const Range& range, Opened& opened) {
  Progress progress(
      {.label = "compact", .unit = "bytes", .total = 0, .wanted = !arguments.target.quiet});
  CompactOptions options = arguments.compact;
  options.progress = progress.Bytes();
  if (arguments.whole) return opened.db->CompactAll(options);
  return opened.db->CompactRange(options, opened.keyspace, range.keys);
}

std::string Summary(bool json, const Stats& before, const Stats& after, uint64_t micros) {
  if (json) {
    JsonObject report;
    report.Field("table_bytes_before", before.table_bytes);
    report.Field("table_bytes_after", after.table_bytes);
    report.Raw("space_amplification_before", JsonRatio(before.space_amplification));
    report.Raw("space_amplification_after", JsonRatio(after.space_amplification));
    report.Field("flush_bytes_written", after.flush_bytes_written);
    report.Field("bytes_read", after.compaction_bytes_read);
    report.Field("bytes_written", after.compaction_bytes_written);
    report.Field("micros", micros);
    return report.Finish() + "\n";
  }
  return "tables " + HumanBytes(before.table_bytes) + " before, " + HumanBytes(after.table_bytes) +
         " after; flushed " + HumanBytes(after.flush_bytes_written) + ", read " +
         HumanBytes(after.compaction_bytes_read) + ", wrote " +
         HumanBytes(after.compaction_bytes_written) + " in " + HumanMicros(micros) + "\n";
}

ExitCode RunCompact(const CompactArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  const std::optional<Range> range =
      DecodeRange(arguments.range, !arguments.target.quiet && !arguments.json);
  if (!range.has_value()) return ExitCode::kUsage;
  Opened opened;
  ExitCode code = OpenDirectoryForWriting(arguments.target, Missing::kFail, &opened.db);
  if (code != ExitCode::kOk) return code;
  code = FindKeyspace(arguments.target, Missing::kFail, &opened);
  if (code != ExitCode::kOk) return CloseAfter(*opened.db, code);
  const Stats before = opened.db->GetStats();
  Status status = opened.db->Flush();
  if (status.ok()) status = Compact(arguments, *range, opened);
  Stats after = opened.db->GetStats();
  code = status.ok() ? ExitCode::kOk : FailAt(arguments.target, "cannot compact", status);
  code = CloseAfter(*opened.db, code);
  // A flush is counted a moment after its table is there.
  after.flush_bytes_written = opened.db->GetStats().flush_bytes_written;
  if (code != ExitCode::kOk || (arguments.target.quiet && !arguments.json)) return code;
  return Print(Summary(arguments.json, before, after, MonotonicMicros() - start_us));
}

}  // namespace

void AddCompactCommand(CLI::App& app, ExitCode* exit_code) {
  auto arguments = std::make_shared<CompactArguments>();
  CLI::App* command = AddCommand(app, "compact", "Merge tables now", kCompactExamples);
  AddDirectory(command, &arguments->target);
  AddKeyspace(command, &arguments->target,
              "The keyspace; without it every keyspace, with a range \"default\"");
  AddRange(command, &arguments->range);
  command->add_flag("--force-last-level", arguments->compact.force_last_level,
                    "Rewrite the last level, too");
  AddMemory(command, &arguments->target);
  AddQuiet(command, &arguments->target.quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments, command] {
    for (const char* narrowing : {"--keyspace", "--prefix", "--from", "--to"}) {
      if (command->count(narrowing) > 0) arguments->whole = false;
    }
    return RunCompact(*arguments);
  });
}

}  // namespace logwood::tools
