// Counts page views (page_views.h): several threads count, while this one looks, as often as it
// can, whether both keyspaces tell of as many views. At the end it opens the database again and
// holds all of it against what the threads remember. Prints the most viewed pages of the last day,
// and how fast it counted; fails if a view was lost or came twice.
//
//   ./counter [--views N] [--threads N] [--pages N] [--days N] [--dir DIR]
#include <getopt.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "page_views.h"

using logwood::Status;

namespace {

constexpr const char* kUsage =
    R"(usage: counter [options]

  --views N    so many views are counted; 40,000 without it
  --threads N  threads that count; 4
  --pages N    pages of the site; 200. Few: the same ones all the time
  --days N     1 to 28 days; 7
  --dir DIR    the database; "counter.db". What an earlier run counted counts on
  --help
)";

struct Arguments {
  std::string directory = "counter.db";
  uint64_t views = 40'000, threads = 4, pages = 200, days = 7;
};

enum class Parsed { kRun, kHelp, kWrong };

Parsed Parse(int argc, char** argv, Arguments* arguments) {
  static const option kOptions[] = {{"views", required_argument, nullptr, 'v'},
                                    {"threads", required_argument, nullptr, 't'},
                                    {"pages", required_argument, nullptr, 'p'},
                                    {"days", required_argument, nullptr, 'a'},
                                    {"dir", required_argument, nullptr, 'd'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    if (c == 'h') return Parsed::kHelp;
    if (c == '?') return Parsed::kWrong;
    if (c == 'd') {
      arguments->directory = optarg;
      continue;
    }
    uint64_t& number = c == 'v'   ? arguments->views
                       : c == 't' ? arguments->threads
                       : c == 'p' ? arguments->pages
                                  : arguments->days;
    number = std::strtoull(optarg, nullptr, 10);
    if (number == 0) return Parsed::kWrong;
  }
  return optind == argc && arguments->days <= 28 ? Parsed::kRun : Parsed::kWrong;
}

std::string DayName(uint64_t day) {
  char text[32];
  std::snprintf(text, sizeof(text), "2026-03-%02u", static_cast<unsigned>(day + 1));
  return text;
}

std::string PageName(uint64_t page) { return "docs/" + std::to_string(page); }

void AddTo(PageViews::Counts* counts, const PageViews::Counts& more) {
  for (const auto& [key, views] : more.views) counts->views[key] += views;
  for (const auto& [page, time] : more.times) counts->times[page].Add(time);
}

// A thread's visitors; what was counted is in `counted`, too.
Status Visit(PageViews& site, const Arguments& arguments, uint64_t thread,
             PageViews::Counts* counted) {
  uint64_t dice = thread + 1;
  const auto random = [&dice](uint64_t below) {
    dice = dice * 6364136223846793005 + 1442695040888963407;
    return (dice >> 33) % below;
  };
  for (uint64_t i = thread; i < arguments.views; i += arguments.threads) {
    const std::string day = DayName(i * arguments.days / arguments.views);
    // The lower of three: some pages are viewed much more than others.
    const std::string page = PageName(
        std::min({random(arguments.pages), random(arguments.pages), random(arguments.pages)}));
    const auto load_us = static_cast<int64_t>(500 + random(random(20'000) + 1));
    const Status status = site.Count(day, page, load_us);
    if (!status.ok()) return status;
    ++counted->views[day + "/" + page];
    counted->times[page].Add(LoadTime::OfOne(load_us));
  }
  return Status::Ok();
}

// A view is one commit: at no position may one keyspace have it and the other not.
Status Audit(PageViews& site) {
  const auto all = site.All();
  if (!all.ok()) return all.status();
  int64_t views = 0, loads = 0;
  for (const auto& [key, number] : all->views) views += number;
  for (const auto& [page, time] : all->times) loads += time.loads;
  return views == loads ? Status::Ok() : Status::Corruption("a view is half there");
}

// Counts with all threads; what they remember is added to `counted`. Audits meanwhile.
Status CountAll(PageViews& site, const Arguments& arguments, PageViews::Counts* counted) {
  std::vector<PageViews::Counts> remembered(arguments.threads);
  std::vector<Status> ended(arguments.threads);
  std::atomic<uint64_t> running{arguments.threads};
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < arguments.threads; ++thread) {
    threads.emplace_back([&, thread] {
      ended[thread] = Visit(site, arguments, thread, &remembered[thread]);
      --running;
    });
  }
  Status status;
  while (status.ok() && running != 0) status = Audit(site);
  for (std::thread& thread : threads) thread.join();
  for (Status& end : ended) {
    if (status.ok()) status = std::move(end);
  }
  for (const PageViews::Counts& of_one : remembered) AddTo(counted, of_one);
  return status;
}

Status PrintTop(PageViews& site, const std::string& day) {
  const auto top = site.Top(day, 5);
  if (!top.ok()) return top.status();
  std::printf("%s      views   mean load  slowest\n", day.c_str());
  for (const PageCount& page : *top) {
    std::printf("%-12s %8lld %8.1f ms %5.1f ms\n", page.page.c_str(),
                static_cast<long long>(page.views), page.time.mean_us() / 1e3,
                static_cast<double>(page.time.most_us) / 1e3);
  }
  return Status::Ok();
}

Status Run(const Arguments& arguments) {
  auto site = PageViews::Open(arguments.directory);
  if (!site.ok()) return site.status();
  auto counted = (*site)->All();  // an earlier run's
  if (!counted.ok()) return counted.status();

  const auto begin = std::chrono::steady_clock::now();
  Status status = CountAll(**site, arguments, &*counted);
  if (!status.ok()) return status;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  status = (*site)->Close();
  if (!status.ok()) return status;

  site = PageViews::Open(arguments.directory);
  if (!site.ok()) return site.status();
  const auto found = (*site)->All();
  if (!found.ok()) return found.status();
  if (!(*found == *counted)) return Status::Corruption("other counts than were made");
  status = PrintTop(**site, DayName(arguments.days - 1));
  std::printf("%llu views by %llu threads, %.0f counts/s; every sum is right\n",
              static_cast<unsigned long long>(arguments.views),
              static_cast<unsigned long long>(arguments.threads),
              static_cast<double>(arguments.views) / std::max(taken.count(), 1e-9));
  return status.ok() ? (*site)->Close() : status;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  switch (Parse(argc, argv, &arguments)) {
    case Parsed::kHelp:
      std::fputs(kUsage, stdout);
      return 0;
    case Parsed::kWrong:
      std::fputs(kUsage, stderr);
      return 2;
    case Parsed::kRun:
      break;
  }
  const Status status = Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "counter: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
