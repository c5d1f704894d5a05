#include "db/segment_head.h"

#include <algorithm>
#include <utility>

#include "db/catalogue_load.h"
#include "db/damage.h"
#include "db/file_names.h"
#include "util/status_macros.h"
#include "wal/log_format.h"
#include "wal/read_window.h"
#include "wal/segment_probe.h"
#include "wal/segments.h"

namespace logwood {

namespace {

// As many bytes as the header says, or as the file has.
Result<std::string> ReadCatalogue(const RandomAccessFile& file, uint64_t bytes) {
  ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  std::string catalogue(std::min(bytes, size - std::min(size, kCatalogueOffset)), '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   file.Read(kCatalogueOffset, catalogue.size(), catalogue.data()));
  catalogue.resize(got);
  return catalogue;
}

Status MendHeaders(const SegmentProbe& probe, const RandomAccessFile& reader, LogFile* file) {
  std::string head(kCatalogueOffset, '\0');
  ASSIGN_OR_RETURN(const size_t got, reader.Read(0, head.size(), head.data()));
  std::string mended(kCatalogueOffset, '\0');
  const auto take = [&](uint64_t from, uint64_t to, size_t size) {
    mended.replace(to, size, head, from, size);
  };
  const uint64_t good = probe.decoded.from_copy ? kHeaderCopyOffset : 0;
  take(good, 0, kSegmentHeaderBytes);
  take(good, kHeaderCopyOffset, kSegmentHeaderBytes);
  for (const auto& [offset, slot] :
       {std::pair(kSlotAOffset, probe.slots[0]), std::pair(kSlotBOffset, probe.slots[1])}) {
    if (slot) {
      take(offset, offset, kSlotBytes);
    } else if (probe.decoded.slots_from_start) {
      mended.replace(offset, kSlotBytes, EncodeSlot(FirstSlot(probe.header()), offset));
    }
  }
  return mended == head && got == head.size() ? Status::Ok() : file->Store(0, mended);
}

// From the segments before it, which say what changed; else from the tree, which may have forgotten
// a keyspace dropped since. The checksum in the header tells whether it is the one. Where a failed
// read hides it, it must not be made durable as it is: another try may find it.
Status MendCatalogue(const SegmentHeadMend& mend, const SegmentProbe& probe,
                     const RandomAccessFile& reader, LogFile* file) {
  const Id128& id = probe.header().file_id;
  const uint64_t wanted = probe.decoded.catalogue_checksum;
  ASSIGN_OR_RETURN(const std::string stored, ReadCatalogue(reader, probe.decoded.catalogue_bytes));
  if (CatalogueChecksum(id, stored) == wanted) return Status::Ok();
  const LogPos position = mend.segments.back().first_position - 1;
  const auto store_if_right = [&](const Status& read, const Catalogue& catalogue, bool* done) {
    const std::string bytes = read.ok() ? catalogue.Encode() : "";
    *done = read.ok() && CatalogueChecksum(id, bytes) == wanted;
    return *done ? file->Store(kCatalogueOffset, bytes) : Status::Ok();
  };
  const auto failure = [](const Status& read) { return IsDamage(read) ? Status::Ok() : read; };
  bool done = false;
  Catalogue from_log;
  const std::vector<SegmentSummary> before(mend.segments.begin(), mend.segments.end() - 1);
  const Status log = ReadCatalogueFromLog(mend.fs, mend.directory, before, position, &from_log);
  RETURN_IF_ERROR(store_if_right(log, from_log, &done));
  if (done) return Status::Ok();
  Catalogue from_tree;
  const Status tree = mend.load(position, &from_tree);
  RETURN_IF_ERROR(store_if_right(tree, from_tree, &done));
  if (done) return Status::Ok();
  RETURN_IF_ERROR(failure(log));
  return failure(tree);
}

}  // namespace

Status MendSegmentHead(const SegmentHeadMend& mend, LogFile* file) {
  const std::string name = LogFileName(mend.segments.back().number);
  ASSIGN_OR_RETURN(auto reader, mend.fs->OpenRandomAccess(JoinPath(mend.directory, name)));
  ASSIGN_OR_RETURN(const SegmentProbe probe, ProbeSegment(*reader, name));
  if (probe.kind != SegmentProbe::Kind::kReadable) return Status::Ok();
  RETURN_IF_ERROR(MendHeaders(probe, *reader, file));
  return MendCatalogue(mend, probe, *reader, file);
}

Result<std::optional<HeadFlaw>> FindHeadFlaw(const RandomAccessFile& file, bool is_end) {
  std::string area(kCatalogueOffset, '\0');
  ASSIGN_OR_RETURN(const size_t got, file.Read(0, area.size(), area.data()));
  if (got < area.size()) return HeadFlaw{got, "the file ends within its header"};
  const std::string_view header(area.data(), kSegmentHeaderBytes);
  if (header != std::string_view(area).substr(kHeaderCopyOffset, header.size())) {
    return HeadFlaw{kHeaderCopyOffset, "the header and its copy differ"};
  }
  if (!is_end) return std::nullopt;
  const std::string_view bytes = area;
  const Result<DecodedHeader> decoded = DecodeSegmentHeader(bytes.substr(0, kSlotAOffset), "");
  if (!decoded.ok()) return HeadFlaw{0, "the header cannot be read"};
  const bool has_slot = DecodeSlot(bytes.substr(kSlotAOffset), kSlotAOffset) ||
                        DecodeSlot(bytes.substr(kSlotBOffset), kSlotBOffset);
  if (decoded->slots_from_start && !has_slot) {
    return HeadFlaw{kSlotAOffset, "neither durable-point slot can be read"};
  }
  ASSIGN_OR_RETURN(const std::string catalogue, ReadCatalogue(file, decoded->catalogue_bytes));
  const bool matches =
      CatalogueChecksum(decoded->header.file_id, catalogue) == decoded->catalogue_checksum;
  const bool is_whole = NonZeroEnd(catalogue) == decoded->catalogue_bytes;
  if (matches || is_whole) return std::nullopt;
  return HeadFlaw{kCatalogueOffset, "the catalogue's checksum does not match"};
}

}  // namespace logwood
