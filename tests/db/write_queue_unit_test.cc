// The write queue: every write is committed once, groups keep the order of arrival, RunAlone is
// alone.
#include "db/write_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace logwood {
namespace {

using Group = std::vector<PendingWrite*>;

TEST(WriteQueue, OneWriteIsAGroupOfOne) {
  std::vector<size_t> sizes;
  WriteQueue queue([&](const Group& group) {
    sizes.push_back(group.size());
    group[0]->position = 17;
    group[0]->status = Status::NoSpace("as told");
  });
  PendingWrite write;
  queue.Run(&write);
  EXPECT_EQ(sizes, std::vector<size_t>{1});
  EXPECT_EQ(write.position, 17u);
  EXPECT_TRUE(write.status.Is(StatusCode::kNoSpace));
}

TEST(WriteQueue, RunAloneRunsBetweenGroups) {
  int groups = 0;
  WriteQueue queue([&](const Group&) { ++groups; });
  bool ran = false;
  queue.RunAlone([&] { ran = true; });
  EXPECT_TRUE(ran);
  PendingWrite write;
  queue.Run(&write);
  EXPECT_EQ(groups, 1);
}

TEST(WriteQueue, ConcurrentWritersAreEachCommittedOnceInTheirOwnOrder) {
  constexpr int kThreads = 8;
  constexpr LogPos kWrites = 3000;
  LogPos next = 0;
  std::atomic<int> inside{0};
  std::vector<std::pair<int, LogPos>> committed;
  WriteQueue queue([&](const Group& group) {
    ASSERT_EQ(inside.fetch_add(1), 0) << "two leaders at a time";
    for (PendingWrite* write : group) {
      write->position = ++next;
      committed.emplace_back(static_cast<int>(write->flags), write->position);
    }
    inside.fetch_sub(1);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      LogPos last = 0;
      for (LogPos i = 0; i < kWrites; ++i) {
        PendingWrite write;
        write.flags = static_cast<uint32_t>(t);
        queue.Run(&write);
        ASSERT_GT(write.position, last);
        last = write.position;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(next, kThreads * kWrites);
  EXPECT_EQ(committed.size(), kThreads * kWrites);
}

// Holds the leader until `others` more have surely arrived.
class Gate {
 public:
  void WaitOpen() {
    while (!open_.load()) std::this_thread::yield();
  }
  void Open() { open_.store(true); }

 private:
  std::atomic<bool> open_{false};
};

void LetArrive() { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }

TEST(WriteQueue, ConcurrentArrivalsFormOneGroupInTheOrderOfArrival) {
  Gate gate;
  std::vector<std::vector<uint32_t>> groups;
  std::atomic<bool> leading{false};
  WriteQueue queue([&](const Group& group) {
    groups.emplace_back();
    for (PendingWrite* write : group) groups.back().push_back(write->flags);
    leading.store(true);
    gate.WaitOpen();
  });
  const auto run = [&](uint32_t flag) {
    PendingWrite write;
    write.flags = flag;
    queue.Run(&write);
  };
  std::vector<std::thread> threads;
  threads.emplace_back(run, 0);
  while (!leading.load()) std::this_thread::yield();
  for (uint32_t i = 1; i <= 4; ++i) {
    threads.emplace_back(run, i);
    LetArrive();
  }
  gate.Open();
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0], std::vector<uint32_t>{0});
  EXPECT_EQ(groups[1], (std::vector<uint32_t>{1, 2, 3, 4}));
}

TEST(WriteQueue, ConcurrentGroupsAreBoundedInBytesAndEndAtARunAlone) {
  Gate gate;
  std::vector<std::string> order;
  std::atomic<bool> leading{false};
  WriteQueue queue([&](const Group& group) {
    order.push_back("group " + std::to_string(group.size()));
    leading.store(true);
    gate.WaitOpen();
  });
  const std::string large(400 << 10, 'x');
  const auto run = [&] {
    PendingWrite write;
    write.operations = large;
    queue.Run(&write);
  };
  std::vector<std::thread> threads;
  threads.emplace_back(run);
  while (!leading.load()) std::this_thread::yield();
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(run);
    LetArrive();
  }
  threads.emplace_back([&] { queue.RunAlone([&] { order.push_back("alone"); }); });
  LetArrive();
  threads.emplace_back(run);
  LetArrive();
  gate.Open();
  for (auto& thread : threads) thread.join();
  // 1 MiB holds two of them; the last one waits behind RunAlone.
  EXPECT_EQ(order, (std::vector<std::string>{"group 1", "group 2", "group 2", "alone", "group 1"}));
}

TEST(WriteQueue, ConcurrentRunAloneIsNeverBesideAGroup) {
  std::atomic<int> inside{0};
  uint64_t commits = 0, alone = 0;  // guarded by being alone
  WriteQueue queue([&](const Group& group) {
    ASSERT_EQ(inside.fetch_add(1), 0);
    commits += group.size();
    inside.fetch_sub(1);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) {
        if (t % 3 == 0) {
          queue.RunAlone([&] {
            ASSERT_EQ(inside.fetch_add(1), 0);
            ++alone;
            inside.fetch_sub(1);
          });
        } else {
          PendingWrite write;
          queue.Run(&write);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(commits, 4000u);
  EXPECT_EQ(alone, 2000u);
}

}  // namespace
}  // namespace logwood
