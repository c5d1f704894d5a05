// Calls that wait for the disk or for another thread sleep meanwhile. On a disk whose every sync
// takes a second of virtual time, a loop that looks again and again passes millions of scheduling
// points; a wait passes a few.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/simulation/simulation.h"

namespace logwood::test {
namespace {

void Require(const Status& status) {
  if (!status.ok()) Scheduler::Mine()->Fail(status.ToString());
}

struct Waiting {
  const char* name;
  void (*call)(DB* db);
};

class WaitsWithoutPolling : public testing::TestWithParam<Waiting> {};

TEST_P(WaitsWithoutPolling, OnASlowDisk) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    ScheduleOptions schedule;
    schedule.seed = seed;
    schedule.points_max = 100'000;
    const SimulationReport report = Simulate(schedule, [](Notes* notes) {
      SimulatedFileSystem disk;
      Options options;
      options.file_system = &disk;
      options.tuning.memtable_bytes = 16 << 10;
      auto opened = DB::Open(options, "db");
      Require(opened.status());
      std::unique_ptr<DB> db = std::move(*opened);
      for (int i = 0; i < 20; ++i) {
        Require(db->Put({}, "key" + std::to_string(i), std::string(100, 'v')).status());
      }
      disk.SetFault([](FileOp op, const std::string&) {
        if (op == FileOp::kSync) std::this_thread::sleep_for(std::chrono::seconds(1));
        return Status::Ok();
      });
      const uint64_t before = Scheduler::Mine()->counts().points;
      GetParam().call(db.get());
      (*notes)["spent"] = Scheduler::Mine()->counts().points - before;
      Require(db->Close());
    });
    ASSERT_TRUE(report.ok()) << report.failure;
    EXPECT_LT(report.Note("spent"), 3000u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Simulation, WaitsWithoutPolling,
    testing::Values(
        Waiting{"Flush", [](DB* db) { Require(db->Flush()); }},
        Waiting{"PowerWrite",
                [](DB* db) {
                  std::thread other([&] {
                    Require(db->Put({.durability = Durability::kPower}, "a", "").status());
                  });
                  Require(db->Put({.durability = Durability::kPower}, "b", "").status());
                  other.join();
                }},
        Waiting{"Compaction",
                [](DB* db) {
                  std::thread other([&] { Require(db->CompactAll({})); });
                  Require(db->CompactAll({.force_last_level = true}));
                  other.join();
                  Require(db->WaitForCompaction());
                }},
        Waiting{"FullMemtables",
                [](DB* db) {
                  for (int i = 0; i < 30; ++i) {
                    Require(db->Put({}, std::to_string(i), std::string(1000, 'v')).status());
                  }
                }}),
    [](const auto& waiting) { return std::string(waiting.param.name); });

}  // namespace
}  // namespace logwood::test
