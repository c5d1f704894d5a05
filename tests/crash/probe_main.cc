// logwood_probe: a driver for harnesses that kill processes, cut power or damage files.
//
//   logwood_probe run DIR SEED N SYNC        writes batches up to N, going on where DIR stands
//   logwood_probe threads DIR SEED N SYNC T  the same with T writer threads, a stream each
//   logwood_probe check DIR SEED N [T]       opens DIR for writing and compares all of it
//
// SYNC: 0 never, 1 always, 2 mixed. Batch i is a pure function of (SEED, i). Printed, each line at
// once: `A <i> <position> <durable 0|1>` after each acknowledgement of run; of threads
// `T <stream> <i> <position> <durable 0|1>`. check prints `OK <i> <position>` (i: the last batch
// found; with T the sum over the streams), `BAD <what>` or `OPENFAIL <status>`: the database said
// that it cannot read (a disk that says no, damage it detected), while it was opened or later.
// Exit status: 0 ok, 1 BAD, 2 OPENFAIL or a failed write, 3 bad arguments.
// LOGWOOD_OPTION_SET names a set of tests/support/option_sets.cc; without it tables and segments
// are small, so that a short run flushes and compacts. What a harness may conclude from all that:
// docs/testing.md, "The probe".
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "tests/support/crash_workload.h"
#include "tests/support/environment.h"
#include "tests/support/option_sets.h"

