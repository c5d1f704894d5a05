// Which Logwood this is: as a program is compiled, and as it is linked.
//
//   #if LOGWOOD_VERSION_MAJOR == 0 && LOGWOOD_VERSION_MINOR < 2
//   std::cerr << "logwood " << logwood::Version() << "\n";   // logwood 0.1.0
//
// Before 1.0 a minor version may change the interface, a patch version does not.
#pragma once

#include <string_view>

#include "logwood/export.h"

#define LOGWOOD_VERSION_MAJOR 0
#define LOGWOOD_VERSION_MINOR 1
#define LOGWOOD_VERSION_PATCH 0

namespace logwood {

// "MAJOR.MINOR.PATCH" of the library in use. For ever valid; any thread.
LOGWOOD_EXPORT std::string_view Version();

}  // namespace logwood
