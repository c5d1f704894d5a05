// ViewHolder: readers without a lock beside an installer; old views go when nobody looks at them.
#include "db/view_holder.h"

#include <gtest/gtest.h>

#include <thread>

namespace logwood {
namespace {

// Views that can be told apart, and whose death shows.
std::shared_ptr<const View> ViewNumber(LogPos number) {
  auto view = std::make_shared<View>();
  view->active = std::make_shared<Memtable>();
  view->active->Insert("k", PackTrailer(number, EntryKind::kPut), "v");
  view->version = std::make_shared<const Version>();
  return view;
}

LogPos NumberOf(const View& view) { return view.active->last_position(); }

TEST(ViewHolder, ShowsTheNewestView) {
  ViewHolder holder(ViewNumber(1));
  EXPECT_EQ(NumberOf(*ViewHolder::Guard(holder)), 1u);
  holder.Install(ViewNumber(2));
  EXPECT_EQ(NumberOf(*ViewHolder::Guard(holder)), 2u);
  EXPECT_EQ(NumberOf(*holder.Share()), 2u);
}

TEST(ViewHolder, OldViewsAreFreedWhenNobodyLooks) {
  auto first = ViewNumber(1);
  std::weak_ptr<const View> watch = first;
  ViewHolder holder(std::move(first));
  holder.Install(ViewNumber(2));
  EXPECT_TRUE(watch.expired());
}

TEST(ViewHolder, AViewLivesWhileItsGuardDoes) {
  auto first = ViewNumber(1);
  std::weak_ptr<const View> watch = first;
  ViewHolder holder(std::move(first));
  {
    ViewHolder::Guard guard(holder);
    holder.Install(ViewNumber(2));
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(NumberOf(*guard), 1u);
    holder.Reclaim();
    EXPECT_FALSE(watch.expired());
  }
  holder.Reclaim();
  EXPECT_TRUE(watch.expired());
}

TEST(ViewHolder, NestedGuardsEachKeepWhatTheySaw) {
  auto first = ViewNumber(1);
  auto second = ViewNumber(2);
  std::weak_ptr<const View> watch_first = first, watch_second = second;
  ViewHolder holder(std::move(first));
  ViewHolder::Guard outer(holder);
  holder.Install(std::move(second));
  {
    ViewHolder::Guard inner(holder);
    holder.Install(ViewNumber(3));
    ViewHolder::Guard innermost(holder);
    EXPECT_EQ(NumberOf(*outer), 1u);
    EXPECT_EQ(NumberOf(*inner), 2u);
    EXPECT_EQ(NumberOf(*innermost), 3u);
  }
  holder.Reclaim();
  EXPECT_TRUE(watch_second.expired());
  EXPECT_FALSE(watch_first.expired());
  EXPECT_EQ(NumberOf(*outer), 1u);
}

TEST(ViewHolder, GuardsOfTwoDatabasesOnOneThreadDoNotMix) {
  ViewHolder one(ViewNumber(1)), two(ViewNumber(2));
  ViewHolder::Guard first(one);
  ViewHolder::Guard second(two);
  EXPECT_EQ(NumberOf(*first), 1u);
  EXPECT_EQ(NumberOf(*second), 2u);
}

TEST(ViewHolder, SharedViewsOutliveTheHolder) {
  std::shared_ptr<const View> kept;
  {
    ViewHolder holder(ViewNumber(1));
    kept = holder.Share();
  }
  EXPECT_EQ(NumberOf(*kept), 1u);
}

TEST(ViewHolder, ConcurrentReadersSeeWholeViewsThatNeverGoBack) {
  constexpr LogPos kViews = 3000;
  constexpr int kReaders = 4;
  ViewHolder holder(ViewNumber(1));
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; ++r) {
    readers.emplace_back([&] {
      LogPos last = 0;
      while (!done.load()) {
        ViewHolder::Guard guard(holder);
        const LogPos now = NumberOf(*guard);
        ASSERT_GE(now, last);
        last = now;
        PinnedValue value;
        LookupResult result;
        result.value = &value;
        ASSERT_TRUE(guard->active->Get({"k", 0, kPositionMax}, &result));
        ASSERT_EQ(TrailerPosition(result.trailer), now);
        ViewHolder::Guard nested(holder);
        ASSERT_GE(NumberOf(*nested), now);
      }
    });
  }
  std::vector<std::weak_ptr<const View>> watch;
  for (LogPos n = 2; n <= kViews; ++n) {
    auto next = ViewNumber(n);
    watch.push_back(next);
    holder.Install(std::move(next));
  }
  done.store(true);
  for (auto& reader : readers) reader.join();
  holder.Reclaim();
  for (size_t i = 0; i + 1 < watch.size(); ++i) EXPECT_TRUE(watch[i].expired()) << i;
  EXPECT_FALSE(watch.back().expired());
}

// More threads than slots: the rest takes the lock and is as safe.
TEST(ViewHolder, ConcurrentThreadsBeyondTheSlotsRead) {
  ViewHolder holder(ViewNumber(1));
  std::atomic<int> reading{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  constexpr int kThreads = 600;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      ViewHolder::Guard guard(holder);
      reading.fetch_add(1);
      while (!done.load()) std::this_thread::yield();
      EXPECT_EQ(NumberOf(*guard), 1u);
    });
  }
  while (reading.load() != kThreads) std::this_thread::yield();
  holder.Install(ViewNumber(2));
  done.store(true);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(NumberOf(*ViewHolder::Guard(holder)), 2u);
}

TEST(ViewHolder, ConcurrentInstallersLeakNothing) {
  ViewHolder holder(ViewNumber(1));
  std::vector<std::thread> threads;
  std::array<std::vector<std::weak_ptr<const View>>, 3> watch;
  for (size_t t = 0; t < watch.size(); ++t) {
    threads.emplace_back([&, t] {
      for (LogPos n = 0; n < 500; ++n) {
        auto next = ViewNumber(n + 1);
        watch[t].push_back(next);
        holder.Install(std::move(next));
        ViewHolder::Guard guard(holder);
        EXPECT_NE(NumberOf(*guard), 0u);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  holder.Reclaim();
  int alive = 0;
  for (const auto& each : watch) {
    for (const auto& view : each) alive += !view.expired();
  }
  EXPECT_EQ(alive, 1);
}

}  // namespace
}  // namespace logwood
