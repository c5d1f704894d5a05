// Any bytes as a log segment that is damaged: what salvage and the offline check read of it.
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/batch_codec.h"
#include "wal/segment_survey.h"

using namespace logwood;

namespace {

void LookAtFlaw(const SegmentFlaw& flaw) {
  test::Demand(flaw.offset <= flaw.end);
  test::Note(flaw.offset);
  test::Note(flaw.what);
}

void SurveyRecords(SegmentSurvey* survey, const SegmentSurvey::Limits& limits) {
  LogPos last = 0;
  uint64_t records = 0;
  const auto summary = survey->Read(
      limits,
      [&](const CommitRecord& record) {
        test::Demand(record.position > last && record.position >= survey->first_position() &&
                     record.position <= limits.last_possible());
        last = record.position;
        ++records;
        test::Note(Status::Ok());
        test::Note(record.operations);
        return CheckOperations(record.operations);
      },
      LookAtFlaw);
  test::Note(summary.status().ToString());
  if (!summary.ok()) return;
  test::Demand(summary->records <= records);
  test::Note(summary->last_position);
  test::Note(summary->durable);
}

}  // namespace

FUZZ_TARGET(segment_survey, bytes) {
  const auto files = test::FilesWith({{"000001.log", bytes}});
  auto opened = SegmentSurvey::Open(files.get(), "db/000001.log");
  if (!opened.ok()) return test::Note(opened.status().ToString());
  SegmentSurvey& survey = **opened;
  for (const SegmentFlaw& flaw : survey.head_flaws()) LookAtFlaw(flaw);
  test::Note(survey.catalogue());
  test::Note(survey.durable_point());
  SurveyRecords(&survey, {});
  if (!survey.identified()) return;
  const LogPos first = survey.first_position();
  // As a successor, a manifest or a clean close would have it.
  SegmentSurvey::Limits limits;
  limits.length_max = bytes.size() / 4 * 3;
  limits.position_max = first + 5;
  SurveyRecords(&survey, limits);
  limits.length_max = bytes.size() + 9;
  limits.last_position = first + 2;
  SurveyRecords(&survey, limits);
}
