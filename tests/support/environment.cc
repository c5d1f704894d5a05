#include "tests/support/environment.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/sanitizers.h"

namespace logwood::test {

namespace {

constexpr size_t kNoteBytesKept = 1000;
char note[kNoteBytesKept + 1];
std::atomic<size_t> crash_note_bytes{0};

extern "C" void TellNote(int signal_number) {
  const size_t bytes = crash_note_bytes.load(std::memory_order_acquire);  // pairs with SetCrashNote
  ssize_t ignored = write(STDERR_FILENO, note, bytes);
  ignored = write(STDERR_FILENO, "\n", 1);
  static_cast<void>(ignored);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

}  // namespace

uint64_t EnvironmentNumber(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  const uint64_t number = std::strtoull(text, &end, 10);
  if (*end != '\0') {
    std::fprintf(stderr, "%s=%s is not a number\n", name, text);
    std::exit(2);
  }
  return number;
}

std::string EnvironmentText(const char* name, const std::string& otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : text;
}

void SetCrashNote(const std::string& text) {
  const size_t bytes = std::min(text.size(), kNoteBytesKept);
  crash_note_bytes.store(0, std::memory_order_release);
  std::memcpy(note, text.data(), bytes);
  crash_note_bytes.store(bytes, std::memory_order_release);
  signal(SIGABRT, TellNote);
  if (kSanitized) return;  // the others are theirs
  for (const int signal_number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) signal(signal_number, TellNote);
}

}  // namespace logwood::test
