// What the simulated disk says a loss of power may leave: all that the fault model names,
// and nothing that the contract of FileSystem rules out.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "logwood/simulated_file_system.h"
#include "util/random.h"

namespace logwood {
namespace {

using NamedBytes = std::map<std::string, std::string>;
using Limits = SimulatedFileSystem::CrashLimits;

constexpr size_t kSector = 512;

NamedBytes CrashedContents(FileSystem* files) {
  NamedBytes contents;
  const std::vector<std::string> names = files->List("d").value();
  for (const std::string& name : names) {
    auto file = files->OpenRandomAccess("d/" + name);
    std::string bytes((*file)->Size().value(), '\0');
    EXPECT_EQ((*file)->Read(0, bytes.size(), bytes.data()).value(), bytes.size());
    contents[name] = bytes;
  }
  return contents;
}

std::string NonZeroBytes(Random* random, size_t size) {
  std::string bytes(size, '\0');
  // Never zero, so that a hole is told from data.
  for (char& c : bytes) c = static_cast<char>(1 + random->Uniform(255));
  return bytes;
}

class SimulatedCrash : public testing::Test {
 protected:
  SimulatedCrash() { EXPECT_TRUE(disk_.CreateDirectory("d").ok()); }

  // A file that is there for sure, with these bytes.
  std::unique_ptr<LogFile> Durable(const std::string& name, const std::string& bytes) {
    auto file = disk_.OpenLogFile("d/" + name);
    EXPECT_TRUE((*file)->Store(0, bytes).ok());
    EXPECT_TRUE((*file)->Sync().ok());
    EXPECT_TRUE(disk_.SyncDirectory("d").ok());
    return std::move(*file);
  }
  std::vector<NamedBytes> States(Limits limits = {.states_max = 3000}) {
    std::vector<NamedBytes> states;
    disk_.ForEachCrashState(limits, [&](auto after) {
      states.push_back(CrashedContents(after.get()));
      return true;
    });
    return states;
  }
  // Whether the file "a" has bytes of which that is true in some state.
  template <typename Property>
  bool SomeState(Property property) {
    const std::vector<NamedBytes> states = States();
    return std::any_of(states.begin(), states.end(), [&](const NamedBytes& state) {
      return state.contains("a") && property(state.at("a"));
    });
  }

