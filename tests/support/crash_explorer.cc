#include "tests/support/crash_explorer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "util/hash.h"
#include "util/random.h"

namespace logwood::test {

namespace {

constexpr std::string_view kCrashMagic = "logwood crash 1\n";

}  // namespace

void ExploreResult::Add(const ExploreResult& other) {
  changes += other.changes;
  states += other.states;
  repeated += other.repeated;
  nested += other.nested;
  lost += other.lost;
  unopened += other.unopened;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

std::string ExploreResult::ToString() const {
  return std::to_string(states) + " states (" + std::to_string(nested) + " of recoveries) at " +
         std::to_string(changes) + " changes, " + std::to_string(repeated) + " repeated, " +
         std::to_string(unopened) + " not opened, " + std::to_string(lost) + " wrong";
}

ExploreResult CrashExplorer::Explore(const std::vector<StepKind>& steps) {
  SeedIdsForTesting(options_.seed);  // so that equal states of different stories are equal bytes
  CrashStory story(steps);
  SimulatedFileSystem* last = nullptr;
  const Status ran = story.Run(options_.disk, [&](SimulatedFileSystem* disk) {
    last = disk;
    if (options_.lying_syncs) disk->SetLyingSyncs(options_.lying_syncs);
    disk->SetFault([this, &story, disk](FileOp op, const std::string&) {
      if (IsChange(op)) Look(story, disk, nullptr, 1);
      return Status::Ok();
    });
  });
  Look(story, last, nullptr, 1);
  last->SetFault({});
  MutexLock lock(mutex_);
  if (!ran.ok()) result_.failures.push_back(StepsText(steps) + ": " + ran.ToString());
  return std::exchange(result_, {});
}

bool CrashExplorer::GivenUp() {
  MutexLock lock(mutex_);
  return result_.failures.size() >= options_.failures_max;
}

bool CrashExplorer::IsNew(uint64_t hash, const CrashOracle::Bounds& bounds) {
  MutexLock lock(mutex_);
  const bool is_new = seen_.insert(HashMix(HashMix(hash, bounds.at_least), bounds.at_most)).second;
  ++(is_new ? result_.states : result_.repeated);
  return is_new;
}

void CrashExplorer::Look(const CrashStory& story, SimulatedFileSystem* disk, const Promise* promise,
                         int depth) {
  MutexLock look(looks_[depth]);
  if (GivenUp()) return;
  SimulatedFileSystem::CrashLimits limits;
  limits.states_max = depth == 1 ? options_.states_per_change : options_.nested_states;
  {
    MutexLock lock(mutex_);
    limits.seed = options_.seed * 1'000'003 + ++looked_;
    ++result_.changes;
  }
  // In this order: what becomes durable while we look asks for no more, what is issued allows more.
  Promise now{story.durable(), story.acknowledged(), 0};
  auto killed = disk->KilledState();
  std::vector<std::unique_ptr<SimulatedFileSystem>> states;
  disk->ForEachCrashState(limits, [&](std::unique_ptr<SimulatedFileSystem> state) {
    states.push_back(std::move(state));
    return true;
  });
  now.issued = story.issued();
  if (promise != nullptr) now = *promise;
  // Of what is killed, power may still take what was not durable; what is left by power is.
  CheckState(story, std::move(killed), now, depth);
  now.acknowledged = now.durable;
  for (auto& state : states) CheckState(story, std::move(state), now, depth);
}

void CrashExplorer::CheckState(const CrashStory& story, std::unique_ptr<SimulatedFileSystem> state,
                               const Promise& promise, int depth) {
  const CrashOracle::Bounds bounds = {promise.acknowledged, promise.issued};
  const uint64_t hash = state->ContentHash();
  if (GivenUp() || !IsNew(hash, bounds)) return;
  if (depth > 1) {
    MutexLock lock(mutex_);
    ++result_.nested;
  }
  // By its content, so that the same state is always treated alike.
  const uint64_t dice = HashMix(hash, options_.seed);
  const bool nests =
      depth < options_.depth && options_.nests_one_in != 0 && dice % options_.nests_one_in == 0;
  CrashOracle::CheckOptions check;
  if (!nests && dice % 3 == 1) check.second_life = dice;
  const std::string saved = options_.save_directory.empty() ? "" : state->Save();
  SimulatedFileSystem* const disk = state.get();
  if (nests) {
    disk->SetFault([this, &story, disk, promise, depth](FileOp op, const std::string&) {
      if (IsChange(op)) Look(story, disk, &promise, depth + 1);
      return Status::Ok();
    });
  }
  const Status status = story.oracle().Check(disk, bounds, check);
  disk->SetFault({});
  if (!status.ok()) Fail(story, saved, bounds, check.second_life.value_or(0), status);
}

void CrashExplorer::Fail(const CrashStory& story, const std::string& disk,
                         const CrashOracle::Bounds& bounds, uint64_t second_life,
                         const Status& status) {
  MutexLock lock(mutex_);
  ++(status.message().find("does not open") != std::string_view::npos ? result_.unopened
                                                                      : result_.lost);
  std::string text = StepsText(story.steps()) + ": " + std::string(status.message());
  if (!options_.save_directory.empty()) {
    const std::string path =
        options_.save_directory + "/" + std::to_string(Hash64(disk, bounds.at_least)) + ".crash";
    std::filesystem::create_directories(options_.save_directory);
    std::ofstream(path, std::ios::binary) << SaveCrash(story.steps(), bounds, second_life, disk);
    text += "\n  logwood_crash_replay " + path;
  }
  result_.failures.push_back(std::move(text));
}

std::string SaveCrash(const std::vector<StepKind>& steps, const CrashOracle::Bounds& bounds,
                      uint64_t second_life, const std::string& disk) {
  return std::string(kCrashMagic) + StepsText(steps) + "\n" + std::to_string(bounds.at_least) +
         " " + std::to_string(bounds.at_most) + " " + std::to_string(second_life) + "\n" + disk;
}

Status ReplayCrash(std::string_view saved) {
  const Status wrong = Status::InvalidArgument("this is no saved crash state");
  if (!saved.starts_with(kCrashMagic)) return wrong;
  saved.remove_prefix(kCrashMagic.size());
  const size_t steps_end = saved.find('\n');
  if (steps_end == std::string_view::npos) return wrong;
  const auto steps = ParseSteps(saved.substr(0, steps_end));
  saved.remove_prefix(steps_end + 1);
  const size_t bounds_end = saved.find('\n');
  if (!steps || bounds_end == std::string_view::npos) return wrong;
  CrashOracle::Bounds bounds;
  uint64_t second_life = 0;
  std::istringstream numbers{std::string(saved.substr(0, bounds_end))};
  if (!(numbers >> bounds.at_least >> bounds.at_most >> second_life)) return wrong;
  auto disk = SimulatedFileSystem::Load(saved.substr(bounds_end + 1));
  if (!disk.ok()) return disk.status();
  CrashOracle::CheckOptions options;
  if (second_life != 0) options.second_life = second_life;
  return CrashStory(*steps).oracle().Check(disk->get(), bounds, options);
}

}  // namespace logwood::test
