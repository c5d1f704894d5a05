#include "logwood/version.h"

namespace logwood {

std::string_view Version() { return LOGWOOD_VERSION_STRING; }

}  // namespace logwood