  SimulatedFileSystem disk_{{.reserve_step_bytes = 4096}};
};

TEST_F(SimulatedCrash, AStoreTearsAtItsEdgesAtSectorsAndAnywhere) {
  auto log = Durable("a", "");
  Random random(1);
  const std::string bytes = NonZeroBytes(&random, 2000);
  ASSERT_TRUE(log->Store(100, bytes).ok());
  std::set<size_t> torn;
  for (const NamedBytes& state : States()) {
    const std::string& found = state.at("a");
    if (found.size() <= 100) continue;
    if (found.substr(100) == bytes.substr(0, found.size() - 100)) torn.insert(found.size() - 100);
  }
  for (const size_t size : {size_t{1}, size_t{8}, size_t{1000}, bytes.size() - 1, bytes.size()}) {
    EXPECT_TRUE(torn.contains(size)) << size;
  }
  for (size_t border = kSector; border < 100 + bytes.size(); border += kSector) {
    EXPECT_TRUE(torn.contains(border - 100)) << border;
  }
  EXPECT_GT(torn.size(), 30U) << "only the usual places";
}

TEST_F(SimulatedCrash, SectorsOfOneStoreAreOldAndNewInAnyMixture) {
  Random random(1);
  const std::string old = NonZeroBytes(&random, 4 * kSector);
  auto log = Durable("a", old);
  const std::string fresh = NonZeroBytes(&random, 4 * kSector);
  ASSERT_TRUE(log->Store(0, fresh).ok());
  std::set<unsigned> masks;
  for (const NamedBytes& state : States()) {
    unsigned mask = 0;
    for (unsigned sector = 0; sector < 4; ++sector) {
      const std::string found = state.at("a").substr(sector * kSector, kSector);
      if (found == fresh.substr(sector * kSector, kSector)) mask |= 1U << sector;
    }
    masks.insert(mask);
  }
  EXPECT_EQ(masks.size(), 16U);
}

TEST_F(SimulatedCrash, AFileThatGrewHoldsZerosOrStaleBytesWhereNothingGotThere) {
  auto log = Durable("a", "durable");
  ASSERT_TRUE(log->Reserve(4096).ok());
  ASSERT_TRUE(log->Store(7, "and more").ok());
  const auto rest_is = [](const std::string& bytes, size_t from, bool zeros) {
    const size_t data = bytes.find_first_not_of('\0', from);
    return zeros ? data == std::string::npos : data != std::string::npos;
  };
  // The size without the data, with zeros and with what the blocks held; the data without the size
  // that was reserved; neither.
  EXPECT_TRUE(
      SomeState([&](const std::string& a) { return a.size() == 4096 && rest_is(a, 7, true); }));
  EXPECT_TRUE(SomeState([&](const std::string& a) {
    return a.size() == 4096 && rest_is(a, 7, false) && rest_is(a, 15, false);
  }));
  EXPECT_TRUE(SomeState([](const std::string& a) { return a == "durableand more"; }));
  EXPECT_TRUE(SomeState([](const std::string& a) { return a == "durable"; }));
  EXPECT_FALSE(SomeState([](const std::string& a) { return !a.starts_with("durable"); }));
}

TEST_F(SimulatedCrash, WhatWasSyncedAsZerosIsNoPlaceForStaleBytes) {
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Reserve(4096).ok());
  ASSERT_TRUE(log->Sync().ok());
  ASSERT_TRUE(log->Store(0, "new").ok());
  EXPECT_FALSE(SomeState([](const std::string& a) {
    return a.size() != 4096 || a.find_first_not_of('\0', 3) != std::string::npos ||
           (a[0] != '\0' && a[0] != 'n');
  }));
}

TEST_F(SimulatedCrash, BlocksOfARemovedFileShowItsBytesInTheNext) {
  Random random(1);
  const std::string old = NonZeroBytes(&random, 3000);
  Durable("old", old)->Close().ok();
  ASSERT_TRUE(disk_.Remove("d/old").ok());
  ASSERT_TRUE(disk_.SyncDirectory("d").ok());
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Store(0, NonZeroBytes(&random, 3000)).ok());
  EXPECT_TRUE(SomeState([&](const std::string& a) { return a == old; }));
}

// In one store: sectors, or its head, got there, and beside them lies what the blocks held.
TEST_F(SimulatedCrash, NewSectorsAndAHeadMayStandBesideStaleBytes) {
  Random random(1);
  const std::string old = NonZeroBytes(&random, 3 * kSector);
  Durable("old", old)->Close().ok();
  ASSERT_TRUE(disk_.Remove("d/old").ok());
  ASSERT_TRUE(disk_.SyncDirectory("d").ok());
  auto log = Durable("a", "");
  const std::string fresh = NonZeroBytes(&random, 3 * kSector);
  ASSERT_TRUE(log->Store(0, fresh).ok());
  for (size_t sector = 0; sector < 3; ++sector) {
    std::string mixed = fresh;
    mixed.replace(sector * kSector, kSector, old, sector * kSector, kSector);
    EXPECT_TRUE(SomeState([&](const std::string& a) { return a == mixed; })) << sector;
  }
  EXPECT_TRUE(SomeState([&](const std::string& a) {
    const auto [head, rest] = std::mismatch(a.begin(), a.end(), fresh.begin());
    const size_t length = head - a.begin();
    return length > 1 && length < kSector && a.size() == old.size() &&
           a.substr(length) == old.substr(length);
  }));
}

