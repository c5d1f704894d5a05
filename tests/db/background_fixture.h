// BackgroundFixture: background work over a tree and a log, without an engine around. Its jobs wait
// until the test runs them, and time passes when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "db/background.h"
#include "tests/db/core_support.h"

namespace logwood::test {

class BackgroundFixture : public testing::Test {
 protected:
  explicit BackgroundFixture(Options options = {}) {
    options.listeners = {listener_};
    core_ = NewCore(fs_.get(), std::unique_ptr<Executor>(executor_), options);
    tree_ =
        std::make_unique<Tree>(core_.get(), NewVersionSet(fs_.get()), std::vector<SealedMemtable>(),
                               std::make_shared<Memtable>(core_->memtable_pages));
    log_ = NewCommitLog(core_.get(), tree_.get());
  }

  // Begins anew, with the tree as it is now.
  void Start(std::chrono::seconds snapshot_age_warning = std::chrono::hours(1)) {
    background_ = std::make_unique<Background>(Background::Parts{
        core_.get(), tree_.get(), log_.get(), &errors_, snapshot_age_warning, [] {}});
    background_->Start();
  }

  struct Listener : EventListener {
    void OnEvent(const Event& event) override {
      if (event.kind != EventKind::kOldSnapshot) return;
      old_snapshots.push_back(event.detail);
      if (on_old_snapshot) on_old_snapshot();
    }
    std::vector<std::string> old_snapshots;
    std::function<void()> on_old_snapshot;
  };

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
  ManualExecutor* const executor_ = new ManualExecutor;  // the core's
  std::shared_ptr<Core> core_;
  ErrorState errors_;
  std::unique_ptr<Tree> tree_;
  std::unique_ptr<CommitLog> log_;
  std::unique_ptr<Background> background_;
};

}  // namespace logwood::test
