// The `logwood` program. Everything is in the library logwood_tools, so that tests can link it.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "tools/command.h"

namespace {

std::terminate_handler end = nullptr;

// Where the library has no other answer than to end the program (invariant 28). Nothing that was
// acknowledged is lost by it.
[[noreturn]] void EndWithoutMemory() {
  try {
    if (const std::exception_ptr why = std::current_exception()) std::rethrow_exception(why);
  } catch (const std::bad_alloc&) {
    std::fputs(logwood::tools::kOutOfMemory, stderr);
    std::_Exit(static_cast<int>(logwood::tools::ExitCode::kIo));
  } catch (...) {
    end();
  }
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  end = std::set_terminate(EndWithoutMemory);
  return logwood::tools::RunCommandLine(argc, argv);
}
