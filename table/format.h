// The parts of a table file around its blocks: handles, footer, limits (docs/format/table.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "logwood/types.h"
#include "util/coding.h"
#include "util/file_header.h"

namespace logwood {

// Behind each block's payload: one byte of compression, eight of checksum.
inline constexpr size_t kBlockTrailerBytes = 9;
inline constexpr size_t kFooterBytes = 128;
inline constexpr uint64_t kTableMagic = 0x454C424154574C2EULL;  // ".LWTABLE" on disk
inline constexpr size_t kTableBytesMin = kFileHeaderBytes + kFooterBytes;
// Uncompressed. One entry of the largest key and value fits, with room for its framing.
inline constexpr uint64_t kDataBlockBytesMax = kBatchBytesMax + (uint64_t{1} << 20);
// Snappy's densest element makes 64 bytes of 3; a claim beyond this is a lie.
inline constexpr uint64_t kSnappyRatioMax = 24;

// Where a block lies; `size` includes its trailer. Size 0: there is none.
struct BlockHandle {
  uint64_t offset = 0;
  uint64_t size = 0;

  uint64_t end() const { return offset + size; }
  friend bool operator==(const BlockHandle&, const BlockHandle&) = default;
};

// The index's values. Decoding needs exactly these bytes.
inline size_t EncodeBlockHandle(const BlockHandle& handle, char* to) {
  char* end = EncodeVarint(EncodeVarint(to, handle.offset), handle.size);
  return static_cast<size_t>(end - to);
}
inline bool DecodeBlockHandle(std::string_view bytes, BlockHandle* handle) {
  const char* end = bytes.data() + bytes.size();
  const char* at = DecodeVarint64(bytes.data(), end, &handle->offset);
  if (at != nullptr) at = DecodeVarint64(at, end, &handle->size);
  return at == end;
}

// The last kFooterBytes of the file.
struct Footer {
  BlockHandle filter, index, properties;
  BlockHandle range_deletes;  // zero: there are none
  uint64_t entries = 0;
  uint64_t data_blocks = 0;
  uint64_t file_bytes = 0;

  std::string Encode(const Id128& id) const;
};

// Checks magic, checksum, and that the parts tile the file. `bytes` are the last kFooterBytes of a
// file of `file_bytes`, whose header says `id` and `writer`.
Result<Footer> DecodeFooter(std::string_view bytes, const Id128& id, uint64_t file_bytes,
                            std::string_view path, uint32_t writer);

// kCorruption: "path:offset: what".
Status TableDamage(std::string_view path, uint64_t offset, std::string_view what);

}  // namespace logwood
