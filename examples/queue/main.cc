// Moves items through a durable queue (queue.h): several threads push, one takes. Half way it
// closes the queue, with items in it, and opens it again. Prints how fast each tenth went, and
// fails if an item is lost, comes twice or out of order.
//
//   ./queue [--items N] [--producers N] [--stride N] [--backlog N] [--power] [--dir DIR]
#include "queue.h"

#include <getopt.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

using logwood::Status;

namespace {

constexpr const char* kUsage =
    R"(usage: queue [options]

  --items N      so many items go through it; 20,000 without it
  --producers N  threads that push; 3
  --stride N     items taken, and deleted, at a time; 100
  --backlog N    at most so many items in the queue; 10,000
  --power        a push returns when it survives loss of power
  --dir DIR      the database; "queue.db". What an earlier run left in it is taken first
  --help
)";

struct Arguments {
  std::string directory = "queue.db";
  uint64_t items = 20'000, producers = 3, stride = 100, backlog = 10'000;
  logwood::Durability durability = logwood::Durability::kProcess;
};

enum class Parsed { kRun, kHelp, kWrong };

Parsed Parse(int argc, char** argv, Arguments* arguments) {
  static const option kOptions[] = {
      {"items", required_argument, nullptr, 'i'},  {"producers", required_argument, nullptr, 'p'},
      {"stride", required_argument, nullptr, 's'}, {"backlog", required_argument, nullptr, 'b'},
      {"power", no_argument, nullptr, 'w'},        {"dir", required_argument, nullptr, 'd'},
      {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    if (c == 'h') return Parsed::kHelp;
    if (c == '?') return Parsed::kWrong;
    if (c == 'd') arguments->directory = optarg;
    if (c == 'w') arguments->durability = logwood::Durability::kPower;
    if (c == 'd' || c == 'w') continue;
    uint64_t& number = c == 'i'   ? arguments->items
                       : c == 'p' ? arguments->producers
                       : c == 's' ? arguments->stride
                                  : arguments->backlog;
    number = std::strtoull(optarg, nullptr, 10);
    if (number == 0) return Parsed::kWrong;
  }
  return optind == argc ? Parsed::kRun : Parsed::kWrong;
}

// An item says who pushed it and as which: "2/000000000017", and something to carry.
std::string TextOf(uint64_t producer, uint64_t index) {
  char text[100];
  std::snprintf(text, sizeof(text), "%03lu/%012lu", producer, index);
  return text + std::string(80, '.');
}

// What was taken, and when.
class Progress {
 public:
  Progress(uint64_t items, uint64_t producers) : items_(items), next_(producers) {}

  // False: it is not the next one of its producer.
  bool Take(const Item& item) {
    uint64_t producer = 0, index = 0;
    if (std::sscanf(item.text.c_str(), "%lu/%lu", &producer, &index) != 2) return false;
    if (producer >= next_.size() || next_[producer] != index) return false;
    ++next_[producer];
    if (++taken_ * 10 / items_ > tenths_.size()) EndTenth();
    return true;
  }
  uint64_t taken() const { return taken_; }
  void PrintSpread() const {
    constexpr double kMeasuredSecondsMin = 0.001;  // less measures the clock and the scheduler
    if (shortest_ < kMeasuredSecondsMin) {
      std::printf("too few items to say how even it went; see --items\n");
      return;
    }
    const auto [slowest, fastest] = std::minmax_element(tenths_.begin(), tenths_.end());
    std::printf("the slowest tenth went at %.0f %% of the fastest\n", 100 * *slowest / *fastest);
  }

 private:
  using Clock = std::chrono::steady_clock;
  void EndTenth() {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - since_).count();
    shortest_ = tenths_.empty() ? seconds : std::min(shortest_, seconds);
    tenths_.push_back(static_cast<double>(taken_ - taken_before_) / std::max(seconds, 1e-9));
    std::printf("%10lu items: %.0f/s\n", taken_, tenths_.back());
    std::fflush(stdout);
    since_ = now;
    taken_before_ = taken_;
  }

  const uint64_t items_;
  std::vector<uint64_t> next_;  // of each producer
  uint64_t taken_ = 0, taken_before_ = 0;
  Clock::time_point since_ = Clock::now();
  std::vector<double> tenths_;  // items a second
  double shortest_ = 0;         // of them, in seconds
};

// Takes until so many have been taken in all.
Status Consume(Queue& queue, const Arguments& arguments, uint64_t until, Progress* progress) {
  while (progress->taken() < until) {
    const uint64_t wanted = std::min(arguments.stride, until - progress->taken());
    const auto items = queue.Front(wanted);
    if (!items.ok()) return items.status();
    for (const Item& item : *items) {
      if (!progress->Take(item)) return Status::Corruption("not the next item: " + item.text);
    }
    const Status status = queue.Remove(items->back().number);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

// Pushes the items [first, last) and takes until `until` are taken, at the same time.
Status Move(Queue& queue, const Arguments& arguments, uint64_t first, uint64_t last, uint64_t until,
            Progress* progress) {
  std::vector<std::thread> producers;
  for (uint64_t producer = 0; producer < arguments.producers; ++producer) {
    producers.emplace_back([&, producer] {
      for (uint64_t i = first; i < last; ++i) {
        if (i % arguments.producers != producer) continue;
        // An error is told to the consumer, too.
        if (!queue.Push(TextOf(producer, i / arguments.producers), arguments.durability).ok())
          return;
      }
    });
  }
  const Status status = Consume(queue, arguments, until, progress);
  if (!status.ok()) queue.Stop(status);  // producers may wait for room
  for (std::thread& producer : producers) producer.join();
  return status;
}

Status TakeWhatIsLeft(Queue& queue, const Arguments& arguments) {
  if (queue.size() != 0) std::printf("%lu items of an earlier run\n", queue.size());
  while (queue.size() != 0) {
    const auto items = queue.Front(arguments.stride);
    if (!items.ok()) return items.status();
    const Status status = queue.Remove(items->back().number);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

Status Run(const Arguments& arguments) {
  const uint64_t half = arguments.items / 2;
  const uint64_t kept = std::min(half, arguments.backlog / 2);  // while it is closed
  auto queue = Queue::Open(arguments.directory, arguments.backlog);
  if (!queue.ok()) return queue.status();
  Status status = TakeWhatIsLeft(**queue, arguments);
  Progress progress(arguments.items, arguments.producers);
  if (status.ok()) status = Move(**queue, arguments, 0, half, half - kept, &progress);
  if (status.ok()) status = (*queue)->Close();
  if (!status.ok()) return status;

  queue = Queue::Open(arguments.directory, arguments.backlog);
  if (!queue.ok()) return queue.status();
  std::printf("opened again, with %lu items\n", (*queue)->size());
  if ((*queue)->size() != kept) return Status::Corruption("other items than were left");
  status = Move(**queue, arguments, half, arguments.items, arguments.items, &progress);
  if (status.ok() && (*queue)->size() != 0) return Status::Corruption("there are more items");
  progress.PrintSpread();
  return status.ok() ? (*queue)->Close() : status;
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
  if (!status.ok()) std::fprintf(stderr, "queue: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
