// Any bytes as a log segment: probed, read, sought in, searched behind damage, dumped.
#include <memory>
#include <string>
#include <string_view>

#include "db/segment_head.h"
#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/internal_key.h"
#include "wal/log_dump.h"
#include "wal/segment_reader.h"

using namespace logwood;

FUZZ_TARGET(log_segment, bytes) {
  const std::string path = "db/000001.log";
  const auto files = test::FilesWith({{"000001.log", bytes}});
  for (const bool json : {false, true}) {
    auto summary = DumpSegment(files.get(), path, {.json = json},
                               [](std::string_view line) { test::Note(line); });
    if (!summary.ok()) test::Note(summary.status());
  }
  for (const bool is_end : {false, true}) {
    auto flaw = FindHeadFlaw(**files->OpenRandomAccess(path), is_end);
    if (!flaw.ok()) test::Note(flaw.status());
  }
  auto reader = SegmentReader::Open(files.get(), path);
  if (!reader.ok()) return;
  CommitRecord record;
  LogPos last = 0;
  while ((*reader)->Next(&record) == SegmentReader::Outcome::kRecord) {
    test::Demand(last == 0 || record.position == last + 1);
    last = record.position;
    test::Note(Status::Ok());
    test::Note(record.operations);
  }
  const auto behind = (*reader)->LookBehindDamage();
  if (!behind.ok()) test::Note(behind.status());
  for (const LogPos position : {LogPos{0}, last / 2, last, last + 1, kPositionMax})
    test::Note(static_cast<uint64_t>((*reader)->SeekTo(position, &record)));
}
