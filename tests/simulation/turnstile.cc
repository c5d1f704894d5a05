#include "tests/simulation/turnstile.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "tests/support/sanitizers.h"

#if LOGWOOD_TEST_TSAN
extern "C" void __tsan_ignore_thread_begin();
extern "C" void __tsan_ignore_thread_end();
#endif

namespace logwood::test {

namespace {

constexpr int kShut = 0, kOpen = 1, kAsked = 2, kAnswered = 3;
constexpr int kOwnFrames = 1;  // Await or StackOfCaller

thread_local int region_depth = 0;

void FutexWait(int* word, int expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
void FutexWake(int* word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }

// Where the program's own file lies: what it was started as may be relative.
std::string FileOf(const Dl_info& info) {
  if (info.dli_fname[0] == '/') return info.dli_fname;
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size <= 0 ? info.dli_fname : std::string(path, static_cast<size_t>(size));
}

std::string StackText(void* const* frames, int count) {
  std::ostringstream text;
  for (int i = kOwnFrames; i < count; ++i) {
    Dl_info info;
    // The instruction before: a return address may belong to the line after the call.
    const auto at = reinterpret_cast<uintptr_t>(frames[i]) - 1;
    if (dladdr(frames[i], &info) == 0 || info.dli_fname == nullptr) continue;
    text << "    " << FileOf(info) << "+0x" << std::hex
         << at - reinterpret_cast<uintptr_t>(info.dli_fbase) << std::dec << "\n";
  }
  return text.str();
}

}  // namespace

void Turnstile::Set(int value) {
  __atomic_store_n(&word_, value, __ATOMIC_RELEASE);
  FutexWake(&word_);
}

void Turnstile::Open() { Set(kOpen); }

void Turnstile::Await() {
  for (;;) {
    const int word = __atomic_load_n(&word_, __ATOMIC_ACQUIRE);
    if (word == kOpen) break;
    if (word == kAsked) {
      frame_count_ = backtrace(frames_, kFramesMax);
      Set(kAnswered);
      continue;
    }
    FutexWait(&word_, word);
  }
  __atomic_store_n(&word_, kShut, __ATOMIC_RELAXED);
}

std::string Turnstile::AskForStack() {
  Set(kAsked);
  while (__atomic_load_n(&word_, __ATOMIC_ACQUIRE) != kAnswered) FutexWait(&word_, kAsked);
  return StackText(frames_, frame_count_);
}

std::string StackOfCaller() {
  void* frames[48];
  return StackText(frames, backtrace(frames, 48));
}

namespace {

// What addr2line says of each offset in the file, by its text.
std::map<std::string, std::string> Resolve(const std::string& file,
                                           const std::set<std::string>& offsets) {
  std::string command = "addr2line -aCfpie '" + file + "'";
  for (const std::string& offset : offsets) command += " " + offset;
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>/dev/null").c_str(), "r"),
                                             pclose);
  std::map<std::string, std::string> found;
  std::string offset;
  std::array<char, 1000> piece;
  while (pipe && std::fgets(piece.data(), piece.size(), pipe.get())) {
    std::string line = piece.data();
    // "0x0000000000001234: Function at file:line", then a line for each function around it.
    const size_t colon = line.find(": ");
    if (line.starts_with("0x") && colon != std::string::npos) {
      offset = "0x" +
               line.substr(std::min(line.find_first_not_of('0', 2), colon - 1), std::string::npos);
      offset.resize(offset.find(':'));
      line = line.substr(colon + 2);
    }
    if (line.find("??") == std::string::npos) found[offset] += "    " + line;
  }
  return found;
}

}  // namespace

std::string WithSourceLines(const std::string& text) {
  const auto place = [](const std::string& line) -> std::pair<std::string, std::string> {
    const size_t plus = line.rfind("+0x");
    if (!line.starts_with("    /") || plus == std::string::npos) return {};
    return {line.substr(4, plus - 4), line.substr(plus + 1)};
  };
  std::map<std::string, std::set<std::string>> offsets;
  std::string line;
  for (std::istringstream in(text); std::getline(in, line);) {
    const auto [file, offset] = place(line);
    if (!file.empty()) offsets[file].insert(offset);
  }
  std::map<std::string, std::map<std::string, std::string>> found;
  for (const auto& [file, wanted] : offsets) found[file] = Resolve(file, wanted);
  std::string out;
  for (std::istringstream in(text); std::getline(in, line);) {
    const auto [file, offset] = place(line);
    const std::string known = file.empty() ? "" : found[file][offset];
    out += known.empty() ? line + "\n" : known;
  }
  return out;
}

SchedulerRegion::SchedulerRegion() {
#if LOGWOOD_TEST_TSAN
  __tsan_ignore_thread_begin();
#endif
  ++region_depth;
}

SchedulerRegion::~SchedulerRegion() {
  --region_depth;
#if LOGWOOD_TEST_TSAN
  __tsan_ignore_thread_end();
#endif
}

bool SchedulerRegion::Inside() { return region_depth != 0; }

}  // namespace logwood::test