namespace logwood::test {
namespace {

enum ExitStatus { kExitOk = 0, kExitBad = 1, kExitFailed = 2, kExitUsage = 3 };

struct Arguments {
  std::string command, directory;
  uint64_t seed = 0, batches = 0;
  int sync = 0;
  uint32_t streams = 1;
};

// One write call a line: whole or not at all, and nothing left in a buffer when the process dies.
void Print(const std::string& line) {
  const std::string text = line + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    _exit(kExitFailed);
}

int Failed(const std::string& what, const Status& status) {
  Print(what + " " + status.ToString());
  return kExitFailed;
}

std::string OptionSetChosen() { return EnvironmentText("LOGWOOD_OPTION_SET", ""); }

bool IsOptionSet(const std::string& name) {
  return std::any_of(OptionSets().begin(), OptionSets().end(),
                     [&](const OptionSet& set) { return set.name == name; });
}

Options ProbeOptions() {
  const std::string name = OptionSetChosen();
  Options options;
  if (!name.empty()) options = OptionSetNamed(name).options;
  options.keyspaces = CrashKeyspaces::OptionsOfBoth();
  if (!name.empty()) return options;
  options.memory_budget_bytes = 32 << 20;
  options.tuning.memtable_bytes = 64 << 10;
  options.tuning.table_bytes = 64 << 10;
  options.tuning.log_segment_bytes = 128 << 10;
  return options;
}

// Writes the batches of one stream. Not ok at the first failure.
Status WriteStream(DB* db, const CrashKeyspaces& keyspaces, const Arguments& arguments,
                   uint32_t number) {
  const CrashStream stream(arguments.seed, number);
  const Result<uint64_t> last = LastBatchOf(db, *keyspaces.left, stream);
  if (!last.ok()) return last.status();
  const bool threads = arguments.command == "threads";
  for (uint64_t i = *last + 1; i <= arguments.batches; ++i) {
    WriteBatch batch;
    stream.Fill(i, keyspaces, &batch);
    const bool durable = stream.IsDurable(i, arguments.sync);
    const Result<LogPos> position =
        db->Write({.durability = durable ? Durability::kPower : Durability::kProcess}, batch);
    if (!position.ok()) return position.status();
    Print((threads ? "T " + std::to_string(number) : std::string("A")) + " " + std::to_string(i) +
          " " + std::to_string(*position) + (durable ? " 1" : " 0"));
  }
  return Status::Ok();
}

int Run(const Arguments& arguments) {
  Result<std::unique_ptr<DB>> opened = DB::Open(ProbeOptions(), arguments.directory);
  if (!opened.ok()) return Failed("OPENFAIL", opened.status());
  DB* const db = opened->get();
  const Result<CrashKeyspaces> keyspaces = CrashKeyspaces::OpenOrCreate(db);
  if (!keyspaces.ok()) return Failed("FAILED", keyspaces.status());
  std::atomic<bool> failed{false};
  const auto write = [&](uint32_t number) {
    const Status status = WriteStream(db, *keyspaces, arguments, number);
    if (status.ok()) return;
    Print("FAILED " + status.ToString());
    failed = true;
  };
  std::vector<std::thread> others;  // none of its own threads for a single stream
  for (uint32_t number = 1; number < arguments.streams; ++number)
    others.emplace_back(write, number);
  write(0);
  for (std::thread& writer : others) writer.join();
  const Status closed = db->Close();
  if (!closed.ok()) return Failed("FAILED close:", closed);
  return failed ? kExitFailed : kExitOk;
}

int Check(const Arguments& arguments) {
  Result<std::unique_ptr<DB>> opened = DB::Open(ProbeOptions(), arguments.directory);
  if (!opened.ok()) return Failed("OPENFAIL", opened.status());
  std::vector<CrashStream> streams;
  for (uint32_t i = 0; i < arguments.streams; ++i) streams.emplace_back(arguments.seed, i);
  const Status status = CheckCrashContent(opened->get(), &streams);
  if (!status.ok() && !status.Is(StatusCode::kConflict)) return Failed("OPENFAIL", status);
  uint64_t sum = 0, most = 0;
  for (const CrashStream& stream : streams) {
    sum += stream.last();
    most = std::max(most, stream.last());
  }
  if (!status.ok() || most > arguments.batches) {
    Print("BAD " + (status.ok() ? "batch " + std::to_string(most) + " was never written"
                                : status.ToString()));
    return kExitBad;
  }
  Print("OK " + std::to_string(sum) + " " + std::to_string((*opened)->LastPosition()));
  return kExitOk;
}

int Usage() {
  std::fprintf(
      stderr,
      "usage: logwood_probe run DIR SEED N SYNC\n"
      "       logwood_probe threads DIR SEED N SYNC T\n"
      "       logwood_probe check DIR SEED N [T]\n"
      "SYNC: 0 never, 1 always, 2 mixed; T: writer threads, 1 to 64\n"
      "check opens DIR for writing (copy it first where it is evidence), makes a database\n"
      "where there is none (OK 0 0), and wants SEED, N and T of run or threads.\n"
      "Its OK <i> <position>: the last batch found, of threads the sum over the streams,\n"
      "and the last position; an acknowledgement of a higher position is lost.\n"
      "LOGWOOD_OPTION_SET: one of the sets of options of the model's tests\n");
  return kExitUsage;
}

int NoSuchOptionSet() {
  std::fprintf(stderr, "logwood_probe: no option set \"%s\" (LOGWOOD_OPTION_SET); there are:\n",
               OptionSetChosen().c_str());
  for (const OptionSet& set : OptionSets()) std::fprintf(stderr, "  %s\n", set.name.c_str());
  return kExitUsage;
}

bool ParseNumber(const char* text, uint64_t* number) {
  char* end = nullptr;
  *number = std::strtoull(text, &end, 10);
  return *text != '\0' && *end == '\0';
}

int Main(int argc, char** argv) {
  if (argc < 5) return Usage();
  if (const std::string name = OptionSetChosen(); !name.empty() && !IsOptionSet(name))
    return NoSuchOptionSet();
  Arguments arguments{.command = argv[1], .directory = argv[2]};
  if (!ParseNumber(argv[3], &arguments.seed) || !ParseNumber(argv[4], &arguments.batches))
    return Usage();
  uint64_t sync = 0, streams = 1;
  const bool check = arguments.command == "check";
  if (!check && (argc < 6 || !ParseNumber(argv[5], &sync) || sync > 2)) return Usage();
  if (arguments.command == "threads" && argc != 7) return Usage();
  const int streams_index = check ? 5 : 6;
  if (argc > streams_index + 1) return Usage();
  if (argc == streams_index + 1 && !ParseNumber(argv[streams_index], &streams)) return Usage();
  if (streams < 1 || streams > 64) return Usage();
  arguments.sync = static_cast<int>(sync);
  arguments.streams = static_cast<uint32_t>(streams);
  if (check) return Check(arguments);
  if (arguments.command == "run" && streams == 1) return Run(arguments);
  return arguments.command == "threads" ? Run(arguments) : Usage();
}

}  // namespace
}  // namespace logwood::test

int main(int argc, char** argv) { return logwood::test::Main(argc, argv); }
