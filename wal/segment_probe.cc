#include "wal/segment_probe.h"

#include <algorithm>

#include "util/status_macros.h"
#include "wal/read_window.h"

namespace logwood {

LogPos SegmentProbe::durable_point() const {
  if (kind != Kind::kReadable) return 0;
  LogPos durable = header().durable;
  for (const std::optional<DurableSlot>& slot : slots) {
    if (slot.has_value() && slot->file_id == header().file_id)
      durable = std::max(durable, slot->durable);
  }
  return durable;
}

Result<SegmentProbe> ProbeSegment(const RandomAccessFile& file, const std::string& name) {
  SegmentProbe probe;
  ASSIGN_OR_RETURN(probe.file_bytes, file.Size());
  std::string pages(std::min(kCatalogueOffset, probe.file_bytes), '\0');
  ASSIGN_OR_RETURN(size_t read, file.Read(0, pages.size(), pages.data()));
  pages.resize(read);
  std::string_view bytes = pages;
  if (bytes.size() > kSlotAOffset) {
    probe.slots[0] = DecodeSlot(bytes.substr(kSlotAOffset), kSlotAOffset);
  }
  if (bytes.size() > kSlotBOffset) {
    probe.slots[1] = DecodeSlot(bytes.substr(kSlotBOffset), kSlotBOffset);
  }
  std::string_view page = bytes.substr(0, kSlotAOffset);
  if (NonZeroEnd(page) == 0) {
    probe.kind = SegmentProbe::Kind::kBlank;
    probe.status = Status::NotFound(
        name + ":0: " + (page.empty() ? "the file is empty" : "the segment header is all zeros") +
        ": a prepared spare, or a segment that never reached the disk");
    return probe;
  }
  Result<DecodedHeader> decoded = DecodeSegmentHeader(page, name);
  if (decoded.ok()) {
    probe.kind = SegmentProbe::Kind::kReadable;
    probe.decoded = std::move(*decoded);
  } else {
    probe.status = decoded.status();
    probe.kind = probe.status.Is(StatusCode::kNotSupported) ? SegmentProbe::Kind::kUnsupported
                                                            : SegmentProbe::Kind::kDamaged;
  }
  return probe;
}

std::string FileNameOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace logwood