TEST_F(SimulatedCrash, BlocksOfAFileThatARenameReplacedShowItsBytesInTheNext) {
  Random random(1);
  const std::string old = NonZeroBytes(&random, 3000);
  Durable("old", old).reset();
  Durable("new", "n").reset();
  ASSERT_TRUE(disk_.Rename("d/new", "d/old").ok());
  ASSERT_TRUE(disk_.SyncDirectory("d").ok());
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Store(0, NonZeroBytes(&random, 3000)).ok());
  EXPECT_TRUE(SomeState([&](const std::string& a) { return a == old; }));
}

// Some of its pages were written before one was not.
TEST(SimulatedFailedSync, WhatFailedMayHaveGotThereInPart) {
  Random random(1);
  const std::string old = NonZeroBytes(&random, 2 * kSector);
  const std::string fresh = NonZeroBytes(&random, 2 * kSector);
  for (const auto mode :
       {SimulatedFileSystem::FailedSync::kForgets, SimulatedFileSystem::FailedSync::kDrops}) {
    std::set<std::string> found;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      SimulatedFileSystem disk({.failed_sync = mode, .failed_sync_seed = seed});
      ASSERT_TRUE(disk.CreateDirectory("d").ok());
      auto log = disk.OpenLogFile("d/a");
      ASSERT_TRUE((*log)->Store(0, old).ok());
      ASSERT_TRUE((*log)->Sync().ok());
      ASSERT_TRUE(disk.SyncDirectory("d").ok());
      ASSERT_TRUE((*log)->Store(0, fresh).ok());
      disk.FailChange(1);
      ASSERT_FALSE((*log)->Sync().ok());
      const std::string left = CrashedContents(disk.CrashState(1).get())["a"];
      EXPECT_EQ(CrashedContents(disk.CrashState(2).get())["a"], left) << "nothing waits";
      const bool drops = mode == SimulatedFileSystem::FailedSync::kDrops;
      EXPECT_EQ(CrashedContents(disk.KilledState().get())["a"], drops ? left : fresh);
      if (seed == 0) {
        EXPECT_EQ(left, old);
      }
      found.insert(left);
    }
    // Either, and each sector by itself.
    EXPECT_EQ(found,
              (std::set<std::string>{old, fresh, fresh.substr(0, kSector) + old.substr(kSector),
                                     old.substr(0, kSector) + fresh.substr(kSector)}));
  }
}

TEST_F(SimulatedCrash, AFileWrittenAnewMayKeepItsOldBytes) {
  Durable("a", "old bytes").reset();
  auto file = disk_.CreateWritable("d/a");
  ASSERT_TRUE((*file)->Append("new").ok());
  EXPECT_TRUE(SomeState([](const std::string& a) { return a == "old bytes"; }));
  EXPECT_TRUE(SomeState([](const std::string& a) { return a.empty(); }));
  EXPECT_TRUE(SomeState([](const std::string& a) { return a == "new"; }));
  EXPECT_TRUE(SomeState([](const std::string& a) { return a == "new bytes"; }));
}

// A failed sync, and then another process on the same machine.
TEST_F(SimulatedCrash, WhatAFailedSyncForgotIsReadUntilThePowerGoesAndSyncedOnlyIfStoredAgain) {
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Store(0, "bytes").ok());
  disk_.FailChange(1);
  ASSERT_FALSE(log->Sync().ok());
  const auto next = disk_.KilledState();
  EXPECT_EQ(CrashedContents(next.get()), (NamedBytes{{"a", "bytes"}}));
  auto again = next->OpenLogFile("d/a");
  ASSERT_TRUE((*again)->Sync().ok());
  EXPECT_EQ(CrashedContents(next->CrashState(1).get()), (NamedBytes{{"a", ""}}));
  ASSERT_TRUE((*again)->Store(0, "bytes").ok());
  ASSERT_TRUE((*again)->Sync().ok());
  EXPECT_EQ(CrashedContents(next->CrashState(1).get()), (NamedBytes{{"a", "bytes"}}));
}

