// The `logwood` program. Everything is in the library logwood_tools, so that tests can link it.
#include "tools/command.h"

int main(int argc, char** argv) { return logwood::tools::RunCommandLine(argc, argv); }
