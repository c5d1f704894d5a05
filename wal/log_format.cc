#include "wal/log_format.h"

#include <array>

#include "util/check.h"
#include "util/coding.h"
#include "util/expiring_value.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/internal_key.h"

namespace logwood {
namespace {

constexpr size_t kCatalogueBytesAt = 208;
constexpr size_t kHeaderChecksumAt = 224;
static_assert(kHeaderChecksumAt + 8 == kSegmentHeaderBytes);
static_assert(kHeaderCopyOffset + kSegmentHeaderBytes <= kSlotAOffset);
constexpr size_t kSlotChecksumAt = 56;
static_assert(kSlotChecksumAt + 8 == kSlotBytes);

void PutId(std::string* to, const Id128& id) {
  PutFixed64(to, id.high);
  PutFixed64(to, id.low);
}

Id128 GetId(Decoder* in) {
  Id128 id;
  id.high = in->Fixed64();
  id.low = in->Fixed64();
  return id;
}

std::string EncodeHeaderFields(const SegmentHeader& header) {
  FileHeader file;
  file.kind = FileKind::kLog;
  file.id = header.file_id;
  file.ignorable_flags = kFlagSlotsFromStart;
  std::string bytes = file.Encode();
  CHECK(bytes.size() == kFileHeaderBytes);
  PutFixed64(&bytes, header.number);
  PutId(&bytes, header.history_id);
  PutId(&bytes, header.instance_id);
  PutFixed64(&bytes, header.epoch);
  PutFixed64(&bytes, header.epoch_tag);
  PutFixed64(&bytes, header.first_position);
  PutFixed64(&bytes, header.first_time_us);
  PutFixed64(&bytes, header.history_hash);
  PutFixed64(&bytes, header.durable);
  PutFixed64(&bytes, header.predecessor);
  PutFixed64(&bytes, header.predecessor_length);
  PutFixed64(&bytes, header.predecessor_last_position);
  PutFixed64(&bytes, header.manifest.number);
  PutFixed64(&bytes, header.manifest.edits);
  PutFixed64(&bytes, header.manifest.chain);
  PutFixed64(&bytes, header.catalogue_position);
  CHECK(bytes.size() == kCatalogueBytesAt);
  PutFixed32(&bytes, static_cast<uint32_t>(header.catalogue.size()));
  PutFixed32(&bytes, 0);  // reserved
  PutFixed64(&bytes, CatalogueChecksum(header.file_id, header.catalogue));
  PutFixed64(&bytes, Hash64(bytes, ChecksumSeed(header.file_id, kHeaderChecksumAt)));
  CHECK(bytes.size() == kSegmentHeaderBytes);
  return bytes;
}

std::string Where(std::string_view file, uint64_t offset) {
  return std::string(file) + ":" + std::to_string(offset) + ": ";
}

Result<DecodedHeader> DecodeOneHeader(std::string_view bytes, std::string_view file,
                                      uint64_t offset) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return Status::Corruption(Where(file, offset) + "the file ends inside the segment header");
  }
  Result<FileHeader> opening =
      DecodeFileHeader(bytes.substr(0, kFileHeaderBytes), FileKind::kLog, file, false);
  if (!opening.ok()) return opening.status();
  DecodedHeader decoded;
  SegmentHeader& header = decoded.header;
  header.file_id = opening->id;
  decoded.writer = opening->writer;
  decoded.slots_from_start = (opening->ignorable_flags & kFlagSlotsFromStart) != 0;
  uint64_t stored = LoadFixed<uint64_t>(bytes.data() + kHeaderChecksumAt);
  if (!ChecksumMatches(stored, Hash64(bytes.substr(0, kHeaderChecksumAt),
                                      ChecksumSeed(header.file_id, kHeaderChecksumAt)))) {
    return Status::Corruption(Where(file, offset) + "segment header checksum does not match");
  }
  Decoder in(bytes.substr(kFileHeaderBytes));
  header.number = in.Fixed64();
  header.history_id = GetId(&in);
  header.instance_id = GetId(&in);
  header.epoch = in.Fixed64();
  header.epoch_tag = in.Fixed64();
  header.first_position = in.Fixed64();
  header.first_time_us = in.Fixed64();
  header.history_hash = in.Fixed64();
  header.durable = in.Fixed64();
  header.predecessor = in.Fixed64();
  header.predecessor_length = in.Fixed64();
  header.predecessor_last_position = in.Fixed64();
  header.manifest.number = in.Fixed64();
  header.manifest.edits = in.Fixed64();
  header.manifest.chain = in.Fixed64();
  header.catalogue_position = in.Fixed64();
  decoded.catalogue_bytes = in.Fixed32();
  (void)in.Fixed32();
  decoded.catalogue_checksum = in.Fixed64();
  const char* wrong = HeaderContradiction(header);
  if (wrong == nullptr && decoded.catalogue_bytes > kCatalogueBytesMax) wrong = "catalogue length";
  if (wrong != nullptr) {
    return Status::Corruption(Where(file, offset) + "segment header contradicts itself: " + wrong);
  }
  return decoded;
}

}  // namespace

