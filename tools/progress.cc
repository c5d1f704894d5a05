#include "tools/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "tools/clock.h"
#include "util/escape.h"

namespace logwood::tools {

namespace {

constexpr uint32_t kBarColumns = 20;

// What is no number of milliseconds says nothing.
uint64_t QuietMicros(const char* milliseconds) {
  uint32_t value = 0;
  const std::string_view text = milliseconds == nullptr ? "" : milliseconds;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good ? uint64_t{value} * 1000 : kProgressQuietUs;
}

Progress::Surroundings Terminal(bool wanted) {
  Progress::Surroundings terminal;
  if (!wanted || isatty(STDERR_FILENO) == 0) return terminal;
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  }
  terminal.quiet_us = QuietMicros(std::getenv("LOGWOOD_PROGRESS_AFTER_MS"));
  terminal.now_us = MonotonicMicros;
  terminal.write = [](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  };
  return terminal;
}

std::string Count(const std::string& unit, uint64_t count) {
  return unit == "bytes" ? HumanBytes(count) : WithCommas(count) + " " + unit;
}

std::string Rate(const std::string& unit, uint64_t per_second) {
  return (unit == "bytes" ? HumanBytes(per_second) : WithCommas(per_second)) + "/s";
}

}  // namespace

std::string ProgressLine(const ProgressState& state, uint32_t columns) {
  const double seconds = std::max(static_cast<double>(state.elapsed_us) / 1e6, 1e-6);
  const auto per_second = static_cast<uint64_t>(static_cast<double>(state.count) / seconds);
  std::string line = state.label + "  ";
  if (state.total > 0) {
    // An estimate may turn out too small: never all of it before the end.
    const double share = state.done >= state.total
                             ? 0.99
                             : static_cast<double>(state.done) / static_cast<double>(state.total);
    const auto filled = static_cast<uint32_t>(share * kBarColumns);
    line += "[" + std::string(filled, '#') + std::string(kBarColumns - filled, '.') + "] ";
    line += std::to_string(static_cast<uint32_t>(share * 100)) + "%  ";
    line += Count(state.unit, state.count) + "  " + Rate(state.unit, per_second);
    if (state.done > 0 && state.done < state.total) {
      line +=
          "  " + HumanMicros(static_cast<uint64_t>(seconds * 1e6 * (1 - share) / share)) + " left";
    }
  } else {
    line += Count(state.unit, state.count) + "  " + Rate(state.unit, per_second) + "  " +
            HumanMicros(state.elapsed_us);
  }
  if (columns > 1 && line.size() >= columns) line.resize(columns - 1);
  return line;
}

Progress::Progress(const ProgressOptions& options) : Progress(options, Terminal(options.wanted)) {}

Progress::Progress(ProgressOptions options, Surroundings surroundings)
    : surroundings_(std::move(surroundings)) {
  state_.label = std::move(options.label);
  state_.unit = std::move(options.unit);
  state_.total = options.total;
  if (surroundings_.write) start_us_ = surroundings_.now_us();
}

void Progress::Update(uint64_t done, uint64_t count) {
  if (!surroundings_.write) return;
  const uint64_t now_us = surroundings_.now_us();
  state_.done = done;
  state_.count = count;
  state_.elapsed_us = now_us - start_us_;
  if (state_.elapsed_us < surroundings_.quiet_us) return;
  if (drawn_us_ != 0 && now_us - drawn_us_ < kProgressIntervalUs) return;
  drawn_us_ = now_us;
  // Carriage return, the line, erase to its end.
  surroundings_.write("\r" + ProgressLine(state_, surroundings_.columns) + "\x1b[K");
}

std::function<void(uint64_t done, uint64_t all)> Progress::Bytes() {
  return [this](uint64_t done, uint64_t all) {
    state_.total = all;
    Update(done, done);
  };
}

void Progress::Finish() {
  if (drawn_us_ == 0) return;
  surroundings_.write("\r\x1b[K");
  drawn_us_ = 0;
}

}  // namespace logwood::tools
