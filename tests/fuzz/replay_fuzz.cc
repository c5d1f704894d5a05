// Any bytes as the log of a directory: up to three segments, one byte in front of each says its
// share.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_support.h"
#include "util/batch_codec.h"
#include "wal/replay.h"
#include "wal/segment_probe.h"

namespace {

using namespace logwood;

void Look(std::string_view bytes) {
  std::vector<std::pair<std::string, std::string_view>> contents;
  for (uint64_t number = 1; number <= 3 && !bytes.empty(); ++number) {
    const size_t share = number == 3
                             ? bytes.size() - 1
                             : (bytes.size() - 1) * static_cast<uint8_t>(bytes.front()) / 255;
    contents.emplace_back("00000" + std::to_string(number) + ".log", bytes.substr(1, share));
    bytes.remove_prefix(1 + share);
  }
  const auto files = test::FilesWith(contents);
  ReplayOptions options;
  options.directory = "db";
  for (size_t i = 0; i < contents.size(); ++i) {
    options.segments.push_back(i + 1);
    auto file = files->OpenRandomAccess("db/" + contents[i].first);
    auto probe = ProbeSegment(**file, contents[i].first);
    if (!probe.ok() || probe->kind != SegmentProbe::Kind::kReadable) continue;
    options.history_id = probe->header().history_id;
    options.instance_id = probe->header().instance_id;
  }
  for (const LogPos from : {1, 3}) {
    options.from = from;
    LogPos last = 0;
    auto result = ReplayLog(files.get(), options, [&](const CommitRecord& record) {
      if (record.position < from || (last != 0 && record.position != last + 1)) __builtin_trap();
      last = record.position;
      BatchReader in(record.operations);
      for (BatchOperation operation; in.Next(&operation);) {
      }
      return Status::Ok();
    });
    if (result.ok() && last != 0 && result->last_position != last) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
