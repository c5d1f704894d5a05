// SegmentSurvey: everything a segment still says, whatever has become of it. Where a reader stops
// at the first bad byte, a survey goes on: a frame's checksum does not depend on the frames before
// it, a header has a copy, and a durable-point slot says which segment it belongs to.
//
//   ASSIGN_OR_RETURN(auto survey, SegmentSurvey::Open(fs, path));
//   for (const SegmentFlaw& flaw : survey->head_flaws()) ...
//   Status s = survey->Read({}, [](const CommitRecord& r) { ... }, [](const SegmentFlaw& f) { ...
//   });
//
// One thread at a time. The file system must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "util/internal_key.h"
#include "wal/damage_scan.h"
#include "wal/segment_probe.h"

namespace logwood {

struct SegmentFlaw {
  enum class Kind : uint8_t {
    kHeader,      // both copies: the segment's place in the log is not known for certain
    kHeaderCopy,  // one of the two
    kSlot,        // a durable-point slot; torn or rotten
    kUnused,      // bytes that say nothing are not zero
    kCatalogue,
    kRecords,  // commits first_position to last_position are not there
    kCommit,   // a whole record, of first_position, that its reader calls damaged
    kTrailer,  // the index of a sealed segment; no commit is affected
  };
  Kind kind = Kind::kRecords;
  uint64_t offset = 0, end = 0;  // end: behind the last byte concerned; at least offset
  std::string what;
  // kRecords and kCommit; last kPositionMax: how many is unknown
  LogPos first_position = 0, last_position = 0;
  bool is_sealed_end = false;  // a trailer is where the commits that are not there should begin
};

class SegmentSurvey {
 public:
  static Result<std::unique_ptr<SegmentSurvey>> Open(FileSystem* fs, const std::string& path);

  // Whether header or slot say which segment it is: otherwise no record can be verified.
  bool identified() const { return context_.first_position != 0; }
  const SegmentProbe& probe() const { return probe_; }
  bool has_header() const { return probe_.kind == SegmentProbe::Kind::kReadable; }
  // REQUIRES: identified().
  uint64_t number() const { return number_; }
  const Id128& instance_id() const { return instance_id_; }
  LogPos first_position() const { return context_.first_position; }
  // The highest durable point of header and slots; 0: none.
  LogPos durable_point() const { return durable_; }
  // Empty where it is damaged, or there is none.
  const std::string& catalogue() const { return catalogue_; }
  const std::vector<SegmentFlaw>& head_flaws() const { return head_flaws_; }
  uint64_t file_bytes() const { return probe_.file_bytes; }

  // How much of it counts.
  struct Limits {
    static constexpr uint64_t kNoLength = ~uint64_t{0};
    uint64_t length_max = kNoLength;
    bool is_bounded() const { return length_max != kNoLength; }
    // Its last commit, where a successor or a clean close says it.
    std::optional<LogPos> last_position;
    // Where nobody says it: no commit behind this one can be of the same log.
    LogPos position_max = kPositionMax;
    LogPos last_possible() const { return last_position.value_or(position_max); }
  };
  struct Summary {
    LogPos last_position = 0;  // of the last good record; first_position() - 1: none
    uint64_t records = 0;
    LogPos durable = 0;  // the highest any good record tells
    bool sealed = false;
  };
  // All good records in order, and what is bad between them. A record that record() calls
  // kCorruption is a kCommit flaw; any other error of it ends the reading, kNotSupported with
  // the place and the file's writer. The file is open only meanwhile: there may be more segments
  // than descriptors.
  Result<Summary> Read(const Limits& limits,
                       const std::function<Status(const CommitRecord&)>& record,
                       const std::function<void(const SegmentFlaw&)>& flaw);

 private:
  SegmentSurvey(FileSystem* fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  Status ReadHead();
  void CheckHeaders(std::string_view head);
  void CheckSlots(std::string_view head);
  void CheckUnused(std::string_view head);
  Status ReadCatalogue(const RandomAccessFile& file);
  void AddFlaw(SegmentFlaw::Kind kind, uint64_t offset, uint64_t end, std::string what) {
    head_flaws_.push_back({kind, offset, end, std::move(what)});
  }

  FileSystem* const fs_;
  const std::string path_;
  SegmentProbe probe_;
  FrameContext context_;
  uint64_t number_ = 0;
  Id128 instance_id_;
  LogPos durable_ = 0;
  std::string catalogue_;
  uint64_t records_offset_ = kCatalogueOffset;
  std::vector<SegmentFlaw> head_flaws_;
};

}  // namespace logwood
