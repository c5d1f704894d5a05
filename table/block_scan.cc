#include "table/block_scan.h"

#include <snappy.h>

#include <algorithm>

#include "table/range_block.h"
#include "util/coding.h"
#include "util/hash.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kWindowBytes = 1 << 20;
// A block that begins where one must begin may be as large as one can be; one that is only looked
// for is given up beyond this size, or a damaged stretch would cost its square.
constexpr uint64_t kSearchedBlockBytesMax = 512 * 1024;
constexpr uint64_t kSearchedBytesMin = 64 * 1024 * 1024;
constexpr uint64_t kSearchedFactor = 8;
constexpr uint64_t kBlockOnDiskBytesMax = kDataBlockBytesMax + kDataBlockBytesMax / 4;
constexpr size_t kStartBytes = 32;  // enough to tell whether a block could begin

bool PlausibleHeader(const char* at, uint64_t payload_bytes_max) {
  constexpr uint32_t kEntryBytesMin = 9;
  const uint32_t count = LoadFixed<uint32_t>(at);
  const uint32_t prefix_and_flags = LoadFixed<uint32_t>(at + 4);
  return count != 0 && count <= payload_bytes_max / kEntryBytesMin &&
         (prefix_and_flags & ~(2 * kWideOffsetsFlag - 1)) == 0 &&
         (prefix_and_flags & (kWideOffsetsFlag - 1)) <= kStoredKeyBytesMax;
}

// Could a block begin with these bytes, plain or compressed? Cheap, and hardly ever true of others.
bool Plausible(std::string_view bytes, uint64_t left) {
  if (bytes.size() < kStartBytes) return true;  // too few to tell
  if (PlausibleHeader(bytes.data(), left) &&
      LoadFixed<uint32_t>(bytes.data() + 8) <= kStoredKeyBytesMax &&
      LoadFixed<uint64_t>(bytes.data() + 12) <= kPositionMax) {
    return true;
  }
  size_t size = 0;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &size)) return false;
  if (size < kBlockHeaderBytes || size > kDataBlockBytesMax) return false;
  // The first element is a literal that holds at least the number of entries.
  size_t at = 1;
  for (size_t rest = size; rest >= 0x80; rest >>= 7) ++at;
  const auto tag = static_cast<unsigned char>(bytes[at]);
  const uint32_t literal = tag >> 2;
  if ((tag & 3) != 0 || literal < 3) return false;
  const size_t begin = at + 1 + (literal < 60 ? 0 : literal - 59);
  const uint32_t count = LoadFixed<uint32_t>(bytes.data() + begin);
  return count != 0 && count <= size / 9;
}

}  // namespace

BlockScan::BlockScan(const BlockSource* source, uint64_t begin, uint64_t end)
    : source_(source),
      next_(begin),
      end_(end),
      search_budget_(std::max(kSearchedBytesMin, (end - std::min(begin, end)) * kSearchedFactor)) {}

Status BlockScan::Fetch(uint64_t offset, uint64_t size, std::string_view* bytes) {
  size = std::min(size, end_ - std::min(offset, end_));
  const bool have = offset >= window_offset_ && offset - window_offset_ <= window_.size() &&
                    size <= window_.size() - (offset - window_offset_);
  if (!have) {
    window_.resize(std::min(std::max(size, kWindowBytes), end_ - std::min(offset, end_)));
    window_offset_ = offset;
    Result<size_t> got = source_->file->Read(offset, window_.size(), window_.data());
    if (!got.ok()) window_.clear();
    RETURN_IF_ERROR(got.status());
    window_.resize(*got);
  }
  *bytes = std::string_view(window_).substr(offset - window_offset_, size);
  return Status::Ok();
}

Result<uint64_t> BlockScan::SizeAt(uint64_t at, uint64_t size_max) {
  size_max = std::min(size_max, end_ - at);
  StreamHash hash(ChecksumSeed(source_->id, at));
  uint64_t hashed = 0;  // bytes of the block
  for (uint64_t looked = 0; looked < size_max;) {
    std::string_view bytes;
    // One chunk after the other; each with the checksum that may follow its last byte.
    const uint64_t chunk = std::min<uint64_t>(kWindowBytes / 4, size_max - looked);
    RETURN_IF_ERROR(Fetch(at + looked, chunk + sizeof(uint64_t), &bytes));
    if (bytes.size() <= sizeof(uint64_t)) return 0;
    const uint64_t usable = std::min<uint64_t>(chunk, bytes.size() - sizeof(uint64_t));
    for (uint64_t i = 0; i < usable; ++i) {
      // The byte before the checksum says how the block is compressed.
      if (static_cast<unsigned char>(bytes[i]) > static_cast<unsigned char>(Compression::kSnappy) ||
          looked + i == 0) {
        continue;
      }
      hash.Update(bytes.substr(hashed - looked, looked + i + 1 - hashed));
      hashed = looked + i + 1;
      if (ChecksumMatches(LoadFixed<uint64_t>(bytes.data() + i + 1), hash.Digest()))
        return hashed + sizeof(uint64_t);
    }
    hash.Update(bytes.substr(hashed - looked, usable - (hashed - looked)));
    looked += usable;
    hashed = looked;
    if (usable < chunk) return 0;
  }
  return 0;
}

// The index is laid out like a data block: its values name blocks, each behind the one before from
// the header on, all that were found among them. The filter is no block at all. Of a table without
// one, whose index is damaged, the range deletes are what comes first.
Result<bool> BlockScan::IsData(const BlockHandle& handle) {
  const Result<BlockRef> block = ReadBlock(*source_, handle, BlockUse::kData);
  if (!block.ok()) {
    if (block.status().Is(StatusCode::kCorruption)) return false;
    const Result<BlockRef> ranges = ReadBlock(*source_, handle, BlockUse::kRanges);
    if (ranges.ok() && DecodeRangeBlock(*source_, handle.offset, *ranges).ok()) return false;
    return block.status();
  }
  const Block entries(BlockPayload(*block->get()));
  uint64_t end = kFileHeaderBytes;
  for (uint32_t i = 0; i < entries.count(); ++i) {
    BlockHandle named;
    if (!DecodeBlockHandle(entries.entry(i).value(), &named) || named.offset != end ||
        named.size <= kBlockTrailerBytes || named.size > handle.offset - end) {
      return true;
    }
    end = named.end();
  }
  return end < next_;
}

Result<std::optional<BlockHandle>> BlockScan::Next() {
  uint64_t size_max = kBlockOnDiskBytesMax;
  for (uint64_t at = next_; !done_ && at < end_ && size_max > 0; ++at) {
    std::string_view start;
    RETURN_IF_ERROR(Fetch(at, kStartBytes, &start));
    const bool searched = at != next_;
    if (searched && (start.size() < kStartBytes || !Plausible(start, end_ - at))) continue;
    ASSIGN_OR_RETURN(const uint64_t size, SizeAt(at, size_max));
    if (searched && size == 0) search_budget_ -= std::min(size_max, end_ - at);
    size_max = std::min(kSearchedBlockBytesMax, search_budget_);
    if (size == 0) continue;
    const BlockHandle handle{at, size};
    ASSIGN_OR_RETURN(const bool is_data, IsData(handle));
    if (!is_data) {
      data_end_ = at;
      break;
    }
    next_ = handle.end();
    return std::optional<BlockHandle>(handle);
  }
  done_ = true;
  return std::optional<BlockHandle>();
}

}  // namespace logwood
