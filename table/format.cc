#include "table/format.h"

#include "util/hash.h"

namespace logwood {

namespace {

constexpr size_t kFooterIdAt = 96;
constexpr size_t kFooterChecksumAt = 112;
constexpr size_t kFooterMagicAt = 120;
static_assert(kFooterMagicAt + 8 == kFooterBytes);

void PutHandle(std::string* to, const BlockHandle& handle) {
  PutFixed64(to, handle.offset);
  PutFixed64(to, handle.size);
}

BlockHandle TakeHandle(Decoder* from) {
  uint64_t offset = from->Fixed64();
  return {offset, from->Fixed64()};
}

// Data, filter, index, range deletes, properties and footer follow each other without a gap, so
// that a checksum covers every byte of the file. Null when they do.
const char* LayoutProblem(const Footer& footer, uint64_t footer_at) {
  const bool ranges = footer.range_deletes != BlockHandle{};
  const BlockHandle& behind_index = ranges ? footer.range_deletes : footer.properties;
  for (const BlockHandle* part :
       {&footer.filter, &footer.index, &behind_index, &footer.properties}) {
    if (part->offset < kFileHeaderBytes || part->offset > footer_at) return "part out of the file";
    if (part->size > footer_at - part->offset) return "part out of the file";
  }
  if (footer.filter.size != 0 && footer.filter.size <= kBlockTrailerBytes)
    return "filter too short";
  if (footer.index.size <= kBlockTrailerBytes) return "index too short";
  if (footer.properties.size <= kBlockTrailerBytes) return "properties too short";
  if (behind_index.size <= kBlockTrailerBytes) return "range deletes too short";
  if (footer.filter.end() != footer.index.offset || footer.index.end() != behind_index.offset ||
      (ranges && behind_index.end() != footer.properties.offset) ||
      footer.properties.end() != footer_at) {
    return "parts do not follow each other";
  }
  if (footer.entries == 0 || footer.data_blocks == 0) return "no entries";
  return nullptr;
}

}  // namespace

std::string Footer::Encode(const Id128& id) const {
  std::string bytes;
  bytes.reserve(kFooterBytes);
  PutHandle(&bytes, filter);
  PutHandle(&bytes, index);
  PutHandle(&bytes, properties);
  PutHandle(&bytes, range_deletes);
  PutFixed64(&bytes, entries);
  PutFixed64(&bytes, data_blocks);
  PutFixed64(&bytes, file_bytes);
  PutFixed64(&bytes, 0);  // reserved
  PutFixed64(&bytes, id.high);
  PutFixed64(&bytes, id.low);
  PutFixed64(&bytes, Hash64(bytes, ChecksumSeed(id, file_bytes - kFooterBytes)));
  PutFixed64(&bytes, kTableMagic);
  return bytes;
}

Result<Footer> DecodeFooter(std::string_view bytes, const Id128& id, uint64_t file_bytes,
                            std::string_view path, uint32_t writer) {
  const uint64_t footer_at = file_bytes - kFooterBytes;
  if (bytes.size() != kFooterBytes ||
      LoadFixed<uint64_t>(bytes.data() + kFooterMagicAt) != kTableMagic) {
    return TableDamage(path, footer_at, "no footer where the file ends");
  }
  if (LoadFixed<uint64_t>(bytes.data() + kFooterIdAt) != id.high ||
      LoadFixed<uint64_t>(bytes.data() + kFooterIdAt + 8) != id.low) {
    return TableDamage(path, footer_at, "footer of another file");
  }
  if (!ChecksumMatches(LoadFixed<uint64_t>(bytes.data() + kFooterChecksumAt),
                       Hash64(bytes.substr(0, kFooterChecksumAt), ChecksumSeed(id, footer_at)))) {
    return TableDamage(path, footer_at, "footer checksum does not match");
  }
  Decoder from(bytes);
  Footer footer;
  footer.filter = TakeHandle(&from);
  footer.index = TakeHandle(&from);
  footer.properties = TakeHandle(&from);
  footer.range_deletes = TakeHandle(&from);
  footer.entries = from.Fixed64();
  footer.data_blocks = from.Fixed64();
  footer.file_bytes = from.Fixed64();
  const uint64_t reserved = from.Fixed64();
  if (reserved != 0) {
    return WithWriter(Status::NotSupported(std::string(path) + ":" + std::to_string(footer_at) +
                                           ": it has a part that is unknown"),
                      writer);
  }
  if (footer.file_bytes != file_bytes) return TableDamage(path, footer_at, "file size differs");
  if (const char* problem = LayoutProblem(footer, footer_at)) {
    return TableDamage(path, footer_at, std::string("footer: ") + problem);
  }
  return footer;
}

Status TableDamage(std::string_view path, uint64_t offset, std::string_view what) {
  std::string message(path);
  message += ':';
  message += std::to_string(offset);
  message += ": ";
  message += what;
  return Status::Corruption(message);
}

}  // namespace logwood
