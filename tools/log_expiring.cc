#include "tools/log_expiring.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/file_names.h"
#include "util/batch_codec.h"
#include "wal/segment_survey.h"

namespace logwood::tools {

namespace {

bool HasExpiring(std::string_view operations) {
  BatchReader reader(operations);
  BatchOperation operation;
  while (reader.Next(&operation)) {
    if (operation.kind == EntryKind::kPutExpiring) return true;
  }
  return false;
}

std::vector<std::unique_ptr<SegmentSurvey>> SegmentsOf(const std::string& directory) {
  std::vector<std::unique_ptr<SegmentSurvey>> segments;
  const Result<std::vector<std::string>> names = FileSystem::Posix()->List(directory);
  if (!names.ok()) return segments;
  for (const std::string& name : *names) {
    const std::optional<ParsedName> parsed = ParseFileName(name);
    if (!parsed || parsed->kind != NameKind::kLog) continue;
    auto segment = SegmentSurvey::Open(FileSystem::Posix(), directory + "/" + name);
    if (segment.ok() && (*segment)->identified()) segments.push_back(std::move(*segment));
  }
  return segments;
}

}  // namespace

bool LogHasExpiring(const DB& db) {
  const LogPos in_tables = db.GetRecoveryInfo().tables_position;
  const LogPos last = db.LastPosition();
  if (last <= in_tables) return false;
  const std::vector<std::unique_ptr<SegmentSurvey>> segments = SegmentsOf(db.path());
  // Retained ones are in tables: the newest that begins there, or before, is the first to look at.
  LogPos first = 0;
  for (const auto& segment : segments) {
    const LogPos begins = segment->first_position();
    if (begins <= in_tables + 1 && begins > first) first = begins;
  }
  bool found = false;
  for (const auto& segment : segments) {
    if (found || segment->first_position() < first || segment->first_position() > last) continue;
    const auto read = segment->Read(
        {},
        [&](const CommitRecord& record) {
          const bool counts = record.position > in_tables && record.position <= last;
          found = counts && HasExpiring(record.operations);
          return found ? Status::Cancelled("found") : Status::Ok();
        },
        [](const SegmentFlaw&) {});
    static_cast<void>(read);
  }
  return found;
}

}  // namespace logwood::tools
