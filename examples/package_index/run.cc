#include "run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "acknowledgements.h"
#include "query.h"
#include "store.h"
#include "text.h"
#include "verify.h"

namespace package_index {

using logwood::DB;
using logwood::RecoveryInfo;
using logwood::Result;
using logwood::Status;

namespace {

// With fewer commits the loader would be done before anyone could kill it.
constexpr size_t kBatchesWithoutPause = 2000;
constexpr uint64_t kShortLoadUs = 1'000'000;

// Why a database that is there may not be replaced; empty: an earlier run made it, or was killed
// while it removed one, of which no more is left than what does not open.
std::string WhyNotOurs(const std::string& directory, AcknowledgementsAre found) {
  const auto db = DB::OpenReadOnly({}, directory);
  if (db.status().Is(logwood::StatusCode::kNotFound)) return "";  // one that never was finished
  const bool is_half = found == AcknowledgementsAre::kOfARemoval;
  if (is_half && db.status().Is(logwood::StatusCode::kCorruption)) return "";
  if (!db.ok()) return db.status().ToString();
  const auto keyspaces = (*db)->ListKeyspaces();
  if (!keyspaces.ok()) return keyspaces.status().ToString();
  for (const logwood::KeyspaceInfo& keyspace : *keyspaces) {
    if (keyspace.name != "default" && keyspace.name != "packages" && keyspace.name != "sections") {
      return "this database has a keyspace \"" + keyspace.name + "\", which is not ours";
    }
  }
  const auto iterator = (*db)->NewIterator({});
  iterator->SeekToFirst();
  if (iterator->Valid()) return "this database has records of another kind";
  return iterator->status().ok() || is_half ? "" : iterator->status().ToString();
}

// Removes the database that an earlier run left. Why it cannot; empty: it is gone.
std::string RemoveEarlier(const std::string& directory, const std::string& acknowledgements,
                          AcknowledgementsAre found) {
  std::string foreign = WhyNotOurs(directory, found);
  if (foreign.empty() && found != AcknowledgementsAre::kOurs &&
      found != AcknowledgementsAre::kOfARemoval) {
    foreign = "an earlier run would have left " + acknowledgements;
  }
  if (!foreign.empty()) return directory + ": " + foreign;
  if (!MarkRemoval(acknowledgements)) return acknowledgements + " cannot be written";
  const Status removed = DB::Destroy({}, directory);
  const bool is_whole =
      removed.Is(logwood::StatusCode::kBusy) || removed.Is(logwood::StatusCode::kInvalidArgument);
  if (is_whole) TakeBackRemoval(acknowledgements);
  return removed.ok() ? "" : removed.ToString();
}

int Failed(const std::string& what) {
  SayFailed(what);
  return 1;
}

// Starts this program again as the loader. Nothing of the database is open here meanwhile.
pid_t StartLoader(const RunOptions& options, uint64_t pause_us) {
  std::vector<std::string> words = {
      "logwood_package_index", "load",       "--dir",
      options.directory,       "--pause-us", std::to_string(pause_us)};
  if (!options.file.empty()) words.push_back(options.file);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child != 0) return child;
  execv("/proc/self/exe", arguments.data());
  _exit(127);
}

// Kills the loader when it has acknowledged 40 % of the batches. How it ended.
int KillPartWay(pid_t child, const std::string& acknowledgements, size_t batches) {
  int state = 0;
  while (waitpid(child, &state, WNOHANG) == 0) {
    if (ReadAcknowledged(acknowledgements).batches * 5 >= batches * 2) {
      kill(child, SIGKILL);
      waitpid(child, &state, 0);
      break;
    }
    SleepMicros(1000);
  }
  return state;
}

// Why that is neither the kill nor a loader that came to its end before; empty: it is one of them.
std::string WhyItEnded(int state, const Acknowledged& acknowledged, size_t batches) {
  if (WIFSIGNALED(state)) {
    if (WTERMSIG(state) == SIGKILL) return "";
    return "the loader died of signal " + std::to_string(WTERMSIG(state));
  }
  if (WEXITSTATUS(state) != 0) {
    return "the loader ended with status " + std::to_string(WEXITSTATUS(state));
  }
  return acknowledged.batches == batches ? "" : "the loader ended before all was written";
}

void PrintRecovery(const RecoveryInfo& info) {
  Say(std::string("the last close was ") + (info.clean ? "clean" : "not a clean one") +
      "; tables hold commits up to position " + Commas(info.tables_position));
  if (info.replayed_commits == 0) {
    Say("nothing had to be replayed");
  } else {
    Say("replayed from the log: positions " + Commas(info.replayed_first) + " to " +
        Commas(info.replayed_last) + ", " + Commas(info.replayed_commits) + " commits, " +
        Bytes(info.replayed_bytes) + " in " + Commas(info.segments) +
        (info.segments == 1 ? " segment, in " : " segments, in ") + Seconds(info.micros));
  }
  Say("recorded as on the disk, whatever happens to the power: the log up to position " +
      Commas(info.durable_point));
  if (info.unproven_tail_bytes > 0) {
    Say("behind the last good commit: " + Commas(info.unproven_tail_bytes) + " bytes of " +
        info.unproven_tail_file + " at offset " + Commas(info.unproven_tail_offset) +
        ", half of a commit nobody was told of; left behind");
  }
}

int LoadAndKill(const Data& data, const RunOptions& options) {
  const size_t batches = BatchCount(data);
  const uint64_t pause_us = batches < kBatchesWithoutPause ? kShortLoadUs / batches : 0;
  Step("Load, and kill the loading process part way");
  Say(Commas(batches) + " commits of 20 packages, each over two keyspaces, by a child process");
  if (pause_us > 0) {
    Say("so little data that the child waits " + Commas(pause_us) + " us after each commit");
  }
  const std::string acknowledgements = AcknowledgementsOf(options.directory);
  const pid_t child = StartLoader(options, pause_us);
  if (child < 0) return Failed("cannot start the loader");
  const int state = KillPartWay(child, acknowledgements, batches);
  const Acknowledged acknowledged = ReadAcknowledged(acknowledgements);
  const std::string why = WhyItEnded(state, acknowledged, batches);
  if (!why.empty()) return Failed(why);
  if (acknowledged.batches == 0) return Failed("the loader wrote nothing");
  Say((WIFSIGNALED(state) ? "killed with SIGKILL; " : "it was done before it could be killed; ") +
      Commas(acknowledged.batches) + " of " + Commas(batches) +
      " commits were acknowledged, the last at position " + Commas(acknowledged.position));
  return 0;
}

int Recover(Store& store, const Data& data, const RunOptions& options) {
  PrintRecovery(store.db->GetRecoveryInfo());
  Say("the database is at position " + Commas(store.db->LastPosition()));
  Step("Is everything there that was acknowledged, and nothing by half?");
  const Acknowledged acknowledged = ReadAcknowledged(AcknowledgementsOf(options.directory));
  return Report(Verify(store, data, acknowledged.batches)) ? 0 : 1;
}

int Continue(Store& store, const Data& data, const RunOptions& options) {
  Step("Continue the load");
  const std::string acknowledgements = AcknowledgementsOf(options.directory);
  const size_t first_batch = ReadAcknowledged(acknowledgements).batches;
  const uint64_t start_us = NowMicros();
  const Status status =
      Load(store, data,
           {.acknowledgements = acknowledgements, .first_batch = first_batch, .pause_us = 0});
  if (!status.ok()) return Failed(status.ToString());
  const uint64_t micros = NowMicros() - start_us;
  const size_t all = data.records.size();
  const size_t packages = all - std::min(all, BatchAt(data, first_batch).begin);
  Say(Commas(packages) + " packages, " + Commas(2 * packages) + " records in " + Seconds(micros) +
      " (" + Rate(2 * packages, micros) + ")");
  return Report(Verify(store, data, BatchCount(data))) ? 0 : 1;
}

int Merge(Store& store, const Data& data, const RunOptions& /*options*/) {
  Step("Write the memtable into tables, and merge them");
  uint64_t start_us = NowMicros();
  Status status = store.db->Flush();
  Say("flush: " + Seconds(NowMicros() - start_us));
  start_us = NowMicros();
  if (status.ok()) status = store.db->CompactAll({});
  if (!status.ok()) return Failed(status.ToString());
  Say("compaction: " + Seconds(NowMicros() - start_us) + "; " + Bytes(data.bytes) +
      " of packages lie in " + Bytes(store.db->GetStats().table_bytes) + " of tables");
  return 0;
}

int Query(Store& store, const Data& data, const RunOptions& /*options*/) {
  Step("Look up");
  const bool found = Lookups(store, data);
  Step("Scan, forward and backward");
  const bool scanned = Scans(store, data);
  Step("Statistics");
  PrintStatistics(store);
  return found && scanned ? 0 : 1;
}

// One opening for all of it, so that the statistics tell the whole story.
int UseAgain(const Data& data, const RunOptions& options) {
  Step("Open the directory again");
  Result<Store> store = OpenStore(options.directory, Access::kWrite);
  if (!store.ok()) return Failed(store.status().ToString());
  for (const auto& part : {Recover, Continue, Merge, Query}) {
    const int failed = part(*store, data, options);
    if (failed != 0) return failed;
  }
  const Status closed = store->db->Close();
  return closed.ok() ? 0 : Failed(closed.ToString());
}

int Prepare(const Data& data, const RunOptions& options) {
  namespace fs = std::filesystem;
  Step("The data");
  Say(data.origin + ": " + Commas(data.records.size()) + " records, " + Bytes(data.bytes) +
      (data.duplicates > 0 ? "; " + Commas(data.duplicates) + " more with a key seen before" : ""));
  Say("the database: " + options.directory);
  std::error_code error;
  const fs::path parent = fs::path(options.directory).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  const std::string beside = AcknowledgementsOf(options.directory);
  const AcknowledgementsAre found = LookAtAcknowledgements(beside);
  if (found == AcknowledgementsAre::kForeign) {
    return Failed(beside +
                  " is no file of acknowledgements that this program reads; remove it, or " +
                  "name another place with --dir");
  }
  if (fs::exists(options.directory, error) && !fs::is_empty(options.directory, error)) {
    const std::string why = RemoveEarlier(options.directory, beside, found);
    if (!why.empty()) return Failed(why + "; name another place with --dir");
    Say("what an earlier run left there is removed");
  }
  // From here on the directory is ours.
  if (!BeginAcknowledgements(beside)) return Failed(beside + " cannot be written");
  return 0;
}

// For a terminal that may be in any folder, with nothing of ours on its path.
void PrintCommands(const Data& data, const RunOptions& options) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path() / "logwood";
  const std::string command = ShellWord(fs::exists(beside, error) ? beside.string() : "logwood");
  const std::string database = ShellWord(fs::absolute(options.directory, error).string());
  const std::string prefix = ShellWord(KeyText(data.records.front().section + "/"));
  std::printf("Look around in it:\n");
  std::printf("  %s keyspaces %s\n", command.c_str(), database.c_str());
  std::printf("  %s scan %s --keyspace sections --prefix %s --limit 5\n", command.c_str(),
              database.c_str(), prefix.c_str());
  std::printf("  %s stats %s\n", command.c_str(), database.c_str());
  std::printf("  %s --help\n", command.c_str());
}

}  // namespace

int Run(const Data& data, const RunOptions& options) {
  const uint64_t start_us = NowMicros();
  for (const auto& part : {Prepare, LoadAndKill, UseAgain}) {
    const int failed = part(data, options);
    if (failed != 0) return failed;
  }
  std::printf("\nEverything held, in %s. ", Seconds(NowMicros() - start_us).c_str());
  PrintCommands(data, options);
  return 0;
}

}  // namespace package_index
