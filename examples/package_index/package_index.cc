// The package index of this machine in a database; the process that loads it is killed part way.
//
//   logwood_package_index [run]   everything, step by step; what tools/quickstart runs
//   logwood_package_index load    only the loader (run starts it as a child and kills it)
//   logwood_package_index verify  what is acknowledged is there, nothing is there by half
//   logwood_package_index query   lookups, scans, statistics
//
// Uses the public API alone. Exit status 0: all is as it must be; 1: something is not; 2: usage.
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "acknowledgements.h"
#include "data.h"
#include "query.h"
#include "run.h"
#include "store.h"
#include "text.h"
#include "verify.h"

namespace package_index {

namespace {

constexpr const char* kUsage =
    R"(usage: logwood_package_index [run|load|verify|query] [options] [FILE]

Without FILE the records are the package index of this machine (apt-cache dumpavail), or where there
is none the license texts and headers of the system. FILE is TSV (key<TAB>value) or JSON lines
({"key":"...","value":"..."}, by the ending .jsonl).

  run     load, kill the loader with SIGKILL part way, recover, verify, continue, query (default)
  load    load and acknowledge
  verify  check every record
  query   lookups, scans, statistics

  --dir DIR          the database; "package_index.db" without it. `run` replaces what an
                     earlier run left there and in DIR.acknowledged, nothing else
  --first-batch N    where load begins; 0 without it
  --pause-us N       load waits this long after each commit
  --help

Examples:
  logwood_package_index
  logwood_package_index run --dir /tmp/packages.db
  logwood_package_index run records.tsv
  logwood_package_index query --dir /tmp/packages.db
)";

struct Arguments {
  std::string command = "run";
  RunOptions run;
  LoadOptions load;
};

enum class Parsed { kRun, kHelp, kWrong };

Parsed Parse(int argc, char** argv, Arguments* arguments) {
  static const option kOptions[] = {{"dir", required_argument, nullptr, 'd'},
                                    {"first-batch", required_argument, nullptr, 'b'},
                                    {"pause-us", required_argument, nullptr, 'p'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    if (c == 'd') {
      std::string& directory = arguments->run.directory;
      directory = optarg;
      while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
    } else if (c == 'b') {
      arguments->load.first_batch = std::strtoull(optarg, nullptr, 10);
    } else if (c == 'p') {
      arguments->load.pause_us = std::strtoull(optarg, nullptr, 10);
    } else {
      return c == 'h' ? Parsed::kHelp : Parsed::kWrong;
    }
  }
  bool named = false;
  for (int i = optind; i < argc; ++i) {
    const std::string word = argv[i];
    if (!named && (word == "run" || word == "load" || word == "verify" || word == "query")) {
      arguments->command = word;
      named = true;
    } else if (arguments->run.file.empty()) {
      arguments->run.file = word;
    } else {
      return Parsed::kWrong;
    }
  }
  return Parsed::kRun;
}

int Problem(const std::string& what) {
  std::fprintf(stderr, "logwood_package_index: %s\n", what.c_str());
  return 1;
}

int RunPart(const Arguments& arguments, const Data& data) {
  const bool load = arguments.command == "load";
  const std::string acknowledgements = AcknowledgementsOf(arguments.run.directory);
  if (load && LookAtAcknowledgements(acknowledgements) == AcknowledgementsAre::kForeign) {
    return Problem(acknowledgements +
                   ": it is no file of acknowledgements that this program reads");
  }
  logwood::Result<Store> store =
      OpenStore(arguments.run.directory, load ? Access::kWrite : Access::kRead);
  if (!store.ok()) return Problem(store.status().ToString());
  bool ok = true;
  if (load) {
    LoadOptions options = arguments.load;
    options.acknowledgements = acknowledgements;
    const logwood::Status status = Load(*store, data, options);
    if (!status.ok()) return Problem(status.ToString());
  } else if (arguments.command == "verify") {
    ok = Report(Verify(*store, data, ReadAcknowledged(acknowledgements).batches));
  } else {
    const bool found = Lookups(*store, data);
    ok = Scans(*store, data) && found;
    PrintStatistics(*store);
  }
  const logwood::Status closed = store->db->Close();
  if (!closed.ok()) return Problem(closed.ToString());
  return ok ? 0 : 1;
}

}  // namespace

int Main(int argc, char** argv) {
  Arguments arguments;
  switch (Parse(argc, argv, &arguments)) {
    case Parsed::kHelp:
      std::fputs(kUsage, stdout);
      return 0;
    case Parsed::kWrong:
      std::fputs(kUsage, stderr);
      return 2;
    case Parsed::kRun:
      break;
  }
  const Data data = ReadData(arguments.run.file);
  if (!data.error.empty()) return Problem(data.error);
  return arguments.command == "run" ? Run(data, arguments.run) : RunPart(arguments, data);
}

}  // namespace package_index

int main(int argc, char** argv) { return package_index::Main(argc, argv); }
