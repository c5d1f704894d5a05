#include "page_views.h"

#include <algorithm>
#include <cstddef>

using logwood::Result;
using logwood::Status;

Result<std::unique_ptr<PageViews>> PageViews::Open(const std::string& directory) {
  logwood::Options options;
  // The built-in one would be found by its name from the second open on. Ours has to be named each
  // time: the database stores its name, not what it does.
  options.keyspaces["views"].merge_operator = logwood::MergeOperator::AddInt64();
  options.keyspaces["times"].merge_operator = std::make_shared<MergeLoadTimes>();
  auto db = logwood::DB::Open(options, directory);
  if (!db.ok()) return db.status();
  const auto views = (*db)->OpenOrCreateKeyspace({}, "views");
  if (!views.ok()) return views.status();
  const auto times = (*db)->OpenOrCreateKeyspace({}, "times");
  if (!times.ok()) return times.status();
  return std::unique_ptr<PageViews>(new PageViews(std::move(*db), *views, *times));
}

Status PageViews::Count(std::string_view day, std::string_view page, int64_t load_us) {
  logwood::WriteBatch view;  // both, or none
  view.Merge(views_, std::string(day).append("/").append(page), logwood::EncodeInt64(1));
  view.Merge(times_, page, LoadTime::OfOne(load_us).Encode());
  return db_->Write({}, view).status();
}

Result<std::vector<PageCount>> PageViews::Top(std::string_view day, size_t most) {
  logwood::IteratorOptions of_the_day;
  of_the_day.prefix = std::string(day) + "/";
  std::vector<PageCount> pages;
  const auto it = db_->NewIterator(of_the_day, views_);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    pages.push_back({std::string(it->key().substr(day.size() + 1)),
                     logwood::DecodeInt64(it->value()).value_or(0),
                     {}});
  }
  if (!it->status().ok()) return it->status();
  const auto end = pages.begin() + static_cast<std::ptrdiff_t>(std::min(most, pages.size()));
  std::partial_sort(pages.begin(), end, pages.end(), [](const PageCount& a, const PageCount& b) {
    return a.views != b.views ? a.views > b.views : a.page < b.page;
  });
  pages.erase(end, pages.end());
  for (PageCount& page : pages) {
    std::string time;
    if (const Status got = db_->Get({}, times_, page.page, &time); !got.ok()) return got;
    page.time = LoadTime::Decode(time).value_or(LoadTime());
  }
  return pages;
}

Result<PageViews::Counts> PageViews::All() {
  // Without it the two would be read at two positions, and counts that came between them would be
  // in one and not in the other.
  const auto snapshot = db_->GetSnapshot("all counts");
  if (!snapshot.ok()) return snapshot.status();
  logwood::IteratorOptions at_it;
  at_it.snapshot = snapshot->get();
  Counts all;
  const auto views = db_->NewIterator(at_it, views_);
  for (views->SeekToFirst(); views->Valid(); views->Next()) {
    const auto number = logwood::DecodeInt64(views->value());
    if (!number) return Status::Corruption("no number of views");
    all.views.emplace(views->key(), *number);
  }
  if (!views->status().ok()) return views->status();
  const auto times = db_->NewIterator(at_it, times_);
  for (times->SeekToFirst(); times->Valid(); times->Next()) {
    const auto time = LoadTime::Decode(times->value());
    if (!time) return Status::Corruption("no load time");
    all.times.emplace(times->key(), *time);
  }
  if (!times->status().ok()) return times->status();
  return all;
}
