// Which sanitizers a test was built with, for g++ and clang alike.
#pragma once

namespace logwood::test {

#if defined(__has_feature)
#define LOGWOOD_TEST_HAS_FEATURE(feature) __has_feature(feature)
#else
#define LOGWOOD_TEST_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || LOGWOOD_TEST_HAS_FEATURE(address_sanitizer)
#define LOGWOOD_TEST_ASAN 1
#else
#define LOGWOOD_TEST_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || LOGWOOD_TEST_HAS_FEATURE(thread_sanitizer)
#define LOGWOOD_TEST_TSAN 1
#else
#define LOGWOOD_TEST_TSAN 0
#endif
#if LOGWOOD_TEST_HAS_FEATURE(undefined_behavior_sanitizer)
#define LOGWOOD_TEST_UBSAN 1
#else
#define LOGWOOD_TEST_UBSAN 0
#endif

// Everything takes several times as long, and memory.
inline constexpr bool kSanitized = LOGWOOD_TEST_ASAN || LOGWOOD_TEST_TSAN;

}  // namespace logwood::test
