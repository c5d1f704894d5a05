// Any bytes as the log of a directory: up to three segments, one byte in front of each says its
// share.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/batch_codec.h"
#include "wal/replay.h"
#include "wal/segment_probe.h"
#include "wal/segments.h"

using namespace logwood;

namespace {

using Segments = std::vector<std::pair<std::string, std::string_view>>;

Segments SegmentsIn(std::string_view bytes) {
  Segments segments;
  for (int number = 1; number <= 3 && !bytes.empty(); ++number) {
    const size_t share = number == 3
                             ? bytes.size() - 1
                             : (bytes.size() - 1) * static_cast<uint8_t>(bytes.front()) / 255;
    segments.emplace_back(std::to_string(number), bytes.substr(1, share));
    bytes.remove_prefix(1 + share);
  }
  return segments;
}

// Gives each the name its header says, where that is possible, and `options` what the headers say
// of the log.
void NameSegments(FileSystem* files, const Segments& segments, ReplayOptions* options) {
  options->directory = "db";
  uint64_t number = 0;
  for (const auto& [name, bytes] : segments) {
    auto file = files->OpenRandomAccess("db/" + name);
    auto probe = ProbeSegment(**file, name);
    ++number;
    if (probe.ok() && probe->kind == SegmentProbe::Kind::kReadable) {
      const SegmentHeader& header = probe->header();
      if (options->from == 1) options->from = header.first_position;
      options->history_id = header.history_id;
      options->instance_id = header.instance_id;
      if (header.number < 1'000'000) number = std::max(number, header.number);
    }
    options->segments.push_back(number);
    test::Note(files->Rename("db/" + name, "db/" + LogFileName(number)).ToString());
  }
}

void ReplayFrom(FileSystem* files, const ReplayOptions& options) {
  LogPos last = 0;
  const auto result = ReplayLog(files, options, [&](const CommitRecord& record) {
    test::Demand(record.position >= options.from && (last == 0 || record.position == last + 1));
    last = record.position;
    test::Note(Status::Ok());
    test::Note(record.operations);
    BatchReader in(record.operations);
    for (BatchOperation operation; in.Next(&operation);) {
    }
    return Status::Ok();
  });
  test::Note(result.status().ToString());
  if (!result.ok()) return;
  test::Demand(last == 0 || result->last_position == last);
  test::Note(result->last_position);
  test::Note(result->durable_point);
  test::Note(result->damage.ToString());
}

}  // namespace

FUZZ_TARGET(replay, bytes) {
  const Segments segments = SegmentsIn(bytes);
  const auto files = test::FilesWith(segments);
  ReplayOptions options;
  NameSegments(files.get(), segments, &options);
  for (const LogPos from : {LogPos{1}, LogPos{3}, options.from}) {
    options.from = from;
    ReplayFrom(files.get(), options);
  }
}
