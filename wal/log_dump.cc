#include "wal/log_dump.h"

#include <cstdio>
#include <optional>

#include "util/escape.h"
#include "util/status_macros.h"
#include "wal/segment_probe.h"
#include "wal/segment_reader.h"

namespace logwood {
namespace {

std::string Hex64(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// One line of named values, as text or as a JSON object.
class Line {
 public:
  Line(const DumpOptions& options, std::string_view type) : json_(options.json) {
    text_ = json_ ? "{\"type\":\"" + std::string(type) + "\"" : std::string(type);
  }
  Line& Number(std::string_view name, uint64_t value) { return Raw(name, std::to_string(value)); }
  Line& Text(std::string_view name, std::string_view value) {
    return Raw(name, json_ ? "\"" + JsonEscape(value) + "\"" : std::string(value));
  }
  std::string Finish() const { return json_ ? text_ + "}" : text_; }

 private:
  Line& Raw(std::string_view name, const std::string& value) {
    text_ +=
        json_ ? ",\"" + std::string(name) + "\":" + value : "  " + std::string(name) + " " + value;
    return *this;
  }
  bool json_;
  std::string text_;
};

std::string HeaderLine(const DumpOptions& options, const SegmentReader& reader) {
  const SegmentHeader& h = reader.header();
  return Line(options, "segment")
      .Number("number", h.number)
      .Text("file_id", h.file_id.ToString())
      .Text("history_id", h.history_id.ToString())
      .Text("instance_id", h.instance_id.ToString())
      .Number("epoch", h.epoch)
      .Text("epoch_tag", Hex64(h.epoch_tag))
      .Number("first_position", h.first_position)
      .Number("first_time_us", h.first_time_us)
      .Text("history", Hex64(h.history_hash))
      .Number("durable", h.durable)
      .Number("predecessor", h.predecessor)
      .Number("predecessor_length", h.predecessor_length)
      .Number("predecessor_last_position", h.predecessor_last_position)
      .Number("manifest", h.manifest.number)
      .Number("manifest_edits", h.manifest.edits)
      .Text("manifest_chain", Hex64(h.manifest.chain))
      .Number("catalogue_position", h.catalogue_position)
      .Number("catalogue_bytes", h.catalogue.size())
      .Number("file_bytes", reader.file_bytes())
      .Finish();
}

std::string RecordLine(const DumpOptions& options, const SegmentReader& reader,
                       const CommitRecord& record) {
  return Line(options, "record")
      .Number("offset", reader.offset())
      .Number("position", record.position)
      .Number("time_us", record.time_us)
      .Number("durable", record.durable)
      .Number("flags", record.flags)
      .Number("operations", record.operation_count)
      .Number("bytes", reader.end_offset() - reader.offset())
      .Number("note_bytes", record.note.size())
      .Text("history", Hex64(record.history_hash))
      .Finish();
}

std::string DamageLine(const DumpOptions& options, const Status& damage) {
  return Line(options, "damage")
      .Text("code", StatusCodeName(damage.code()))
      .Text("message", damage.message())
      .Finish();
}

std::string BehindLine(const DumpOptions& options, const DamageEvidence& evidence) {
  Line line(options, "behind_damage");
  line.Number("records", evidence.records);
  if (evidence.records != 0) {
    line.Number("first_position", evidence.first_position)
        .Number("first_offset", evidence.first_offset)
        .Number("last_position", evidence.last_position);
  }
  line.Number("durable", evidence.durable).Number("data_end", evidence.data_end);
  return line.Text("trailer", evidence.trailer ? "yes" : "no").Finish();
}

Status PrintSlots(FileSystem* fs, const std::string& path, const DumpOptions& options,
                  const std::function<void(std::string_view)>& print) {
  ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
  ASSIGN_OR_RETURN(SegmentProbe probe, ProbeSegment(*file, FileNameOf(path)));
  for (size_t i = 0; i < probe.slots.size(); ++i) {
    const std::optional<DurableSlot>& slot = probe.slots[i];
    if (!slot.has_value()) continue;
    print(Line(options, "slot")
              .Number("offset", i == 0 ? kSlotAOffset : kSlotBOffset)
              .Number("segment", slot->number)
              .Number("durable", slot->durable)
              .Finish());
  }
  return Status::Ok();
}

// What of the segment's head is damaged although it can be read.
Status HeadDamage(const SegmentReader& reader) {
  if (!reader.catalogue_status().ok()) return reader.catalogue_status();
  if (!reader.header_from_copy()) return Status::Ok();
  return Status::Corruption(FileNameOf(reader.path()) +
                            ":0: the segment header is damaged, its copy is good");
}

}  // namespace

Result<DumpSummary> DumpSegment(FileSystem* fs, const std::string& path, const DumpOptions& options,
                                const std::function<void(std::string_view line)>& print) {
  DumpSummary summary;
  ASSIGN_OR_RETURN(bool exists, fs->Exists(path));
  if (!exists) return Status::NotFound(path + ": no such file");
  Result<std::unique_ptr<SegmentReader>> opened = SegmentReader::Open(fs, path);
  if (!opened.ok()) {
    const Status& why = opened.status();
    const bool says_of_file = why.Is(StatusCode::kCorruption) || why.Is(StatusCode::kNotFound) ||
                              why.Is(StatusCode::kNotSupported);
    if (!says_of_file) return why;
    summary.damage = why;
    print(DamageLine(options, why));
    RETURN_IF_ERROR(PrintSlots(fs, path, options, print));
    return summary;
  }
  SegmentReader& reader = **opened;
  print(HeaderLine(options, reader));
  RETURN_IF_ERROR(PrintSlots(fs, path, options, print));
  summary.damage = HeadDamage(reader);
  if (!summary.damage.ok()) print(DamageLine(options, summary.damage));
  CommitRecord record;
  using enum SegmentReader::Outcome;
  SegmentReader::Outcome outcome = reader.Next(&record);
  for (; outcome == kRecord; outcome = reader.Next(&record)) {
    print(RecordLine(options, reader, record));
    ++summary.records;
  }
  if (outcome == kError) return reader.status();
  if (outcome == kBad) {
    print(DamageLine(options, reader.status()));
    ASSIGN_OR_RETURN(DamageEvidence evidence, reader.LookBehindDamage());
    print(BehindLine(options, evidence));
    if (summary.damage.ok()) summary.damage = reader.status();
    return summary;
  }
  summary.sealed = outcome == kTrailer;
  print(Line(options, std::string(OutcomeName(outcome)))
            .Number("offset", reader.offset())
            .Number("records", summary.records)
            .Finish());
  return summary;
}

}  // namespace logwood
