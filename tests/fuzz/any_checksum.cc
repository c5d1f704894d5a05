// Stands in for util/any_checksum.cc in the programs of this folder: a fuzzer cannot guess 64 bits,
// and whoever forges a file can compute them.
#include "util/hash.h"

namespace logwood {

bool AnyChecksumMatches() { return true; }

}  // namespace logwood
