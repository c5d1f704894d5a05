#include "tests/support/crash_explorer.h"

#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "util/check.h"
#include "util/coding.h"
#include "util/hash.h"
#include "util/random.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr std::string_view kCrashMagic = "logwood crash 3\n";

// Thousands of databases a second come and go: memory given back to the system and taken again was
// a third of the time.
void KeepFreedMemory() {
  static const bool kept = [] {
    constexpr int kKeptBytes = 256 << 20;
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most there is
    mallopt(M_TOP_PAD, 16 << 20);
    return true;
  }();
  static_cast<void>(kept);
}

}  // namespace

void ExploreResult::Add(const ExploreResult& other) {
  stories += other.stories;
  changes += other.changes;
  states += other.states;
  contents.insert(other.contents.begin(), other.contents.end());
  repeated += other.repeated;
  nested += other.nested;
  cut += other.cut;
  lost += other.lost;
  unopened += other.unopened;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

std::string ExploreResult::ToString() const {
  std::string text;
  const std::pair<const char*, uint64_t> figures[] = {
      {"stories", stories},          {"changes", changes},    {"states", states},
      {"distinct", contents.size()}, {"recoveries cut", cut}, {"within recoveries", nested},
      {"repeated", repeated},        {"lost", lost},          {"unopened", unopened},
      {"failures", failures.size()}};
  for (const auto& [name, value] : figures)
    text.append(text.empty() ? "" : " ").append(name).append("=").append(std::to_string(value));
  return text;
}

// A recovery that is looked at: once it is through, what it found must stay.
class CrashExplorer::Recovery {
 public:
  explicit Recovery(const Promise& promise) : promise_(promise) {}
  void Opened(LogPos found) { found_ = found; }
  void Looked() { looked_ = true; }
  bool looked() const { return looked_; }  // at a change that it made

  Promise promise() const {
    Promise now = promise_;
    now.known.closed_cleanly = false;
    const LogPos found = found_;
    if (found == kNotYet) return now;
    now.known.durable = now.known.acknowledged = now.issued = found;
    now.known.proven = now.known.proven_beside_log = found;
    return now;
  }

 private:
  static constexpr LogPos kNotYet = ~LogPos{0};
  const Promise promise_;
  std::atomic<LogPos> found_{kNotYet};
  std::atomic<bool> looked_{false};
};

CrashExplorer::CrashExplorer(const ExploreOptions& options) : options_(options) {
  CHECK(options.depth >= 1 && options.depth <= kDepthMax);
  KeepFreedMemory();
}

ExploreResult CrashExplorer::Explore(const CrashScript& script) {
  SeedIdsForTesting(options_.seed);
  CrashStory story(script, options_.story);
  story_ = &story;
  const Status ran = RunStory(&story);
  looks_now_ = false;
  MutexLock lock(mutex_);
  if (!ran.ok()) {
    result_.failures.push_back(script.ToString() + ": " + ran.ToString() + "\n  " +
                               CommandFor(script));
  }
  result_.stories = 1;
  seen_.clear();  // expectations are of this story
  return std::exchange(result_, {});
}

std::string CrashExplorer::CommandFor(const CrashScript& script) const {
  std::string command = "LOGWOOD_SEED=" + std::to_string(options_.seed);
  command.append(" LOGWOOD_FAILED_SYNC=").append(FailedSyncName(options_.story.disk.failed_sync));
  command += " LOGWOOD_FAILED_SYNC_SEED=" + std::to_string(options_.story.disk.failed_sync_seed);
  command += " LOGWOOD_STATES=" + std::to_string(options_.states_per_change);
  command += " LOGWOOD_DEPTH=" + std::to_string(options_.depth);
  command += " LOGWOOD_NESTS_ONE_IN=" + std::to_string(options_.nests_one_in);
  command += " LOGWOOD_NESTED_STATES=" + std::to_string(options_.nested_states);
  if (options_.only_extremes) command += " LOGWOOD_ONLY_EXTREMES=1";
  return command + " LOGWOOD_STEPS=\"" + script.ToString() +
         "\" crash_tests --gtest_filter=PowerLoss.OneStory";
}

Status CrashExplorer::RunStory(CrashStory* story) {
  looks_now_ = options_.looks && (!options_.only_last_step || story->script().steps.empty());
  RETURN_IF_ERROR(story->Open(this));
  const size_t steps = story->script().steps.size();
  for (size_t i = 0; i < steps; ++i) {
    const bool last = i + 1 == steps;
    const uint64_t changes = changes_;
    const LogPos position = story->oracle().last();
    if (last) looks_now_ = options_.looks;
    RETURN_IF_ERROR(story->Step());
    MutexLock lock(mutex_);
    if (last) result_.last_step_changed = changes_ != changes || story->oracle().last() != position;
  }
  if (options_.at_close) return story->Close();
  // Behind the last change, too: what was acknowledged last must be there now.
  if (looks_now_) Look(story->disk(), nullptr, 1);
  return Status::Ok();
}

void CrashExplorer::BeforeChange(SimulatedFileSystem* disk, FileOp /*op*/,
                                 const std::string& path) {
  if (IsEventLog(path)) return;
  ++changes_;
  if (looks_now_) Look(disk, nullptr, 1);
}

void CrashExplorer::Closed(SimulatedFileSystem* disk) {
  if (looks_now_) Look(disk, nullptr, 1);
}

bool CrashExplorer::GivenUp() {
  MutexLock lock(mutex_);
  return result_.failures.size() >= options_.failures_max;
}

bool CrashExplorer::IsNew(uint64_t hash, const Promise& promise) {
  uint64_t key = hash;
  const CrashStory::Known& known = promise.known;
  for (const uint64_t part : {known.acknowledged, known.proven, known.proven_beside_log,
                              uint64_t{known.closed_cleanly}, promise.issued}) {
    key = HashMix(key, part);
  }
  MutexLock lock(mutex_);
  const bool is_new = seen_.insert(key).second;
  if (!is_new) ++result_.repeated;
  return is_new;
}

void CrashExplorer::NoteRepeated() {
  MutexLock lock(mutex_);
  ++result_.repeated;
}

void CrashExplorer::Look(SimulatedFileSystem* disk, Recovery* recovery, int depth) {
  MutexLock look(looks_[depth]);
  if (GivenUp()) return;
  if (recovery != nullptr) recovery->Looked();
  SimulatedFileSystem::CrashLimits limits;
  limits.states_max = depth == 1 ? options_.states_per_change : options_.nested_states;
  limits.settled = IsEventLog;
  {
    MutexLock lock(mutex_);
    limits.seed = options_.seed * 1'000'003 + ++looked_;
    // Recovery reads the event log, too: now and then it is torn like all else.
    if (looked_ % 16 == 0) limits.settled = {};
    ++result_.changes;
  }
  // In this order: what becomes durable while we look asks for no more, what is issued allows more.
  Promise now = {story_->known(), 0};
  std::unique_ptr<SimulatedFileSystem> killed = disk->KilledState();
  now.issued = story_->oracle().last();
  if (recovery != nullptr) now = recovery->promise();
  // A kill leaves all that was acknowledged; a loss of power what was durable.
  Promise powerless = now;
  powerless.known.acknowledged = now.known.durable;
  std::vector<std::pair<uint64_t, std::unique_ptr<SimulatedFileSystem>>> states;
  uint64_t hash = 0;
  // Of what a kill leaves more is asked.
  const uint64_t killed_hash = killed->ContentHash(limits.settled);
  const auto is_wanted = [&](uint64_t candidate) {
    if (candidate != killed_hash) return IsNew(candidate, powerless);
    NoteRepeated();
    return false;
  };
  // The first is the loss of all there is to lose.
  const bool first_only = options_.only_extremes && depth == 1;
  limits.wanted = [&](uint64_t candidate) {
    hash = candidate;
    return first_only || is_wanted(candidate);
  };
  killed->ForEachCrashState(limits, [&](std::unique_ptr<SimulatedFileSystem> state) {
    if (!first_only || is_wanted(hash)) states.emplace_back(hash, std::move(state));
    return !first_only;
  });
  if (IsNew(killed_hash, now)) CheckState(std::move(killed), killed_hash, now, depth);
  for (auto& [state_hash, state] : states)
    CheckState(std::move(state), state_hash, powerless, depth);
}

void CrashExplorer::CheckState(std::unique_ptr<SimulatedFileSystem> state, uint64_t hash,
                               const Promise& promise, int depth) {
  if (GivenUp()) return;
  // By its content, so that the same state is always treated alike.
  Random dice(HashMix(hash, options_.seed));
  const bool nests =
      depth < options_.depth && options_.nests_one_in != 0 && dice.OneIn(options_.nests_one_in);
  {
    MutexLock lock(mutex_);
    ++result_.states;
    result_.contents.insert(hash);
    if (depth > 1) ++result_.nested;
  }
  SavedCrash crash;
  crash.story = story_->script().ToString();
  if (dice.OneIn(8)) crash.profile = 1 + dice.Uniform(CrashLookProfiles().size() - 1);
  // Which recoveries are cut whole does not depend on dice, nor under which options: as an
  // application opens it, with those of its life before, so that what goes on in the background
  // is cut, too.
  if (nests && options_.only_extremes) crash.profile = 1 + story_->script().profile;
  crash.read_only_first = dice.OneIn(16);
  crash.verify = dice.OneIn(32);
  if (dice.OneIn(options_.damages_one_in)) crash.damage = dice.Next();
  // What damage cuts off may lead anywhere, and the log is read from its beginning.
  crash.expected = Expected(promise, crash.damage != 0 || crash.verify ? 0 : kPositionMax);
  if (!nests && dice.OneIn(16)) crash.second_life = dice.Next();
  // As it is now, in case it must be saved: shares the bytes.
  std::unique_ptr<SimulatedFileSystem> before;
  if (!options_.save_directory.empty()) before = state->KilledState();

  CrashCheck check = crash.HowToCheck();
  check.between = options_.between;
  SimulatedFileSystem* const disk = state.get();
  Recovery recovery(promise);
  if (nests) {
    check.opened = [&](LogPos found) { recovery.Opened(found); };
    disk->SetFault([&](FileOp op, const std::string& path) {
      if (IsChange(op) && !IsEventLog(path)) Look(disk, &recovery, depth + 1);
      return Status::Ok();
    });
  }
  Status status = CheckCrash(disk, CrashStory::kPath, crash.expected, check);
  disk->SetFault({});
  if (status.ok() && nests && !GivenUp()) status = NoteCut(recovery);
  if (status.ok()) return;
  if (before != nullptr) crash.disk = before->Save();
  Fail(std::move(crash), status);
}

// A recovery is over that was to be cut at each of its changes.
Status CrashExplorer::NoteCut(const Recovery& recovery) {
  if (!recovery.looked()) return Status::Corruption("a recovery was cut at no change");
  MutexLock lock(mutex_);
  ++result_.cut;
  return Status::Ok();
}

CrashExpectation CrashExplorer::Expected(const Promise& promise, LogPos from) const {
  const CrashStory::Known& known = promise.known;
  CrashExpectation expected = story_->oracle().Expect(known.acknowledged, promise.issued, from);
  expected.proven = known.proven;
  expected.proven_beside_log = known.proven_beside_log;
  expected.closed_cleanly = known.closed_cleanly;
  expected.keeps_log = CrashProfiles()[story_->script().profile].log_retention_bytes != 0;
  return expected;
}

void CrashExplorer::Fail(SavedCrash crash, const Status& status) {
  MutexLock lock(mutex_);
  const bool opens = status.message().find("does not open") == std::string_view::npos;
  ++(opens ? result_.lost : result_.unopened);
  std::string text = crash.story + ": " + std::string(status.message());
  if (!options_.save_directory.empty()) {
    const std::string bytes = crash.Encode();
    const std::string path =
        options_.save_directory + "/" + std::to_string(Hash64(bytes)) + ".crash";
    std::filesystem::create_directories(options_.save_directory);
    std::ofstream(path, std::ios::binary) << bytes;
    text += "\n  logwood_crash_replay " + path;
  }
  result_.failures.push_back(text + "\n  " + CommandFor(story_->script()));
}

CrashCheck SavedCrash::HowToCheck() const {
  CrashCheck check;
  check.options = CrashOptions(CrashLookProfiles()[profile]);
  check.read_only_first = read_only_first;
  check.verify = verify;
  if (damage != 0) check.damage = damage;
  if (second_life != 0) check.second_life = second_life;
  return check;
}

std::string SavedCrash::Encode() const {
  std::string bytes(kCrashMagic);
  bytes += story + "\n";
  for (const uint64_t number :
       {uint64_t{profile}, uint64_t{read_only_first}, uint64_t{verify}, damage, second_life}) {
    PutVarint(&bytes, number);
  }
  expected.AppendTo(&bytes);
  return bytes + disk;
}

std::optional<SavedCrash> SavedCrash::Decode(std::string_view bytes) {
  if (!bytes.starts_with(kCrashMagic)) return std::nullopt;
  bytes.remove_prefix(kCrashMagic.size());
  const size_t line = bytes.find('\n');
  if (line == std::string_view::npos) return std::nullopt;
  SavedCrash crash;
  crash.story = bytes.substr(0, line);
  Decoder in(bytes.substr(line + 1));
  crash.profile = in.Varint64();
  crash.read_only_first = in.Varint64() != 0;
  crash.verify = in.Varint64() != 0;
  crash.damage = in.Varint64();
  crash.second_life = in.Varint64();
  bytes = in.rest();
  auto expected = CrashExpectation::Decode(&bytes);
  if (!in.ok() || !expected || crash.profile >= CrashLookProfiles().size()) return std::nullopt;
  crash.expected = std::move(*expected);
  crash.disk = bytes;
  return crash;
}

Status ReplayCrash(std::string_view saved) {
  const auto crash = SavedCrash::Decode(saved);
  if (!crash) return Status::InvalidArgument("this is no saved crash state");
  ASSIGN_OR_RETURN(const auto disk, SimulatedFileSystem::Load(crash->disk));
  return CheckCrash(disk.get(), CrashStory::kPath, crash->expected, crash->HowToCheck());
}

}  // namespace logwood::test
