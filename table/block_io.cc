#include "table/block_io.h"

#include <snappy.h>

#include <string>

#include "util/expiring_value.h"
#include "util/hash.h"
#include "util/merge_value.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr char kStoredPlain = static_cast<char>(Compression::kNone);
constexpr char kStoredSnappy = static_cast<char>(Compression::kSnappy);
// Blocks up to this size are read into the stack before they are decompressed.
constexpr size_t kStackBytes = 8 * 1024;

// Slack included; null: the claim cannot be true.
Result<BlockRef> Decompress(const BlockSource& source, uint64_t offset, std::string_view packed,
                            BlockUse use) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &size) ||
      size > packed.size() * kSnappyRatioMax ||
      (use == BlockUse::kData && size > kDataBlockBytesMax)) {
    return TableDamage(source.path, offset, "uncompressed size is implausible");
  }
  CachedBlock* block = CachedBlock::Make(size + kBlockSlackBytes);
  if (block == nullptr) return NoBlockMemory(source, offset, size);
  BlockRef ref(block);
  if (!snappy::RawUncompress(packed.data(), packed.size(), block->data())) {
    return TableDamage(source.path, offset, "block does not decompress");
  }
  std::memset(block->data() + size, 0, kBlockSlackBytes);
  return ref;
}

Status NewerFormat(const BlockSource& source, uint64_t offset, const std::string& what) {
  return WithWriter(Status::NotSupported(source.path + ":" + std::to_string(offset) + ": " + what),
                    source.writer);
}

Status UnknownKind(const BlockSource& source, uint64_t offset, uint8_t kind) {
  return NewerFormat(source, offset, "entry kind " + std::to_string(kind) + " is unknown");
}

// Of a block that has others than puts and deletes.
Status CheckValues(const BlockSource& source, uint64_t offset, const CachedBlock& block) {
  const Block entries(BlockPayload(block));
  for (uint32_t i = 0; i < entries.count(); ++i) {
    const BlockEntry entry = entries.entry(i);
    const EntryKind kind = TrailerKind(entry.trailer);
    if (!IsEntryKind(kind)) return UnknownKind(source, offset, static_cast<uint8_t>(kind));
    if (kind == EntryKind::kPutExpiring && entry.value_bytes < kExpiryBytes) {
      return TableDamage(source.path, offset, "a put that expires is too short for its time");
    }
    if (kind != EntryKind::kMerge) continue;
    MergeValue value;
    const Status read = ReadMergeValue(entry.value(), &value);
    if (read.ok()) continue;
    if (read.Is(StatusCode::kNotSupported))
      return NewerFormat(source, offset, std::string(read.message()));
    return TableDamage(source.path, offset, read.message());
  }
  return {};
}

Status CheckEntries(const BlockSource& source, uint64_t offset, const CachedBlock& block,
                    BlockUse use) {
  if (use == BlockUse::kBytes) return {};
  uint8_t kind_max = 0;
  const char* problem = Block::Validate(BlockPayload(block), &kind_max);
  if (problem != nullptr) return TableDamage(source.path, offset, problem);
  // An index's entries only have an order.
  if (use == BlockUse::kIndex || use == BlockUse::kRanges) return {};
  if (kind_max < static_cast<uint8_t>(EntryKind::kMerge)) [[likely]]
    return {};
  if (kind_max <= static_cast<uint8_t>(EntryKind::kPutExpiring)) {
    return CheckValues(source, offset, block);
  }
  return UnknownKind(source, offset, kind_max);
}

Result<BlockRef> Copy(const BlockSource& source, uint64_t offset, std::string_view payload) {
  CachedBlock* block = CachedBlock::Make(payload.size() + kBlockSlackBytes);
  if (block == nullptr) return NoBlockMemory(source, offset, payload.size());
  std::memcpy(block->data(), payload.data(), payload.size());
  std::memset(block->data() + payload.size(), 0, kBlockSlackBytes);
  return BlockRef(block);
}

}  // namespace

namespace {

// The way a payload was stored, and the checksum of all from `start` on.
BlockHandle AppendTrailer(size_t start, char stored, const Id128& id, uint64_t base,
                          ByteBuffer* file_bytes) {
  const uint64_t offset = base + start;
  file_bytes->Append(stored);
  const std::string_view hashed = file_bytes->view().substr(start);
  const uint64_t checksum = Hash64(hashed, ChecksumSeed(id, offset));
  StoreFixed(file_bytes->Extend(sizeof(checksum)), checksum);
  return {offset, file_bytes->size() - start};
}

}  // namespace

