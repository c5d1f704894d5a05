// Blocks on their way to and from the file: compression, checksum, validation.
//
//   payload | compression (1) | Hash64(payload, compression; seeded with file id and offset) (8)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "logwood/file_system.h"
#include "logwood/options.h"
#include "table/block.h"
#include "table/block_cache.h"
#include "table/format.h"
#include "util/byte_buffer.h"

namespace logwood {

// ---- Writing

// Appends to `file_bytes`, whose first byte will lie at file offset `base`, the payload (compressed
// where that saves an eighth) and its trailer. `payload` is not part of `file_bytes`.
BlockHandle AppendBlock(std::string_view payload, Compression compression, const Id128& id,
                        uint64_t base, ByteBuffer* file_bytes);
// The same for a payload already appended, from `start` on, to stay as it is.
BlockHandle SealBlock(size_t start, const Id128& id, uint64_t base, ByteBuffer* file_bytes);

// ---- Reading. All errors name file:offset; nothing here trusts a byte.

struct BlockSource {
  const RandomAccessFile* file = nullptr;
  std::string path;
  Id128 id;
  uint32_t writer = 0;  // of the file header, for messages; 0: not said
};

// Reads exactly `size` bytes; a file that ends before is kCorruption.
Status ReadExactly(const BlockSource& source, uint64_t offset, size_t size, char* to);

// kBusy. Blocks are as large as their file says: their memory may be what the system does not have.
Status NoBlockMemory(const BlockSource& source, uint64_t offset, size_t size);

// Checks the trailer behind the payload; `raw` is the whole block as in the file.
Status CheckBlockTrailer(const BlockSource& source, uint64_t offset, std::string_view raw);

// A block in memory is followed by kBlockSlackBytes zeros, counted in its size.
inline std::string_view BlockPayload(const CachedBlock& block) {
  return {block.data(), block.size() - kBlockSlackBytes};
}

// kRanges: entries that are range deletes. kBytes: not entries, not validated.
enum class BlockUse : uint8_t { kData, kIndex, kRanges, kBytes };

// From the bytes of the file to a checked, uncompressed, validated block. kNotSupported where it is
// compressed in a way, or a data block holds an entry of a kind, that this build does not know.
Result<BlockRef> DecodeBlock(const BlockSource& source, uint64_t offset, std::string_view raw,
                             BlockUse use);
// One device read.
Result<BlockRef> ReadBlock(const BlockSource& source, const BlockHandle& handle, BlockUse use);

}  // namespace logwood
