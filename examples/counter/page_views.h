// The page views of a site, counted by merges: what you would copy.
//
// Two keyspaces. "views" has a counter for each page and day, "2026-03-07/docs/1", by the built-in
// operator add_int64; the day comes first, so that a day is a range of keys. "times" has for each
// page how long it took to load, by an operator of our own (load_time.h). A view is one commit of
// two merges: nothing is read, and threads that count the same page at the same time lose nothing
// and never wait for each other to try again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load_time.h"
#include "logwood/db.h"

struct PageCount {
  std::string page;
  int64_t views = 0;
  LoadTime time;  // of all days
};

class PageViews {
 public:
  // What was counted earlier counts on.
  static logwood::Result<std::unique_ptr<PageViews>> Open(const std::string& directory);

  // Any number of threads.
  logwood::Status Count(std::string_view day, std::string_view page, int64_t load_us);

  // The pages with the most views on a day, at most so many, the most first.
  logwood::Result<std::vector<PageCount>> Top(std::string_view day, size_t most);

  // All there is, as it was at one position.
  struct Counts {
    std::map<std::string, int64_t, std::less<>> views;  // by day/page
    std::map<std::string, LoadTime, std::less<>> times;
    bool operator==(const Counts&) const = default;
  };
  logwood::Result<Counts> All();

  logwood::Status Close() { return db_->Close(); }

 private:
  PageViews(std::unique_ptr<logwood::DB> db, logwood::Keyspace views, logwood::Keyspace times)
      : db_(std::move(db)), views_(views), times_(times) {}

  const std::unique_ptr<logwood::DB> db_;
  const logwood::Keyspace views_, times_;
};
