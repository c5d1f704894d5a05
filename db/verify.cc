#include "db/verify.h"

#include "db/damage.h"
#include "db/file_names.h"
#include "db/manifest.h"
#include "db/table_check.h"
#include "util/batch_codec.h"
#include "util/status_macros.h"
#include "wal/segment_survey.h"

namespace logwood {

namespace {

class Verifier {
 public:
  Verifier(Core& core, const std::function<void(const Damage&)>& report,
           const std::function<void(uint64_t, uint64_t)>& progress)
      : core_(core), report_(report), progress_(progress) {}

  void AddTotal(uint64_t bytes) { total_ += bytes; }

  void Tables(const Version& version) {
    for (int level = 0; level < kLevels; ++level) {
      for (const TableMetaPtr& meta : version.shape().levels[level]) Table(*meta);
    }
  }

  void Table(const TableMeta& meta) {
    TableCheck check;
    check.fs = core_.fs;
    check.directory = core_.path;
    check.names = &core_.catalogue;
    check.report = [this](const Damage& damage) { Tell(damage); };
    check.advance = [this](uint64_t bytes) { Advance(bytes); };
    Failed(CheckTable(check, meta));
  }

  void Log(const VerifyInput& input, const RetainedSegment& segment) {
    const auto& collected = input.collected;
    const bool has_commits = segment.last_position >= segment.first_position;
    const auto may_be_lost = [&](LogPos first) { return input.certain && first > input.certain(); };
    Damage damage;
    damage.file = LogFileName(segment.number);
    auto survey = SegmentSurvey::Open(core_.fs, JoinPath(core_.path, damage.file));
    if (!survey.ok() || !(*survey)->has_header()) {
      Advance(segment.bytes);
      if (collected && collected(segment.number)) return;
      if (!survey.ok() && !IsDamage(survey.status())) return Failed(survey.status());
      // A failed sync may have cost a new segment its pages.
      if (survey.ok() && (*survey)->probe().kind == SegmentProbe::Kind::kBlank &&
          (!has_commits || may_be_lost(segment.first_position)) &&
          segment.number > input.durable_segment) {
        return;
      }
      damage = DamageFrom(survey.ok() ? (*survey)->probe().status : survey.status(), core_.path,
                          damage.file);
      if (has_commits) {
        damage.first_position = segment.first_position;
        damage.last_position = segment.last_position;
      }
      Found(damage);
      return;
    }
    const auto flaw_found = [&](const SegmentFlaw& flaw) {
      // A crash may tear these, and nothing is lost with them.
      using Kind = SegmentFlaw::Kind;
      if (flaw.kind == Kind::kSlot || flaw.kind == Kind::kTrailer) return;
      if (collected && collected(segment.number)) return;  // nothing needs it any more
      if (may_be_lost(flaw.first_position)) return;
      damage.offset = flaw.offset;
      damage.what = flaw.what;
      damage.first_position = flaw.first_position;
      damage.last_position = flaw.last_position;
      if (flaw.first_position == 0) damage.what += "; no commit is affected";
      Found(damage);
    };
    for (const SegmentFlaw& flaw : (*survey)->head_flaws()) flaw_found(flaw);
    SegmentSurvey::Limits limits;
    if (segment.bytes != 0) limits.length_max = segment.bytes;
    // Behind the last commit known when we began, an unfinished store is no damage.
    limits.last_position = std::min(segment.last_position, input.last_position);
    const auto read = (*survey)->Read(
        limits, [](const CommitRecord& record) { return CheckOperations(record.operations); },
        flaw_found);
    Advance(segment.bytes);
    Failed(read.status());
  }

  // A live database may switch to a new manifest between the two reads: look again before speaking.
  void Manifest() {
    for (int attempt = 0; attempt < 3 && !ManifestOnce().ok(); ++attempt) continue;
    Status status = ManifestOnce();
    if (!IsDamage(status)) return Failed(status);
    Found(DamageFrom(status, core_.path, kRootFileName));
  }

  Status ManifestOnce() {
    auto root = ReadRoot(core_.fs, core_.path, false);
    if (!root.ok()) return root.status();
    return ReadManifest(core_.fs, core_.path, root->manifest, false).status();
  }

  Status status() const { return first_; }

  void Found(const Damage& damage) {
    Failed(Status::Corruption(JoinPath(core_.path, damage.file) + ":" +
                              std::to_string(damage.offset) + ": " + damage.what));
    Tell(damage);
  }

 private:
  void Tell(const Damage& damage) {
    if (report_) report_(damage);
    core_.events->Emit(EventOf(damage));
  }
  // Damage weighs more than what could not be read.
  void Failed(const Status& status) {
    const bool is_damage = status.Is(StatusCode::kCorruption);
    if (first_.ok() || (is_damage && !first_.Is(StatusCode::kCorruption))) first_ = status;
  }
  void Advance(uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(std::min(done_, total_), total_);
  }

  Core& core_;
  const std::function<void(const Damage&)>& report_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  uint64_t done_ = 0, total_ = 0;
  Status first_;
};

}  // namespace

Status VerifyDatabase(Core& core, const VerifyInput& input,
                      const std::function<void(const Damage&)>& report,
                      const std::function<void(uint64_t, uint64_t)>& progress) {
  // The view keeps the tables' files; segments and manifests may go while we look.
  std::shared_ptr<const View> view = core.views.Share();
  Verifier verifier(core, report, progress);
  verifier.AddTotal(view->version->shape().TotalBytes());
  for (const RetainedSegment& segment : input.segments) verifier.AddTotal(segment.bytes);
  verifier.Manifest();
  if (input.log) verifier.Found(*input.log);
  verifier.Tables(*view->version);
  for (const RetainedSegment& segment : input.segments) {
    verifier.Log(input, segment);
  }
  return verifier.status();
}

}  // namespace logwood
