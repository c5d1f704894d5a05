// Freshly written files as another release would have written them, to compare with golden files
// and to see that refusals name it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace logwood::test {

// `bytes`, a whole file that this build wrote, with another writer in the file header (0: not said;
// util/file_header.h) and the checksums that cover it. All else stays as it is, and must be as its
// checksums say; a test that asks for this fails otherwise.
std::string WrittenBy(uint32_t writer, const std::string& bytes);

// Logwood 4.5.6, and how WithWriter (util/file_header.h) ends the refusal of what its files hold.
inline constexpr uint32_t kOtherWriter = 0x040506;
std::string NamesOtherWriter();
// The same where a file does not say who wrote it.
inline constexpr std::string_view kNamesNoWriter = "; a newer version of Logwood wrote it";

}  // namespace logwood::test
