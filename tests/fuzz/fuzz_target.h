// FUZZ_TARGET: a function that is given any bytes. In the fuzz preset each is a program of
// libFuzzer's; in the others all of them are in logwood_fuzz_replay, which gives each the files of
// its corpus.
//
//   FUZZ_TARGET(manifest, bytes) {   // in manifest_fuzz.cc
//     test::Note(ReadSomething(bytes));
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "util/escape.h"
#include "util/hash.h"

namespace logwood::test {

// What the code under test answered to the input at hand: the same for the same input.
// LOGWOOD_SHOW=1 prints the answers.
struct FuzzVerdict {
  uint64_t hash = 0;
  uint64_t ok = 0;  // answers that were no error: the input was read, at least in part
};
inline FuzzVerdict fuzz_verdict;
inline const bool fuzz_shows_answers = std::getenv("LOGWOOD_SHOW") != nullptr;

inline void Note(std::string_view answer) {
  fuzz_verdict.hash = Hash64(answer, fuzz_verdict.hash + 1);
  if (fuzz_shows_answers) std::printf("  %s\n", Escape(answer).c_str());
}
inline void Note(uint64_t answer) { Note(std::to_string(answer)); }
// Whether it is ok.
inline bool Note(const Status& answer) {
  Note(answer.ToString());
  fuzz_verdict.ok += answer.ok() ? 1 : 0;
  return answer.ok();
}

using FuzzFunction = void (*)(std::string_view bytes);

// A contract that was broken, whatever the bytes are.
inline void Demand(bool holds) {
  if (!holds) __builtin_trap();
}

#ifndef LOGWOOD_FUZZ
// In replay_main.cc.
struct FuzzTarget {
  FuzzTarget(std::string_view name, FuzzFunction function);
};
#endif

}  // namespace logwood::test

#ifdef LOGWOOD_FUZZ
#define FUZZ_TARGET(name, bytes)                                            \
  static void name##Target(std::string_view bytes);                         \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    name##Target({reinterpret_cast<const char*>(data), size});              \
    return 0;                                                               \
  }                                                                         \
  static void name##Target(std::string_view bytes)
#else
#define FUZZ_TARGET(name, bytes)                                               \
  static void name##Target(std::string_view bytes);                            \
  static const ::logwood::test::FuzzTarget name##_target(#name, name##Target); \
  static void name##Target(std::string_view bytes)
#endif
