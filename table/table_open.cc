// TableReader::Open: from a file's bytes to a reader that trusts its index and filter.
#include <algorithm>
#include <new>

#include "table/properties.h"
#include "table/range_block.h"
#include "table/table_reader.h"
#include "table/table_state.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// Read with the footer: holds the properties of most tables, and all of small ones.
constexpr uint64_t kTailBytes = 8 * 1024;

// The file's last bytes, read at once.
struct Tail {
  uint64_t offset = 0;
  std::string bytes;
};

Status ReadTail(const BlockSource& source, uint64_t file_bytes, Tail* tail) {
  const uint64_t size = std::min(file_bytes, kTailBytes);
  tail->offset = file_bytes - size;
  tail->bytes.resize(size);
  return ReadExactly(source, tail->offset, size, tail->bytes.data());
}

Result<BlockRef> ReadPart(const BlockSource& source, const BlockHandle& handle, const Tail& tail,
                          BlockUse use) {
  if (handle.offset < tail.offset) return ReadBlock(source, handle, use);
  const std::string_view raw =
      std::string_view(tail.bytes).substr(handle.offset - tail.offset, handle.size);
  return DecodeBlock(source, handle.offset, raw, use);
}

// Each block begins where the one before ends, from the header up to the filter.
Status CheckIndex(const BlockSource& source, const Footer& footer, const Block& index,
                  uint64_t data_end) {
  const uint64_t at = footer.index.offset;
  if (index.count() != footer.data_blocks) {
    return TableDamage(source.path, at, "index and footer disagree on the number of blocks");
  }
  uint64_t end = kFileHeaderBytes;
  for (uint32_t i = 0; i < index.count(); ++i) {
    BlockHandle handle;
    if (!DecodeBlockHandle(index.entry(i).value(), &handle) || handle.offset != end ||
        handle.size <= kBlockTrailerBytes || handle.size > data_end - end) {
      return TableDamage(source.path, at, "index entry does not name the next block");
    }
    end = handle.end();
  }
  if (end != data_end) return TableDamage(source.path, at, "index does not name all blocks");
  return {};
}

Status ReadFilter(const BlockSource& source, const BlockHandle& handle, Filter* filter) {
  if (handle.size == 0) return {};
  const uint64_t payload_bytes = handle.size - kBlockTrailerBytes;
  if (!Filter::PlausibleSize(payload_bytes)) {
    return TableDamage(source.path, handle.offset, "filter size is not a filter's");
  }
  static_assert(kBlockTrailerBytes <= Filter::kSlackBytes);
  Filter read;
  try {
    read = Filter(payload_bytes);
  } catch (const std::bad_alloc&) {
    return NoBlockMemory(source, handle.offset, payload_bytes);
  }
  RETURN_IF_ERROR(ReadExactly(source, handle.offset, handle.size, read.payload()));
  RETURN_IF_ERROR(CheckBlockTrailer(source, handle.offset, {read.payload(), handle.size}));
  if (read.payload()[payload_bytes] != static_cast<char>(Compression::kNone) || !read.Parse()) {
    return TableDamage(source.path, handle.offset, "filter parameters are not a filter's");
  }
  *filter = std::move(read);
  return {};
}

Status ReadProperties(const BlockSource& source, const Footer& footer, const Tail& tail,
                      TableProperties* properties) {
  const BlockHandle& handle = footer.properties;
  ASSIGN_OR_RETURN(BlockRef block, ReadPart(source, handle, tail, BlockUse::kBytes));
  if (!DecodeTableProperties(BlockPayload(*block.get()), properties)) {
    return TableDamage(source.path, handle.offset, "properties do not decode");
  }
  if (properties->entries != footer.entries || properties->data_blocks != footer.data_blocks) {
    return TableDamage(source.path, handle.offset, "properties and footer disagree");
  }
  return {};
}

Status ReadRangeDeletes(const BlockSource& source, const Footer& footer, const Tail& tail,
                        RangeFragmentsPtr* ranges) {
  const BlockHandle& handle = footer.range_deletes;
  if (handle.size == 0) return {};
  ASSIGN_OR_RETURN(const BlockRef loaded, ReadPart(source, handle, tail, BlockUse::kRanges));
  ASSIGN_OR_RETURN(*ranges, DecodeRangeBlock(source, handle.offset, loaded));
  return {};
}

