#include "text.h"

#include <chrono>
#include <cstdio>
#include <thread>

namespace package_index {

namespace {

std::string Decimal(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

}  // namespace

std::string Commas(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1024 * 1024) return Decimal(static_cast<double>(bytes) / 1024, "%.1f KiB");
  return Decimal(static_cast<double>(bytes) / 1024 / 1024, "%.1f MiB");
}

std::string Seconds(uint64_t micros) {
  return Decimal(static_cast<double>(micros) / 1e6, "%.3f s");
}

std::string Rate(uint64_t count, uint64_t micros) {
  return Commas(static_cast<uint64_t>(static_cast<double>(count) * 1e6 /
                                      static_cast<double>(micros + 1))) +
         "/s";
}

std::string ShellWord(const std::string& text) {
  constexpr const char* kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@%,";
  if (!text.empty() && text.find_first_not_of(kHarmless) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string KeyText(const std::string& key) {
  std::string text;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '\\') {
      text.push_back(c);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\x%02x", byte);
      text += escape;
    }
  }
  return text;
}

uint64_t NowMicros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

void SleepMicros(uint64_t micros) {
  std::this_thread::sleep_for(std::chrono::microseconds(micros));
}

void Step(const std::string& title) {
  static int number = 0;
  std::printf("\n%d. %s\n", ++number, title.c_str());
  std::fflush(stdout);
}

void Say(const std::string& line) {
  std::printf("   %s\n", line.c_str());
  std::fflush(stdout);
}

bool SayFailed(const std::string& what) {
  Say("FAILED: " + what);
  return false;
}

}  // namespace package_index
