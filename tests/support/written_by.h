// Freshly written files as another release would have written them, to compare with golden files.
#pragma once

#include <cstdint>
#include <string>

namespace logwood::test {

// `bytes`, a whole file that this build wrote, with another writer in the file header (0: not said;
// util/file_header.h) and the checksums that cover it. All else stays as it is, and must be as its
// checksums say; a test that asks for this fails otherwise.
std::string WrittenBy(uint32_t writer, const std::string& bytes);

}  // namespace logwood::test