BlockHandle SealBlock(size_t start, const Id128& id, uint64_t base, ByteBuffer* file_bytes) {
  return AppendTrailer(start, kStoredPlain, id, base, file_bytes);
}

BlockHandle AppendBlock(std::string_view payload, Compression compression, const Id128& id,
                        uint64_t base, ByteBuffer* file_bytes) {
  const size_t start = file_bytes->size();
  if (compression == Compression::kSnappy) {
    char* to = file_bytes->Extend(snappy::MaxCompressedLength(payload.size()));
    size_t packed_bytes = 0;
    snappy::RawCompress(payload.data(), payload.size(), to, &packed_bytes);
    file_bytes->Truncate(start + packed_bytes);
    if (packed_bytes <= payload.size() - payload.size() / 8) {
      return AppendTrailer(start, kStoredSnappy, id, base, file_bytes);
    }
    file_bytes->Truncate(start);
  }
  file_bytes->Append(payload);
  return SealBlock(start, id, base, file_bytes);
}

Status NoBlockMemory(const BlockSource& source, uint64_t offset, size_t size) {
  return Status::Busy("no memory for a block of " + std::to_string(size) + " bytes, at " +
                      source.path + ":" + std::to_string(offset));
}

Status ReadExactly(const BlockSource& source, uint64_t offset, size_t size, char* to) {
  Result<size_t> got = source.file->Read(offset, size, to);
  if (!got.ok()) [[unlikely]]
    return got.status();
  if (*got != size) [[unlikely]]
    return TableDamage(source.path, offset + *got, "file ends here");
  return {};
}

Status CheckBlockTrailer(const BlockSource& source, uint64_t offset, std::string_view raw) {
  const size_t hashed_bytes = raw.size() - sizeof(uint64_t);
  const uint64_t stored = LoadFixed<uint64_t>(raw.data() + hashed_bytes);
  const uint64_t computed = Hash64(raw.substr(0, hashed_bytes), ChecksumSeed(source.id, offset));
  if (!ChecksumMatches(stored, computed)) [[unlikely]] {
    return TableDamage(source.path, offset, "block checksum does not match");
  }
  return {};
}

Result<BlockRef> DecodeBlock(const BlockSource& source, uint64_t offset, std::string_view raw,
                             BlockUse use) {
  if (raw.size() <= kBlockTrailerBytes) return TableDamage(source.path, offset, "block too short");
  RETURN_IF_ERROR(CheckBlockTrailer(source, offset, raw));
  const std::string_view payload = raw.substr(0, raw.size() - kBlockTrailerBytes);
  const char stored = raw[payload.size()];
  if (stored != kStoredPlain && stored != kStoredSnappy) {
    return NewerFormat(source, offset, "block compression is unknown");
  }
  Result<BlockRef> block = stored == kStoredSnappy ? Decompress(source, offset, payload, use)
                                                   : Copy(source, offset, payload);
  if (block.ok()) RETURN_IF_ERROR(CheckEntries(source, offset, *block->get(), use));
  return block;
}

Result<BlockRef> ReadBlock(const BlockSource& source, const BlockHandle& handle, BlockUse use) {
  const auto size = static_cast<size_t>(handle.size);
  if (size <= kStackBytes) {
    char raw[kStackBytes];
    RETURN_IF_ERROR(ReadExactly(source, handle.offset, size, raw));
    return DecodeBlock(source, handle.offset, {raw, size}, use);
  }
  // Large ones are read to where they stay, unless they have to be decompressed.
  static_assert(kBlockTrailerBytes <= kBlockSlackBytes);
  const size_t payload_bytes = size - kBlockTrailerBytes;
  CachedBlock* block = CachedBlock::Make(payload_bytes + kBlockSlackBytes);
  if (block == nullptr) return NoBlockMemory(source, handle.offset, payload_bytes);
  BlockRef ref(block);
  RETURN_IF_ERROR(ReadExactly(source, handle.offset, size, block->data()));
  if (block->data()[payload_bytes] != kStoredPlain) {
    return DecodeBlock(source, handle.offset, {block->data(), size}, use);
  }
  RETURN_IF_ERROR(CheckBlockTrailer(source, handle.offset, {block->data(), size}));
  std::memset(block->data() + payload_bytes, 0, kBlockSlackBytes);
  RETURN_IF_ERROR(CheckEntries(source, handle.offset, *block, use));
  return ref;
}

}  // namespace logwood
