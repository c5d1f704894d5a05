// Each sync that the database asks for, removed one at a time: the enumerator must notice, or that
// sync is not needed and goes. Besides: every sync in the sources is in the table.
//
//   crash_tests --gtest_filter='*SyncMutants*'
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/crash_explorer.h"
#include "tests/support/environment.h"

namespace logwood::test {
namespace {

using Phase = SyncCall::Phase;

struct SyncMutant {
  std::string name;  // of the test
  // The line in the sources that asks for it: "file: text".
  std::string site;
  std::function<bool(const SyncCall&)> is_removed;
  std::vector<std::string> stories;  // one of them must notice
  bool only_last_step = false;       // looks at no other: for long stories
};

constexpr char kLogSync[] = "wal/segment_writer.cc: return state_->file->Sync();";
constexpr char kLogSyncs[] = "db/commit_log.cc: writer->Sync()";
constexpr char kLogNames[] = "db/commit_log.cc: SyncDirectory(options_.directory)";
constexpr char kReplayed[] = "db/open.cc: file->Sync()";
constexpr char kTableNames[] = "db/background.cc: SyncDirectory(core.path)";
constexpr char kManifest[] = "db/manifest.cc: file_->Sync()";
constexpr char kTable[] = "compaction/table_sink.cc: file_->Sync()";

// In a step, by the thread of the story or by one of the database.
auto InStep(std::string step, std::string end, bool by_story, uint64_t number = 0) {
  return [=](const SyncCall& call) {
    return call.phase == Phase::kRunning && call.step == step && call.IsOf(end) &&
           call.by_story == by_story && (number == 0 || call.number == number);
  };
}
auto InPhase(Phase phase, std::string end, uint64_t number = 0) {
  return [=](const SyncCall& call) {
    return call.phase == phase && call.IsOf(end) && (number == 0 || call.number == number);
  };
}

std::vector<SyncMutant> Mutants() {
  std::vector<SyncMutant> all = {
      // ---- The log.
      {"LogAtPowerCommit", kLogSync, InStep("power-put", ".log", true), {"power-put"}},
      {"LogAtPowerCommitInTheLoop", kLogSyncs, InStep("power-put", ".log", true), {"power-put"}},
      {"LogAtWaitDurable", kLogSync, InStep("wait-durable", ".log", true), {"put wait-durable"}},
      {"LogBeforeFlush", kLogSync, InStep("flush", ".log", false), {"put flush"}},
      {"LogWhenIdleFirst", kLogSync, InStep("idle", ".log", false, 1), {"put idle", "idle idle"}},
      {"LogWhenIdleSecond", kLogSync, InStep("idle", ".log", false, 2), {"idle idle"}},
      {"LogAtClose", kLogSync, InPhase(Phase::kClosing, ".log"), {"put reopen"}},
      {"LogAtRotation", kLogSync, InStep("rotate", ".log", true),
       {"@tiny-segments rotate power-put"}, true},
      {"LogNamesAtPowerCommit", kLogNames, InStep("power-put", "/db", true), {"power-put"}},
      {"LogNamesBeforeFlush", kLogNames, InStep("flush", "/db", false, 1), {"put flush"}},
      {"LogNamesAtClose", kLogNames, InPhase(Phase::kClosing, "/db"), {"put reopen"}},
      {"NamesOfReplayedLog", "db/open.cc: return fs_->SyncDirectory(path_);",
       InPhase(Phase::kOpening, "/db", 1),
       {"put kill", "@tiny-segments fill kill", "@tiny-segments fill kill fill kill-spill reopen",
        "huge-put kill kill put reopen"}},
      {"ReplayedLog", kReplayed, InPhase(Phase::kOpening, ".log"), {"put kill", "batch kill"}},
      // ---- Tables.
      {"TableOfFlush", kTable, InStep("flush", ".table", false), {"put flush"}},
      {"TableOfCompaction", kTable, InStep("compact", ".table", true), {"put flush put compact"}},
      {"TableOfReplay", kTable, InPhase(Phase::kOpening, ".table"), {"fill kill-spill"}},
      {"TableNamesOfFlush", kTableNames, InStep("flush", "/db", false, 2), {"put flush"}},
      {"TableNamesOfCompaction", kTableNames, InStep("compact", "/db", true),
       {"put flush put compact"}},
      // ---- Manifest and root.
      {"ManifestWhenNew", kManifest, InPhase(Phase::kOpening, ".manifest"), {"put", "put reopen"}},
      {"ManifestAtFlush", kManifest, InStep("flush", ".manifest", false), {"put flush"}},
      {"ManifestAtCompaction", kManifest, InStep("compact", ".manifest", true),
       {"put flush put compact"}},
      {"ManifestAtClose", kManifest, InPhase(Phase::kClosing, ".manifest"), {"put reopen"}},
      {"ManifestWhenIdle", kManifest, InStep("open-and-idle", ".manifest", false),
       {"put open-and-idle"}},
      {"RootWhenNew", "db/manifest.cc: file->Sync()", InPhase(Phase::kOpening, "ROOT.new"),
       {"put reopen"}},
      {"NamesBeforeRoot", "db/manifest.cc: SyncDirectory(directory)",
       InPhase(Phase::kOpening, "/db", 2), {"put reopen"}},
      {"NamesOfRoot", "db/manifest.cc: return fs->SyncDirectory(directory)",
       InPhase(Phase::kOpening, "/db", 3), {"put reopen"}},
  };
  return all;
}

class SyncMutants : public testing::TestWithParam<SyncMutant> {};

TEST_P(SyncMutants, IsNoticed) {
  ExploreOptions options;
  options.nests_one_in = 0;
  options.states_per_change = EnvironmentNumber("LOGWOOD_STATES", 200);
  options.only_last_step = GetParam().only_last_step;
  options.damages_one_in = 2;
  options.story.lying_syncs = GetParam().is_removed;
  ExploreResult all;
  for (const std::string& story : GetParam().stories) {
    const auto script = ParseScript(story);
    ASSERT_TRUE(script) << story;
    if (all.failures.empty()) all.Add(CrashExplorer(options).Explore(*script));
  }
  std::cout << "    " << all.ToString() << "\n";
  if (!all.failures.empty()) std::cout << "    " << all.failures[0] << "\n";
  EXPECT_FALSE(all.failures.empty()) << "this sync is not needed: " << GetParam().site;
}

INSTANTIATE_TEST_SUITE_P(All, SyncMutants, testing::ValuesIn(Mutants()),
                         [](const auto& mutant) { return mutant.param.name; });

}  // namespace
}  // namespace logwood::test
