// Each sync that the database asks for, removed one at a time: the enumerator must notice, or that
// sync is not needed and goes. Besides: every sync in the sources is in the table.
//
//   crash_tests --gtest_filter='*SyncMutants*'
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/crash_explorer.h"
#include "tests/support/environment.h"

namespace logwood::test {
namespace {

using Phase = SyncCall::Phase;
using Rule = std::function<bool(const SyncCall&)>;  // which syncs do nothing

struct SyncMutant {
  std::string name;  // of the test
  // The line in the sources that asks for it: "file: text".
  std::string site;
  Rule is_removed;
  std::vector<std::string> stories;  // one of them must notice
  bool only_last_step = false;       // looks at no other: for long stories
};
void PrintTo(const SyncMutant& mutant, std::ostream* out) { *out << mutant.site; }

constexpr char kLogSync[] = "db/commit_log.cc: writer->Sync()";
constexpr char kLogNames[] = "db/commit_log.cc: SyncDirectory(options_.directory)";
constexpr char kReplayed[] = "db/open.cc: file->Sync()";
constexpr char kTableNames[] = "db/background.cc: SyncDirectory(core.path)";
constexpr char kManifest[] = "db/manifest.cc: file_->Sync()";
constexpr char kDestroyed[] = "db/destroy.cc: fs->SyncDirectory(path)";
constexpr char kTable[] = "compaction/table_sink.cc: file_->Sync()";

// In a step, by the thread of the story or by one of the database.
Rule InStep(std::string step, std::string end, bool by_story, uint64_t number = 0) {
  return [=](const SyncCall& call) {
    return call.phase == Phase::kRunning && call.step == step && call.IsOf(end) &&
           call.by_story == by_story && (number == 0 || call.number == number);
  };
}
Rule InPhase(Phase phase, std::string end) {
  return [=](const SyncCall& call) { return call.phase == phase && call.IsOf(end); };
}
// Those by a thread that synced such a file before.
Rule After(std::string end, const Rule& rule) {
  return [=](const SyncCall& call) { return call.after.ends_with(end) && rule(call); };
}

std::vector<SyncMutant> Mutants() {
  std::vector<SyncMutant> all = {
      // ---- The log.
      {"LogAtPowerCommit", kLogSync, InStep("power-put", ".log", true), {"power-put"}},
      {"LogAtWaitDurable", kLogSync, InStep("wait-durable", ".log", true), {"put wait-durable"}},
      {"LogBeforeFlush", kLogSync, InStep("flush", ".log", false), {"put flush"}},
      {"LogWhenIdleFirst", kLogSync, InStep("idle", ".log", false, 1), {"put idle", "idle idle"}},
      {"LogWhenIdleSecond", kLogSync, InStep("idle", ".log", false, 2), {"idle idle"}},
      {"LogAtClose", kLogSync, InPhase(Phase::kClosing, ".log"), {"put reopen"}},
      {"LogAtRotation",
       kLogSync,
       InStep("rotate", ".log", true),
       {"@tiny-segments rotate power-put"},
       true},
      {"LogNamesAtPowerCommit", kLogNames, InStep("power-put", "db", true), {"power-put"}},
      {"LogNamesBeforeFlush",
       kLogNames,
       After(".log", InStep("flush", "db", false)),
       {"put flush"}},
      {"LogNamesAtClose", kLogNames, InPhase(Phase::kClosing, "db"), {"put reopen"}},
      {"ReplayedLog", kReplayed, InPhase(Phase::kOpening, ".log"), {"put kill", "batch kill"}},
      // ---- Tables.
      {"TableOfFlush", kTable, InStep("flush", ".table", false), {"put flush"}},
      {"TableOfCompaction", kTable, InStep("compact", ".table", true), {"put flush put compact"}},
      {"TableOfReplay", kTable, InPhase(Phase::kOpening, ".table"), {"fill kill-spill"}},
      {"TableNamesOfFlush",
       kTableNames,
       After(".table", InStep("flush", "db", false)),
       {"put flush"}},
      {"TableNamesOfCompaction",
       kTableNames,
       After(".table", InStep("compact", "db", true)),
       {"put flush put compact"}},
      // ---- Manifest and root.
      {"ManifestWhenNew", kManifest, InPhase(Phase::kOpening, ".manifest"), {"put", "put reopen"}},
      {"ManifestAtFlush", kManifest, InStep("flush", ".manifest", false), {"put flush"}},
      {"ManifestAtCompaction",
       kManifest,
       InStep("compact", ".manifest", true),
       {"put flush put compact"}},
      {"ManifestAtClose", kManifest, InPhase(Phase::kClosing, ".manifest"), {"put reopen"}},
      {"ManifestWhenIdle",
       kManifest,
       InStep("open-and-idle", ".manifest", false),
       {"put open-and-idle"}},
      {"RootWhenNew",
       "db/manifest.cc: file->Sync()",
       InPhase(Phase::kOpening, "ROOT.new"),
       {"put reopen"}},
      {"NamesBeforeRoot",
       "db/manifest.cc: RETURN_IF_ERROR(fs->SyncDirectory(directory))",
       After("/ROOT.new", InPhase(Phase::kOpening, "db")),
       {"put reopen"}},
      {"NamesOfRoot",
       "db/manifest.cc: return fs->SyncDirectory(directory)",
       After("db", InPhase(Phase::kOpening, "db")),
       {"put reopen"}},
  };
  return all;
}

class SyncMutants : public testing::TestWithParam<SyncMutant> {};

TEST_P(SyncMutants, IsNoticed) {
  constexpr int kTurns = 10;
  ExploreOptions options;
  options.nests_one_in = 0;
  options.states_per_change = EnvironmentNumber("LOGWOOD_STATES", 200);
  options.damages_one_in = 2;
  options.story.lying_syncs = GetParam().is_removed;
  ExploreResult all;
  // A log that falls idle in the middle, while states are looked at, makes the sync before.
  for (int turn = 0; turn < kTurns && all.failures.empty(); ++turn) {
    for (const std::string& story : GetParam().stories) {
      const auto script = ParseScript(story);
      ASSERT_TRUE(script) << story;
      options.only_last_step = GetParam().only_last_step || turn % 2 == 1;
      if (all.failures.empty()) all.Add(CrashExplorer(options).Explore(*script));
    }
  }
  std::cout << "    " << all.ToString() << "\n";
  if (!all.failures.empty()) std::cout << "    " << all.failures[0] << "\n";
  EXPECT_FALSE(all.failures.empty()) << "this sync is not needed: " << GetParam().site;
  // With the sync all of it is right.
  options.story.lying_syncs = {};
  options.states_per_change = 20;
  for (const std::string& story : GetParam().stories) {
    const ExploreResult right = CrashExplorer(options).Explore(*ParseScript(story));
    EXPECT_THAT(right.failures, testing::IsEmpty()) << story;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SyncMutants, testing::ValuesIn(Mutants()),
                         [](const auto& mutant) { return mutant.param.name; });

// Destroying is no story: nothing must be there afterwards, but what a crash leaves of it must let
// itself be destroyed. Empty: it did.
std::string WrongBehindDestroy(bool without_its_sync) {
  SimulatedFileSystem disk;
  Options options = CrashOptions(CrashProfiles()[0]);
  options.file_system = &disk;
  auto db = DB::Open(options, "db");
  if (!db.ok() || !(*db)->Put({}, "key", "value").ok() || !(*db)->Flush().ok())
    return "no database";
  db->reset();
  std::vector<std::unique_ptr<SimulatedFileSystem>> states;
  const auto take = [&](std::unique_ptr<SimulatedFileSystem> state) {
    states.push_back(std::move(state));
    return true;
  };
  const auto look = [&] { disk.ForEachCrashState({.states_max = 300}, take); };
  disk.SetLyingSyncs([&](const std::string&) { return without_its_sync; });
  disk.SetFault([&](FileOp op, const std::string&) {
    if (IsChange(op)) look();
    return Status::Ok();
  });
  if (const Status destroyed = DB::Destroy(options, "db"); !destroyed.ok()) {
    return destroyed.ToString();
  }
  disk.SetFault({});
  look();
  if (states.size() < 30) return "only " + std::to_string(states.size()) + " states";
  for (const auto& state : states) {
    options.file_system = state.get();
    const auto names = state->List("db");
    if (names.ok() && names->empty()) continue;  // all is done but for the directory itself
    const Status again = DB::Destroy(options, "db");
    if (!again.ok()) return again.ToString();
  }
  return "";
}

TEST(SyncMutantsOfDestroy, ADestroyCutShortCanBeFinishedButNotWithoutItsSync) {
  EXPECT_EQ(WrongBehindDestroy(false), "");
  EXPECT_THAT(WrongBehindDestroy(true), testing::HasSubstr("there is no database"));
}

// ---- The table is complete.

// "file: line" of each line of the engine that asks for a sync. Not of util/: there the seam to the
// system carries out what these ask for; what it syncs by itself, the parents of a directory it
// makes, only NewDirectory of faults_test.cc comes to, and no simulated disk does.
std::vector<std::string> SyncsInSources() {
  const std::regex asks("(->|\\.)Sync(Directory)?\\(");
  std::vector<std::string> lines;
  for (const char* folder : {"compaction", "db", "memtable", "table", "wal"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(LOGWOOD_SOURCE_DIR "/") + folder)) {
      std::ifstream in(entry.path());
      const std::string file = std::string(folder) + "/" + entry.path().filename().string();
      for (std::string line; std::getline(in, line);) {
        if (std::regex_search(line, asks)) lines.push_back(file + ": " + line);
      }
    }
  }
  return lines;
}

// A line of the sources, and one of the table.
bool IsSite(const std::string& line, const std::string& site) {
  const size_t colon = site.find(": ");
  return line.starts_with(site.substr(0, colon + 1)) &&
         line.find(site.substr(colon + 2), colon) != std::string::npos;
}

TEST(SyncMutantsTable, HasEverySyncInTheSourcesAndNoOther) {
  // The last two pass on what somebody else asked for; SalvageCutOff leaves out the second.
  std::vector<std::string> sites = {kDestroyed,
                                    "db/salvage_target.cc: fs->SyncDirectory(options_.target)",
                                    "wal/segment_writer.cc: state_->file->Sync()",
                                    "db/guarded_file_system.h: directory_->Sync()"};
  for (const SyncMutant& mutant : Mutants()) sites.push_back(mutant.site);
  const std::vector<std::string> lines = SyncsInSources();
  for (const std::string& line : lines) {
    EXPECT_TRUE(std::any_of(sites.begin(), sites.end(),
                            [&](const std::string& site) { return IsSite(line, site); }))
        << "has no mutant: " << line;
  }
  for (const std::string& site : sites) {
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(),
                            [&](const std::string& line) { return IsSite(line, site); }))
        << "is nowhere in the sources: " << site;
  }
}

}  // namespace
}  // namespace logwood::test
