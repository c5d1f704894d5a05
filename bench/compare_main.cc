// logwood_compare: Logwood beside LevelDB and RocksDB with equal settings, one key stream, runs
// that take turns (A B C, B C A, ...) and verified results. Only ratios inside one call mean
// something.
//
//   logwood_compare --num 1000000 --runs 3 --engines logwood,leveldb,rocksdb --json compare.json
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/compare_engine.h"
#include "bench/compare_report.h"
#include "bench/compare_workload.h"

namespace logwood::bench {
namespace {

struct Arguments {
  uint64_t num = 1'000'000;
  uint64_t sync_num = 2'000;
  uint64_t runs = 3;
  std::vector<CompareEngineKind> engines = CompareEngines();
  std::string directory = (std::filesystem::temp_directory_path() / "logwood_compare").string();
  std::string json;
};

[[noreturn]] void Usage(const char* problem) {
  std::string names;
  for (const CompareEngineKind& engine : CompareEngines()) names += " " + engine.name;
  std::fprintf(stderr,
               "logwood_compare: %s\n"
               "usage: logwood_compare [--num N] [--sync-num N] [--runs N] [--engines A,B,...]\n"
               "                       [--dir DIRECTORY] [--json FILE]\n"
               "  --num N       entries of each workload (1000000)\n"
               "  --sync-num N  entries of fillsync (2000)\n"
               "  --runs N      turns of each engine (3)\n"
               "  --engines     of:%s\n"
               "  --dir         scratch directory below the temporary one\n"
               "  --json FILE   writes every rate there, too\n",
               problem, names.c_str());
  std::exit(2);
}

uint64_t NumberOf(const char* text) {
  char* end = nullptr;
  const uint64_t number = std::strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0' || number == 0) Usage("a number above 0 is wanted");
  return number;
}

std::vector<CompareEngineKind> EnginesOf(std::string names) {
  std::vector<CompareEngineKind> engines;
  names += ",";
  for (size_t begin = 0, end; (end = names.find(',', begin)) != std::string::npos;
       begin = end + 1) {
    const std::string name = names.substr(begin, end - begin);
    const size_t before = engines.size();
    for (const CompareEngineKind& engine : CompareEngines())
      if (engine.name == name) engines.push_back(engine);
    if (engines.size() == before) Usage("an engine that is not compiled in");
  }
  return engines;
}

Arguments Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--help" || i + 1 == argc) Usage("every flag takes a value");
    const char* const value = argv[i + 1];
    if (flag == "--num") {
      arguments.num = NumberOf(value);
    } else if (flag == "--sync-num") {
      arguments.sync_num = NumberOf(value);
    } else if (flag == "--runs") {
      arguments.runs = NumberOf(value);
    } else if (flag == "--engines") {
      arguments.engines = EnginesOf(value);
    } else if (flag == "--dir") {
      arguments.directory = value;
    } else if (flag == "--json") {
      arguments.json = value;
    } else {
      Usage("an unknown flag");
    }
  }
  return arguments;
}

int Main(int argc, char** argv) {
  const Arguments arguments = Parse(argc, argv);
  const CompareSettings settings;
  CompareData data(arguments.num);
  std::vector<std::vector<std::vector<CompareResult>>> results(arguments.engines.size());
  for (uint64_t run = 0; run < arguments.runs; ++run) {
    for (size_t turn = 0; turn < arguments.engines.size(); ++turn) {
      const size_t index = (run + turn) % arguments.engines.size();
      const CompareEngineKind& engine = arguments.engines[index];
      std::fprintf(stderr, "run %llu of %llu: %s\n", static_cast<unsigned long long>(run + 1),
                   static_cast<unsigned long long>(arguments.runs), engine.name.c_str());
      const std::string directory = arguments.directory + "/" + engine.name;
      results[index].push_back(
          RunWorkloads(engine, settings, directory, &data, arguments.sync_num));
      std::filesystem::remove_all(directory);
    }
  }
  CompareReport report;
  for (size_t index = 0; index < results.size(); ++index)
    for (const std::vector<CompareResult>& run : results[index])
      report.Add(arguments.engines[index].name, run);
  std::fputs(report.ToText().c_str(), stdout);
  if (arguments.json.empty()) return 0;
  std::FILE* const file = std::fopen(arguments.json.c_str(), "w");
  const std::string text = report.ToJson() + "\n";
  if (file == nullptr || std::fputs(text.c_str(), file) < 0 || std::fclose(file) != 0) {
    std::perror(arguments.json.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace logwood::bench

int main(int argc, char** argv) { return logwood::bench::Main(argc, argv); }