uint64_t NextHistoryHash(uint64_t previous, const CommitRecord& record, uint64_t body_hash) {
  const std::array<uint64_t, 6> link = {
      previous,
      body_hash,
      record.position,
      record.time_us,
      uint64_t{record.flags} << 32 | record.operation_count,
      record.note.size(),
  };
  return Hash64({reinterpret_cast<const char*>(link.data()), sizeof(link)});
}

const char* HeaderContradiction(const SegmentHeader& header) {
  if (header.number == 0) return "number 0";
  if (header.first_position == 0 || header.first_position > kPositionMax) return "first position";
  if (header.first_time_us > kRecordTimeMaxUs) return "first time";
  if (header.durable >= header.first_position) return "durable point in the future";
  if (header.predecessor >= header.number) return "predecessor is not older";
  if (header.predecessor != 0) {
    if (header.predecessor_last_position + 1 != header.first_position)
      return "predecessor's last position";
    if (header.predecessor_length < kCatalogueOffset) return "predecessor's length";
  }
  return nullptr;
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  CHECK(HeaderContradiction(header) == nullptr);
  CHECK(header.catalogue.size() <= kCatalogueBytesMax);
  std::string fields = EncodeHeaderFields(header);
  std::string bytes;
  bytes.reserve(kCatalogueOffset + header.catalogue.size());
  bytes.append(fields);
  bytes.resize(kHeaderCopyOffset, '\0');
  bytes.append(fields);
  for (const uint64_t offset : {kSlotAOffset, kSlotBOffset}) {
    bytes.resize(offset, '\0');
    bytes.append(EncodeSlot(FirstSlot(header), offset));
  }
  bytes.resize(kCatalogueOffset, '\0');
  bytes.append(header.catalogue);
  return bytes;
}

Result<DecodedHeader> DecodeSegmentHeader(std::string_view page, std::string_view file) {
  Result<DecodedHeader> first = DecodeOneHeader(page, file, 0);
  // What a good checksum says of a newer format is no damage that the copy could mend.
  if (first.ok() || first.status().Is(StatusCode::kNotSupported)) return first;
  if (page.size() <= kHeaderCopyOffset) return first;
  Result<DecodedHeader> copy =
      DecodeOneHeader(page.substr(kHeaderCopyOffset), file, kHeaderCopyOffset);
  if (copy.ok()) {
    copy->from_copy = true;
    return copy;
  }
  return copy.status().Is(StatusCode::kNotSupported) ? copy : first;
}

uint64_t CatalogueChecksum(const Id128& file_id, std::string_view catalogue) {
  return Hash64(catalogue, ChecksumSeed(file_id, kCatalogueOffset));
}

DurableSlot FirstSlot(const SegmentHeader& header) {
  return {header.file_id, header.instance_id, header.number, header.first_position, header.durable};
}

std::string EncodeSlot(const DurableSlot& slot, uint64_t offset) {
  std::string bytes;
  PutId(&bytes, slot.file_id);
  PutId(&bytes, slot.instance_id);
  PutFixed64(&bytes, slot.number);
  PutFixed64(&bytes, slot.first_position);
  PutFixed64(&bytes, slot.durable);
  PutFixed64(&bytes, Hash64(bytes, ChecksumSeed(slot.file_id, offset)));
  CHECK(bytes.size() == kSlotBytes);
  return bytes;
}

std::optional<DurableSlot> DecodeSlot(std::string_view bytes, uint64_t offset) {
  if (bytes.size() < kSlotBytes) return std::nullopt;
  Decoder in(bytes.substr(0, kSlotBytes));
  DurableSlot slot;
  slot.file_id = GetId(&in);
  slot.instance_id = GetId(&in);
  slot.number = in.Fixed64();
  slot.first_position = in.Fixed64();
  slot.durable = in.Fixed64();
  uint64_t checksum = in.Fixed64();
  uint64_t expected = Hash64(bytes.substr(0, kSlotChecksumAt), ChecksumSeed(slot.file_id, offset));
  if (!ChecksumMatches(checksum, expected) || slot.durable > kPositionMax) return std::nullopt;
  return slot;
}

}  // namespace logwood
