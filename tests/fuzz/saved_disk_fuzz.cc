// Any bytes as a saved simulated disk.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "logwood/simulated_file_system.h"

namespace {

void Look(std::string_view bytes) {
  auto disk = logwood::SimulatedFileSystem::Load(bytes);
  if (!disk.ok()) return;
  const std::string saved = (*disk)->Save();
  auto again = logwood::SimulatedFileSystem::Load(saved);
  if (!again.ok() || (*again)->Save() != saved) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
