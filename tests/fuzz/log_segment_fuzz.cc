// Any bytes as a log segment: probed, read, sought in, searched behind damage, dumped.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_support.h"
#include "util/internal_key.h"
#include "wal/log_dump.h"
#include "wal/segment_reader.h"

namespace {

using namespace logwood;

void Look(std::string_view bytes) {
  const std::string path = "db/000001.log";
  const auto files = test::FilesWith({{"000001.log", bytes}});
  for (const bool json : {false, true}) {
    auto summary = DumpSegment(files.get(), path, {.json = json}, [](std::string_view) {});
    static_cast<void>(summary.ok());
  }
  auto reader = SegmentReader::Open(files.get(), path);
  if (!reader.ok()) return;
  CommitRecord record;
  LogPos last = 0;
  while ((*reader)->Next(&record) == SegmentReader::Outcome::kRecord) last = record.position;
  static_cast<void>((*reader)->LookBehindDamage().ok());
  for (const LogPos position : {LogPos{0}, last / 2, last, last + 1, kPositionMax})
    static_cast<void>((*reader)->SeekTo(position, &record));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
