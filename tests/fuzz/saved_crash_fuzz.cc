// Any bytes as a crash state that a failed test saved (tests/support/crash_explorer.h).
#include <optional>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"
#include "tests/support/crash_explorer.h"

using namespace logwood;

FUZZ_TARGET(saved_crash, bytes) {
  std::string_view rest = bytes;
  if (const auto expected = test::CrashExpectation::Decode(&rest)) {
    test::Demand(rest.size() <= bytes.size());
    std::string told;
    expected->AppendTo(&told);
    std::string_view left = told;
    const auto second = test::CrashExpectation::Decode(&left);
    std::string again;
    if (second) second->AppendTo(&again);
    test::Demand(left.empty() && again == told);
    test::Note(told);
  }
  const std::optional<test::SavedCrash> crash = test::SavedCrash::Decode(bytes);
  if (!crash) return;
  static_cast<void>(crash->HowToCheck());
  const std::string saved = crash->Encode();
  test::Note(saved);
  const auto again = test::SavedCrash::Decode(saved);
  test::Demand(again.has_value() && again->Encode() == saved);
  test::Note(SimulatedFileSystem::Load(crash->disk).status());
}
