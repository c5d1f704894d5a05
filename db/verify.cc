#include "db/verify.h"

#include "db/file_names.h"
#include "db/manifest.h"
#include "util/internal_key.h"
#include "util/status_macros.h"
#include "wal/segment_reader.h"

namespace logwood {

namespace {

// Keys as the user knows them; the stored bytes where they do not split.
std::string UserKey(const std::string& stored) {
  uint32_t keyspace = 0;
  std::string_view key;
  return SplitStoredKey(stored, &keyspace, &key) ? std::string(key) : stored;
}

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
    Damage damage;
    damage.file = TableFileName(meta.number);
    damage.first_position = meta.min_position;
    damage.last_position = meta.max_position;
    auto file = core_.fs->OpenRandomAccess(JoinPath(core_.path, damage.file));
    auto reader = file.ok() ? TableReader::Open(std::move(*file), JoinPath(core_.path, damage.file),
                                                &meta, nullptr, nullptr)
                            : Result<std::shared_ptr<TableReader>>(file.status());
    if (!reader.ok()) {
      damage.what = reader.status().ToString();
      damage.first_key = UserKey(meta.begin);
      damage.last_key = UserKey(meta.end);
      Found(damage);
      Advance(meta.size);
      return;
    }
    bool reported = false;
    uint64_t before = 0;
    Status status = (*reader)->Verify(
        &meta,
        [&](const TableReader::BlockDamage& block) {
          reported = true;
          damage.offset = block.offset;
          damage.what = block.what;
          damage.first_key = UserKey(block.first_key);
          damage.last_key = UserKey(block.last_key);
          Found(damage);
        },
        [&](uint64_t done) {
          Advance(done - before);
          before = done;
        });
    Advance(meta.size - std::min(before, meta.size));
    if (status.ok() || reported) return;
    damage.what = status.ToString();
    Found(damage);
  }

  void Log(const RetainedSegment& segment, LogPos last_position,
           const std::function<bool(uint64_t)>& collected) {
    Damage damage;
    damage.file = LogFileName(segment.number);
    auto opened = SegmentReader::Open(core_.fs, JoinPath(core_.path, damage.file));
    if (!opened.ok()) {
      Advance(segment.bytes);
      if (collected && collected(segment.number)) return;
      damage.what = opened.status().ToString();
      damage.first_position = segment.first_position;
      damage.last_position = segment.last_position;
      Found(damage);
      return;
    }
    SegmentReader& reader = **opened;
    if (segment.bytes != 0) reader.LimitTo(segment.bytes);
    LogPos good = reader.header().first_position - 1;
    CommitRecord record;
    SegmentReader::Outcome outcome = reader.Next(&record);
    for (; outcome == SegmentReader::Outcome::kRecord; outcome = reader.Next(&record)) {
      good = record.position;
    }
    Advance(segment.bytes);
    LogPos expected = std::min(segment.last_position, last_position);
    bool complete =
        outcome == SegmentReader::Outcome::kEnd || outcome == SegmentReader::Outcome::kTrailer;
    // Behind the last commit known when we began, an unfinished store is no damage.
    if ((complete && good >= expected) || (!complete && good >= last_position)) return;
    damage.offset = reader.offset();
    damage.what = complete ? "the segment ends at position " + std::to_string(good) +
                                 ", it must reach " + std::to_string(expected)
                           : reader.status().ToString();
    damage.first_position = good + 1;
    damage.last_position = segment.last_position;
    Found(damage);
  }

  // A live database may switch to a new manifest between the two reads: look again before speaking.
  void Manifest() {
    for (int attempt = 0; attempt < 3 && !ManifestOnce().ok(); ++attempt) continue;
    Status status = ManifestOnce();
    if (status.ok()) return;
    Damage damage;
    damage.file = kRootFileName;
    damage.what = status.ToString();
    Found(damage);
  }

  Status ManifestOnce() {
    auto root = ReadRoot(core_.fs, core_.path, false);
    if (!root.ok()) return root.status();
    return ReadManifest(core_.fs, core_.path, root->manifest, false).status();
  }

  Status status() const { return first_; }

  void Found(const Damage& damage) {
    if (first_.ok()) {
      first_ = Status::Corruption(JoinPath(core_.path, damage.file) + ":" +
                                  std::to_string(damage.offset) + ": " + damage.what);
    }
    if (report_) report_(damage);
    Event event;
    event.kind = EventKind::kCorruption;
    event.file = damage.file;
    event.offset = damage.offset;
    event.detail = damage.what;
    core_.events->Emit(std::move(event));
  }

 private:
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
    verifier.Log(segment, input.last_position, input.collected);
  }
  return verifier.status();
}

}  // namespace logwood
