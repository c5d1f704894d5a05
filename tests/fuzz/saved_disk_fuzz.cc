// Any bytes as a saved simulated disk.
#include <string>
#include <string_view>

#include "logwood/simulated_file_system.h"
#include "tests/fuzz/fuzz_target.h"

using namespace logwood;

FUZZ_TARGET(saved_disk, bytes) {
  auto disk = SimulatedFileSystem::Load(bytes);
  if (!test::Note(disk.status())) return;
  const std::string saved = (*disk)->Save();
  test::Note(saved);
  auto again = SimulatedFileSystem::Load(saved);
  test::Demand(again.ok() && (*again)->Save() == saved);
  test::Demand((*again)->ContentHash() == (*disk)->ContentHash());
  // All of it is durable.
  test::Demand((*disk)->CrashState(1)->Save() == saved && (*disk)->KilledState()->Save() == saved);
}
