// logwood compact: merges tables now.
#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

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
  bool quiet = false;
  bool json = false;
};

// Moves the progress line on with each finished compaction. Called from the engine's threads, one
// call at a time; the command's own thread only waits meanwhile.
class CompactionWatcher : public EventListener {
 public:
  void Watch(Progress* progress) { progress_.store(progress, std::memory_order_release); }
  void OnEvent(const Event& event) override {
    if (event.kind != EventKind::kCompaction) return;
    bytes_ += event.bytes_in;
    Progress* const progress = progress_.load(std::memory_order_acquire);
    if (progress != nullptr) progress->Update(bytes_, bytes_);
  }

 private:
  // Compactions may go on since the open, in threads of their own.
  std::atomic<Progress*> progress_{nullptr};
  uint64_t bytes_ = 0;
};

Status Compact(const CompactArguments& arguments, const Range& range, Opened& opened) {
  if (arguments.whole) return opened.db->CompactAll(arguments.compact);
  return opened.db->CompactRange(arguments.compact, opened.keyspace, range.keys);
}

std::string Summary(bool json, const Stats& before, const Stats& after, uint64_t micros) {
  if (json) {
    JsonObject report;
    report.Field("table_bytes_before", before.table_bytes);
    report.Field("table_bytes_after", after.table_bytes);
    report.Field("space_amplification_before", before.space_amplification);
    report.Field("space_amplification_after", after.space_amplification);
    report.Field("bytes_read", after.compaction_bytes_read);
    report.Field("bytes_written", after.compaction_bytes_written);
    report.Field("micros", micros);
    return report.Finish() + "\n";
  }
  return "tables " + HumanBytes(before.table_bytes) + " before, " + HumanBytes(after.table_bytes) +
         " after; read " + HumanBytes(after.compaction_bytes_read) + ", wrote " +
         HumanBytes(after.compaction_bytes_written) + " in " + HumanMicros(micros) + "\n";
}

ExitCode RunCompact(const CompactArguments& arguments) {
  const uint64_t start_us = MonotonicMicros();
  const std::optional<Range> range = DecodeRange(arguments.range);
  if (!range.has_value()) return ExitCode::kUsage;
  auto watcher = std::make_shared<CompactionWatcher>();
  Opened opened;
  ExitCode code = OpenDirectoryForWriting(arguments.target, Missing::kFail, &opened.db, watcher);
  if (code != ExitCode::kOk) return code;
  code = FindKeyspace(arguments.target, Missing::kFail, &opened);
  if (code != ExitCode::kOk) return CloseAfter(*opened.db, code);
  // What recovery left in memory belongs to the size before.
  Status status = opened.db->Flush();
  const Stats before = opened.db->GetStats();
  Progress progress({.label = "compact",
                     .unit = "bytes",
                     .total = before.table_bytes,
                     .wanted = !arguments.quiet});
  watcher->Watch(&progress);
  if (status.ok()) status = Compact(arguments, *range, opened);
  const Stats after = opened.db->GetStats();
  code = status.ok() ? ExitCode::kOk : FailAt(arguments.target, "cannot compact", status);
  code = CloseAfter(*opened.db, code);  // no event comes after this
  progress.Finish();
  if (code != ExitCode::kOk || (arguments.quiet && !arguments.json)) return code;
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
  AddQuiet(command, &arguments->quiet);
  AddJson(command, &arguments->json);
  OnRun(command, exit_code, [arguments, command] {
    for (const char* narrowing : {"--keyspace", "--prefix", "--from", "--to"}) {
      if (command->count(narrowing) > 0) arguments->whole = false;
    }
    return RunCompact(*arguments);
  });
}

}  // namespace logwood::tools
