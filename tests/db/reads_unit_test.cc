// Reads beside whoever installs views: view first, position second (invariant 9).
#include "db/reads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/db/core_support.h"
#include "tests/db/db_test_support.h"
#include "tests/support/sanitizers.h"

namespace logwood {
namespace {

constexpr LogPos kInstalls = test::kSanitized ? 20'000 : 200'000;

// One key, whose value is the position of its newest commit. Each view begins with that commit
// alone, as after a flush and a compaction that dropped what came before: a position from before
// the view finds nothing in it.
class ConcurrentReads : public testing::Test {
 protected:
  ConcurrentReads() {
    const std::shared_ptr<Memtable> first = Begin(1);
    core_->visible.store(1);
    active_ = first;
  }
  ~ConcurrentReads() override { core_->executor->Shutdown(); }

  // Calls `read` again and again while views are installed. It returns the value that it found, or
  // none.
  template <typename Read>
  void BesideInstalls(Read read) {
    std::atomic<bool> begun{false}, ended{false};
    std::thread installer([&] {
      while (!begun.load()) std::this_thread::yield();
      for (LogPos position = 2; position <= kInstalls; ++position) Commit(position);
      ended.store(true);
    });
    uint64_t reads = 0, hidden = 0, stale = 0;
    while (!ended.load()) {
      const LogPos before = core_->visible.load();
      const std::optional<std::string> value = read();
      hidden += value ? 0 : 1;
      stale += value && std::stoull(*value) < before ? 1 : 0;
      ++reads;
      begun.store(true);
    }
    installer.join();
    EXPECT_EQ(hidden, 0u) << "of " << reads << " reads";
    EXPECT_EQ(stale, 0u) << "of " << reads << " reads";
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::shared_ptr<Core> core_ = test::NewCore(fs_.get());
  const Reads reads_{core_};

 private:
  static void Insert(Memtable* memtable, LogPos position) {
    memtable->Insert(KeyspacePrefix(kDefaultKeyspace) + "key",
                     PackTrailer(position, EntryKind::kPut), std::to_string(position));
  }
  // Installs a view with the commit at `position`, which is visible.
  std::shared_ptr<Memtable> Begin(LogPos position) {
    auto view = std::make_shared<View>();
    view->active = std::make_shared<Memtable>();
    view->version = std::make_shared<const Version>();
    Insert(view->active.get(), position);
    std::shared_ptr<Memtable> active = view->active;
    core_->views.Install(std::move(view));
    return active;
  }
  void Commit(LogPos position) {
    Insert(active_.get(), position);
    core_->PublishVisible(position);
    active_ = Begin(position);
  }

  std::shared_ptr<Memtable> active_;
};

TEST_F(ConcurrentReads, PointReadsTakeTheViewFirst) {
  BesideInstalls([this]() -> std::optional<std::string> {
    PinnedValue value;
    const Status status = reads_.Get({}, Keyspace(), "key", &value);
    if (!status.ok()) return std::nullopt;
    return std::string(value.view());
  });
}

TEST_F(ConcurrentReads, ReadsOfManyKeysTakeTheViewFirst) {
  BesideInstalls([this]() -> std::optional<std::string> {
    const std::string_view keys[] = {"key"};
    PinnedValue values[1];
    const std::vector<Status> statuses = reads_.MultiGet({}, Keyspace(), keys, values);
    if (!statuses[0].ok()) return std::nullopt;
    return std::string(values[0].view());
  });
}

TEST_F(ConcurrentReads, IteratorsTakeTheViewFirst) {
  BesideInstalls([this]() -> std::optional<std::string> {
    auto it = reads_.NewIterator({}, Keyspace());
    it->SeekToFirst();
    if (!it->Valid()) return std::nullopt;
    return std::string(it->value());
  });
}

// Keyspaces are made, filled with one key and dropped, and the key is gone from the views as after
// a compaction: who reads meanwhile gets it, or is told of the drop.
class ConcurrentDrops : public ConcurrentReads {
 protected:
  // `read` returns what became of a read of the keyspace.
  template <typename Read>
  void BesideDrops(Read read) {
    constexpr uint32_t kKeyspaces = test::kSanitized ? 300 : 1500;
    std::atomic<uint32_t> newest{0};
    std::atomic<bool> ended{false};
    std::thread dropper([&] {
      LogPos position = 1;
      for (uint32_t number = 2; number < kKeyspaces; ++number) {
        const std::string name = std::to_string(number);
        EXPECT_TRUE(
            core_->catalogue.Apply(Catalogue::CreateOperations(name, number), ++position).ok());
        Install(++position, KeyspacePrefix(number) + "key");
        newest.store(number);
        std::this_thread::yield();
        EXPECT_TRUE(
            core_->catalogue.Apply(Catalogue::DropOperations(name, number), ++position).ok());
        Install(position, {});
      }
      ended.store(true);
    });
    uint64_t found = 0, dropped = 0, missing = 0;
    while (!ended.load()) {
      const uint32_t number = newest.load();
      if (number == 0) continue;
      const Status status = read(Keyspace(number, core_->catalogue.owner()));
      found += status.ok() ? 1 : 0;
      dropped += status.Is(StatusCode::kInvalidArgument) ? 1 : 0;
      missing += status.Is(StatusCode::kNotFound) ? 1 : 0;
    }
    dropper.join();
    EXPECT_EQ(missing, 0u) << "of " << found << " that found it, and " << dropped << " refused";
  }

 private:
  void Install(LogPos position, const std::string& stored_key) {
    auto view = std::make_shared<View>();
    view->active = std::make_shared<Memtable>();
    view->version = std::make_shared<const Version>();
    if (!stored_key.empty()) {
      view->active->Insert(stored_key, PackTrailer(position, EntryKind::kPut), "value");
    }
    core_->views.Install(std::move(view));
    core_->PublishVisible(position);
  }
};

TEST_F(ConcurrentDrops, PointReadsNeverMissAKeyOfAKeyspaceThatIsThere) {
  BesideDrops([this](Keyspace keyspace) {
    PinnedValue value;
    return reads_.Get({}, keyspace, "key", &value);
  });
}

TEST_F(ConcurrentDrops, ReadsOfManyKeysNeverMissOneOfAKeyspaceThatIsThere) {
  BesideDrops([this](Keyspace keyspace) {
    const std::string_view keys[] = {"key"};
    PinnedValue values[1];
    return reads_.MultiGet({}, keyspace, keys, values)[0];
  });
}

TEST_F(ConcurrentDrops, IteratorsNeverMissAKeyOfAKeyspaceThatIsThere) {
  BesideDrops([this](Keyspace keyspace) {
    auto it = reads_.NewIterator({}, keyspace);
    it->SeekToFirst();
    if (it->status().ok() && !it->Valid()) return Status::NotFound("no key");
    return it->status();
  });
}

}  // namespace
}  // namespace logwood
