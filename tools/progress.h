// Progress: one line on a terminal that shows how far a long command is.
//
//   Progress progress({.label = "load", .unit = "records", .total = file_bytes});
//   for (...) progress.Update(bytes_done, records_done);
//   progress.Finish();
//
// Silent for the first two seconds, or what LOGWOOD_PROGRESS_AFTER_MS says instead, and wherever
// standard error is no terminal. Update may be called as often as one likes as long as each call
// stands for some work (it asks the clock); once a batch is right. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace logwood::tools {

inline constexpr uint64_t kProgressQuietUs = 2'000'000;
inline constexpr uint64_t kProgressIntervalUs = 100'000;

struct ProgressOptions {
  std::string label;
  std::string unit;    // of the counts, plural; "bytes" shows sizes
  uint64_t total = 0;  // what `done` runs up to; 0: not known
  bool wanted = true;  // false: --quiet
};

// What the line is made from.
struct ProgressState {
  std::string label;
  std::string unit;
  uint64_t total = 0;
  uint64_t done = 0;
  uint64_t count = 0;
  uint64_t elapsed_us = 0;
};

// Pure: the line without its carriage return, at most `columns` wide.
std::string ProgressLine(const ProgressState& state, uint32_t columns);

class Progress {
 public:
  // The terminal and the clock, or what a test puts in their place.
  struct Surroundings {
    std::function<uint64_t()> now_us;
    std::function<void(const std::string&)> write;  // empty: stay silent
    uint32_t columns = 80;
    uint64_t quiet_us = kProgressQuietUs;
  };

  explicit Progress(const ProgressOptions& options);
  Progress(ProgressOptions options, Surroundings surroundings);
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total, `count` units for the rate.
  void Update(uint64_t done, uint64_t count);
  // What may be told bytes done and bytes in all; not once this is gone.
  std::function<void(uint64_t done, uint64_t all)> Bytes();
  // Removes the line. Call before printing anything else.
  void Finish();

 private:
  Surroundings surroundings_;
  ProgressState state_;
  uint64_t start_us_ = 0;
  uint64_t drawn_us_ = 0;  // when the line was drawn last; 0: never
};

}  // namespace logwood::tools
