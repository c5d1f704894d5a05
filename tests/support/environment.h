// Numbers and words a person may give a test through environment variables.
//
//   const uint64_t seed = EnvironmentNumber("LOGWOOD_SEED", 1);
#pragma once

#include <cstdint>
#include <string>

namespace logwood::test {

// The variable as a decimal number; `otherwise` where it is unset or empty. Ends the program with a
// message when it is set to something that is no number.
uint64_t EnvironmentNumber(const char* name, uint64_t otherwise);
std::string EnvironmentText(const char* name, const std::string& otherwise);

// Says on standard error what was being run when the process dies of an abort or a bad access, so
// that even a failed CHECK names its seed. The text is copied; at most 1,000 bytes of it are kept.
void SetCrashNote(const std::string& text);

}  // namespace logwood::test