TEST_F(SimulatedCrash, SettledFilesAreAsWrittenAndTellNoStatesApart) {
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Store(0, "ab").ok());
  auto notes = disk_.CreateWritable("d/notes");
  ASSERT_TRUE((*notes)->Append("anything").ok());
  const auto is_notes = [](const std::string& path) { return path.ends_with("notes"); };
  for (const NamedBytes& state : States({.settled = is_notes}))
    EXPECT_EQ(state.at("notes"), "anything");
  const uint64_t before = disk_.ContentHash(is_notes);
  ASSERT_TRUE((*notes)->Append(" more").ok());
  EXPECT_EQ(disk_.ContentHash(is_notes), before);
  EXPECT_NE(disk_.ContentHash(), before);
}

TEST_F(SimulatedCrash, StatesNobodyWantsAreNotMade) {
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Store(0, "abcdefgh").ok());
  std::set<uint64_t> seen;
  Limits limits;
  limits.wanted = [&](uint64_t hash) { return seen.insert(hash).second; };
  uint64_t made = 0;
  const auto count = [&](auto after) {
    EXPECT_TRUE(seen.contains(after->ContentHash()));
    ++made;
    return true;
  };
  EXPECT_GT(disk_.ForEachCrashState(limits, count).states, 5U);
  EXPECT_EQ(made, seen.size());
  const uint64_t before = made;
  limits.seed = 2;
  disk_.ForEachCrashState(limits, count);
  // But for what stale bytes hold.
  EXPECT_LT(made - before, before / 2) << "the same states again";
}

// However few may be shown: who notes what he wanted has seen it.
TEST_F(SimulatedCrash, EveryStateThatIsWantedIsShown) {
  auto log = Durable("a", "");
  ASSERT_TRUE(log->Store(0, "abcdefgh").ok());
  std::set<uint64_t> wanted, shown;
  Limits limits;
  limits.states_max = 3;
  limits.wanted = [&](uint64_t hash) { return wanted.insert(hash).second; };
  for (limits.seed = 1; limits.seed <= 3; ++limits.seed) {
    const uint64_t before = shown.size();
    disk_.ForEachCrashState(limits, [&](auto after) {
      EXPECT_TRUE(shown.insert(after->ContentHash()).second);
      return true;
    });
    EXPECT_GT(shown.size(), before);
    EXPECT_LE(shown.size(), before + limits.states_max);
    EXPECT_EQ(shown, wanted) << "seed " << limits.seed;
  }
}

TEST_F(SimulatedCrash, WhoLooksAtOneStateSeesNothingOfWhatIsNotDurable) {
  auto log = Durable("a", "durable");
  ASSERT_TRUE(log->Store(7, " and more").ok());
  ASSERT_TRUE(disk_.Rename("d/a", "d/b").ok());
  EXPECT_EQ(States({.states_max = 1}), (std::vector<NamedBytes>{{{"a", "durable"}}}));
}

// What of one file may be there: an independent account of its history.
struct FileHistory {
  struct Change {
    bool is_resize = false;
    uint64_t offset = 0;  // resize: the size
    std::string bytes;
  };
  std::string durable;
  std::vector<Change> pending;

  // Empty: all is well.
  std::string WrongWith(const std::string& found) const {
    uint64_t cut = durable.size(), longest = durable.size();
    for (const Change& change : pending) {
      if (change.is_resize) cut = std::min(cut, change.offset);
      longest = std::max(longest, change.offset + change.bytes.size());
    }
    if (found.size() < cut) return "durable bytes are missing";
    if (found.size() > longest) return "it is longer than it ever was";
    for (uint64_t at = 0; at < cut; ++at) {
      bool known = found[at] == durable[at];
      for (const Change& change : pending) {
        if (change.is_resize || at < change.offset || at >= change.offset + change.bytes.size())
          continue;
        known |= found[at] == change.bytes[at - change.offset];
      }
      if (!known) return "byte " + std::to_string(at) + " was never there";
    }
    return "";
  }
};

