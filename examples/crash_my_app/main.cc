// A small application on Logwood - a to-do list - and a test that cuts the power at each change it
// makes to the disk. Run with "broken", the application forgets to ask for durability, and the test
// says where that shows.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"

namespace {

using logwood::SimulatedFileSystem;

constexpr int kTasks = 3;
constexpr uint64_t kStatesMax = 200;  // that a loss of power may leave, of each change

// The application: tasks move from "todo" to "done", and a counter says how many did.
class TaskList {
 public:
  static logwood::Result<std::unique_ptr<TaskList>> Open(logwood::FileSystem* files) {
    logwood::Options options;
    options.file_system = files;
    auto db = logwood::DB::Open(options, "tasks.db");
    if (!db.ok()) return db.status();
    return std::unique_ptr<TaskList>(new TaskList(std::move(*db)));
  }

  logwood::Status Add(const std::string& task, logwood::Durability durability) {
    return db_->Put({.durability = durability}, "todo/" + task, "").status();
  }
  logwood::Status Finish(const std::string& task, logwood::Durability durability) {
    logwood::WriteBatch batch;  // all of it, or none
    batch.Delete("todo/" + task);
    batch.Put("done/" + task, "");
    batch.Put("count", std::to_string(Count() + 1));
    return db_->Write({.durability = durability}, batch).status();
  }
  int Count() {
    std::string count;
    return db_->Get({}, "count", &count).ok() ? std::stoi(count) : 0;
  }
  int NumberOf(std::string_view prefix) {
    logwood::IteratorOptions options;
    options.prefix = prefix;
    auto it = db_->NewIterator(options);
    int number = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++number;
    return it->status().ok() ? number : -1;
  }

 private:
  explicit TaskList(std::unique_ptr<logwood::DB> db) : db_(std::move(db)) {}
  std::unique_ptr<logwood::DB> db_;
};

// Works until it is done or the power is cut. What it tells its user, "finished", must last.
int Work(logwood::FileSystem* files, logwood::Durability durability) {
  int finished = 0;
  auto list = TaskList::Open(files);
  if (!list.ok()) return finished;
  for (int i = 0; i < kTasks; ++i) {
    const std::string task = "task " + std::to_string(i);
    if (!(*list)->Add(task, durability).ok()) return finished;
    if (!(*list)->Finish(task, durability).ok()) return finished;
    ++finished;
  }
  return finished;
}

// Empty: all is well after the crash.
std::string WhatIsWrong(logwood::FileSystem* files, int finished) {
  auto list = TaskList::Open(files);
  if (!list.ok()) return list.status().ToString();
  const int count = (*list)->Count();
  if (count < finished) {
    return std::to_string(finished) + " tasks were finished, " + std::to_string(count) +
           " are there";
  }
  if ((*list)->NumberOf("done/") != count) return "the counter is not the number of tasks done";
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const bool broken = argc > 1 && std::string_view(argv[1]) == "broken";
  const auto durability = broken ? logwood::Durability::kProcess : logwood::Durability::kPower;
  uint64_t changes = 0, states = 0;
  for (bool cut = true; cut; ++changes) {
    SimulatedFileSystem disk;
    disk.CutPowerAt(changes + 1);
    const int finished = Work(&disk, durability);
    cut = disk.power_is_cut();
    std::string wrong;
    states += disk.ForEachCrashState({.states_max = kStatesMax},
                                     [&](auto after) {
                                       wrong = WhatIsWrong(after.get(), finished);
                                       return wrong.empty();
                                     })
                  .states;
    if (wrong.empty()) continue;
    std::cout << "power cut in change " << changes + 1 << ": " << wrong << "\n";
    return EXIT_FAILURE;
  }
  std::cout << changes << " changes, " << states << " states of the disk, all right\n";
  return EXIT_SUCCESS;
}
