// A path as a person can paste it into a shell: for messages that name a command to run.
#pragma once

#include <string>
#include <string_view>

namespace logwood::tools {

// `path` as it is where a shell would take it so; else quoted, and with "./" before a first "-",
// which would make an option of it, or "=", which zsh expands. Always one line: what is not
// printable becomes an escape in $'...', as bash, zsh and ksh read it.
std::string ShellPath(std::string_view path);

}  // namespace logwood::tools