TEST(SimulatedCrashLegality, NoStateLosesOrChangesWhatWasSynced) {
  uint64_t states = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    Random random(seed);
    SimulatedFileSystem disk({.reserve_step_bytes = 0});
    ASSERT_TRUE(disk.CreateDirectory("d").ok());
    auto log = disk.OpenLogFile("d/a");
    ASSERT_TRUE(disk.SyncDirectory("d").ok());
    FileHistory history;
    uint64_t size = 0;
    for (uint64_t steps = 3 + random.Uniform(10); steps > 0; --steps) {
      if (random.OneIn(5)) {
        ASSERT_TRUE((*log)->Sync().ok());
        history.durable.resize(size);
        auto reader = disk.OpenRandomAccess("d/a");
        ASSERT_EQ((*reader)->Read(0, size, history.durable.data()).value(), size);
        history.pending.clear();
      } else if (random.OneIn(6)) {
        size = random.Uniform(size + 1);
        ASSERT_TRUE((*log)->Truncate(size).ok());
        history.pending.push_back({true, size, ""});
      } else {
        const uint64_t offset = random.OneIn(3) ? random.Uniform(size + 1) : size;
        const std::string bytes = NonZeroBytes(&random, 1 + random.Skewed(11));
        ASSERT_TRUE((*log)->Store(offset, bytes).ok());
        size = std::max<uint64_t>(size, offset + bytes.size());
        history.pending.push_back({false, offset, bytes});
      }
    }
    disk.ForEachCrashState({.states_max = 100, .seed = seed}, [&](auto after) {
      ++states;
      EXPECT_EQ(history.WrongWith(CrashedContents(after.get())["a"]), "") << "seed " << seed;
      return !testing::Test::HasFailure();
    });
  }
  EXPECT_GT(states, 5000U);
}

// Names against a list of all subsets of the changes that no sync made durable, each in order.
TEST(SimulatedCrashLegality, TheNamesAreThoseOfAnySubsetOfPendingChangesAndNoOther) {
  struct Change {
    std::string from, to, bytes;
  };
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    SimulatedFileSystem disk;
    ASSERT_TRUE(disk.CreateDirectory("d").ok());
    NamedBytes live, durable;
    std::vector<Change> pending;
    for (int step = 0; step < 8; ++step) {
      const std::string one(1, static_cast<char>('a' + random.Uniform(4)));
      const std::string other(1, static_cast<char>('a' + random.Uniform(4)));
      if (random.OneIn(8) || pending.size() == 6) {
        ASSERT_TRUE(disk.SyncDirectory("d").ok());
        durable = live;
        pending.clear();
      } else if (!live.contains(one)) {
        auto file = disk.CreateWritable("d/" + one);
        const std::string bytes = "made in step " + std::to_string(step);
        ASSERT_TRUE((*file)->Append(bytes).ok());
        ASSERT_TRUE((*file)->Sync().ok());
        live[one] = bytes;
        pending.push_back({"", one, bytes});
      } else if (random.OneIn(3)) {
        ASSERT_TRUE(disk.Remove("d/" + one).ok());
        live.erase(one);
        pending.push_back({one, "", ""});
      } else if (random.OneIn(2) && !live.contains(other)) {
        ASSERT_TRUE(disk.Link("d/" + one, "d/" + other).ok());
        live[other] = live[one];
        pending.push_back({"", other, live[one]});
      } else if (one != other) {
        ASSERT_TRUE(disk.Rename("d/" + one, "d/" + other).ok());
        live[other] = live[one];
        live.erase(one);
        pending.push_back({one, other, live[other]});
      }
    }
    std::set<NamedBytes> expected, found;
    for (uint64_t mask = 0; mask < uint64_t{1} << pending.size(); ++mask) {
      NamedBytes names = durable;
      for (size_t i = 0; i < pending.size(); ++i) {
        if ((mask >> i & 1) == 0) continue;
        if (!pending[i].from.empty()) names.erase(pending[i].from);
        if (!pending[i].to.empty()) names[pending[i].to] = pending[i].bytes;
      }
      expected.insert(names);
    }
    disk.ForEachCrashState({.states_max = 1000}, [&](auto after) {
      found.insert(CrashedContents(after.get()));
      return true;
    });
    ASSERT_EQ(found, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace logwood
