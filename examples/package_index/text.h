// Figures for people, and the one clock of this program.
#pragma once

#include <cstdint>
#include <string>

namespace package_index {

std::string Commas(uint64_t number);   // 1,234,567
std::string Bytes(uint64_t bytes);     // 47.8 MiB
std::string Seconds(uint64_t micros);  // 0.123 s
// `count` per second, with commas.
std::string Rate(uint64_t count, uint64_t micros);

// A word of a shell command, quoted where the shell would take it for something else.
std::string ShellWord(const std::string& text);
// A key as the logwood command reads it: backslashes and control characters escaped.
std::string KeyText(const std::string& key);

uint64_t NowMicros();  // monotonic
void SleepMicros(uint64_t micros);

// Prints "\n3. Title\n".
void Step(const std::string& title);
// Prints an indented line.
void Say(const std::string& line);
// Prints an indented line that says what failed. Always false, for a return.
bool SayFailed(const std::string& what);

}  // namespace package_index