// Is this the table the manifest means?
Status CheckMeta(const BlockSource& source, uint64_t file_bytes, const Footer& footer,
                 const TableProperties& properties, const RangeFragmentsPtr& ranges,
                 const TableMeta& meta) {
  constexpr uint64_t kIdAt = 24;
  if (source.id != meta.id) {
    return TableDamage(source.path, kIdAt,
                       "is table " + source.id.ToString() + ", expected " + meta.id.ToString());
  }
  if (file_bytes != meta.size) {
    return TableDamage(source.path, file_bytes,
                       "file ends here, expected " + std::to_string(meta.size) + " bytes");
  }
  if (TableBegin(properties, ranges.get()) != meta.begin ||
      TableEnd(properties, ranges.get()) != meta.end || properties.entries != meta.entries ||
      properties.range_deletes != meta.range_deletes) {
    return TableDamage(source.path, footer.properties.offset,
                       "key range or number of entries is not what the manifest says");
  }
  return {};
}

std::atomic<uint64_t> next_cache_id{1};  // relaxed: only uniqueness matters

}  // namespace

Result<std::shared_ptr<TableReader>> TableReader::Open(std::unique_ptr<RandomAccessFile> file,
                                                       std::string path, const TableMeta* meta,
                                                       BlockCache* cache, TableCounters* counters) {
  auto state = std::make_unique<State>();
  State& s = *state;
  s.file = std::move(file);
  s.source.file = s.file.get();
  s.source.path = std::move(path);
  s.cache = cache;
  s.counters = counters;
  s.cache_id = next_cache_id.fetch_add(1, std::memory_order_relaxed);
  s.file->Advise(RandomAccessFile::Access::kRandom);
  ASSIGN_OR_RETURN(s.file_bytes, s.file->Size());
  if (s.file_bytes < kTableBytesMin) {
    return TableDamage(s.source.path, s.file_bytes, "file ends here, too short for a table");
  }
  char header_bytes[kFileHeaderBytes];
  RETURN_IF_ERROR(ReadExactly(s.source, 0, kFileHeaderBytes, header_bytes));
  ASSIGN_OR_RETURN(const FileHeader header,
                   DecodeFileHeader({header_bytes, kFileHeaderBytes}, FileKind::kTable,
                                    s.source.path, /*for_writing=*/false));
  s.source.id = header.id;
  s.source.writer = header.writer;
  Tail tail;
  RETURN_IF_ERROR(ReadTail(s.source, s.file_bytes, &tail));
  const std::string_view footer_bytes =
      std::string_view(tail.bytes).substr(tail.bytes.size() - kFooterBytes);
  ASSIGN_OR_RETURN(
      s.footer, DecodeFooter(footer_bytes, header.id, s.file_bytes, s.source.path, header.writer));
  RETURN_IF_ERROR(ReadProperties(s.source, s.footer, tail, &s.properties));
  RETURN_IF_ERROR(ReadRangeDeletes(s.source, s.footer, tail, &s.range_deletes));
  if (s.properties.range_deletes != (s.range_deletes ? s.range_deletes->positions() : 0)) {
    return TableDamage(s.source.path, s.footer.properties.offset,
                       "properties and range deletes disagree");
  }
  if (meta != nullptr) {
    RETURN_IF_ERROR(
        CheckMeta(s.source, s.file_bytes, s.footer, s.properties, s.range_deletes, *meta));
    s.position_override = meta->position_override;
  }
  ASSIGN_OR_RETURN(s.index_block, ReadPart(s.source, s.footer.index, tail, BlockUse::kIndex));
  s.index = Block(BlockPayload(*s.index_block.get()));
  RETURN_IF_ERROR(CheckIndex(s.source, s.footer, s.index, s.data_end()));
  RETURN_IF_ERROR(ReadFilter(s.source, s.footer.filter, &s.filter));
  return std::shared_ptr<TableReader>(new TableReader(std::move(state)));
}

}  // namespace logwood
