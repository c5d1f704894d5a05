#include "table/table_builder.h"

#include <algorithm>

#include "table/block_builder.h"
#include "table/block_io.h"
#include "table/filter.h"
#include "table/properties.h"
#include "table/range_block.h"
#include "util/check.h"
#include "util/escape.h"
#include "util/expiring_value.h"
#include "util/hash.h"
#include "util/internal_key.h"
#include "util/range_fragments.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// A value of this size gets a block of its own, made without copying it first.
constexpr size_t kLoneBytesMin = 64 * 1024;
constexpr uint32_t kBlockBytesMin = 64;
constexpr uint32_t kBlockBytesMax = 1 << 20;
constexpr std::string_view kThisWriter = "logwood 1";

std::string_view CompressionName(Compression compression) {
  return compression == Compression::kSnappy ? "snappy" : "none";
}

}  // namespace

struct TableBuilder::State {
  State(WritableFile* f, const TableOptions& o, uint64_t n, const Id128& i)
      : file(f), options(o), number(n), id(i), filter(o.filter_bits_per_key) {}

  void CountEntry(std::string_view key, uint64_t trailer, std::string_view value);
  void CountKeyspace(std::string_view key);
  // Ends the block; its index entry waits for the first key of the next, to be short.
  void CutBlock();
  void AddIndexEntry(std::string_view separator, uint64_t trailer);
  void NameLastBlock(std::string_view next_key);
  BlockHandle WritePart(std::string_view payload, Compression compression);
  BlockHandle WriteFilter();
  BlockHandle WriteRangeDeletes();
  // The buffer of a table that is not small is made in one step.
  void WriteOutIfFull() {
    if (output.size() >= options.append_bytes) {
      WriteOut();
    } else if (output.size() >= options.append_bytes / 4) {
      output.Reserve(size_t{options.append_bytes} + 2 * size_t{options.block_bytes});
    }
  }
  void WriteOut();
  // A buffer made large by one value is given back.
  size_t kept_bytes_max() const { return 2 * size_t{options.append_bytes}; }
  TableMeta MakeMeta() const;

  uint64_t written_and_pending() const { return written_bytes + output.size(); }

  WritableFile* const file;
  const TableOptions options;
  const uint64_t number;
  const Id128 id;

  BlockBuilder block;
  BlockBuilder index;
  FilterBuilder filter;
  RangeFragmentsBuilder range_deletes;
  ExpirySampler expiries;
  std::string range_begin;  // of the first
  LogPos range_position = 0;
  RangeFragmentsPtr written_ranges;
  ByteBuffer output;   // not yet appended
  ByteBuffer scratch;  // a block before compression
  uint64_t written_bytes = 0;
  StreamHash file_hash;

  std::string last_key;
  uint64_t last_trailer = 0;
  bool unnamed_block = false;  // cut, not yet in the index
  BlockHandle unnamed_handle;
  uint64_t unnamed_trailer = 0;

  std::string keyspace_prefix;  // of the entry before, and where it is counted
  uint64_t* keyspace_count = nullptr;
  TableProperties properties;
  bool finished = false;
  Status status;
};

void TableBuilder::State::CountKeyspace(std::string_view key) {
  if (keyspace_count == nullptr || !key.starts_with(keyspace_prefix)) [[unlikely]] {
    uint32_t keyspace = 0;
    std::string_view user_key;
    keyspace_count = nullptr;
    if (!SplitStoredKey(key, &keyspace, &user_key)) return;
    keyspace_prefix = key.substr(0, key.size() - user_key.size());
    keyspace_count = &properties.keyspace_entries[keyspace];
  }
  ++*keyspace_count;
}

void TableBuilder::State::CountEntry(std::string_view key, uint64_t trailer,
                                     std::string_view value) {
  const LogPos position = TrailerPosition(trailer);
  if (properties.entries == 0) {
    properties.smallest_key = key;
    properties.min_position = properties.max_position = position;
  }
  properties.min_position = std::min(properties.min_position, position);
  properties.max_position = std::max(properties.max_position, position);
  ++properties.entries;
  if (TrailerKind(trailer) == EntryKind::kDelete) ++properties.tombstones;
  if (TrailerKind(trailer) == EntryKind::kPutExpiring) [[unlikely]]
    expiries.Add(ExpiryOf(value));
  properties.raw_key_bytes += key.size();
  properties.raw_value_bytes += value.size();
}

void TableBuilder::State::AddIndexEntry(std::string_view separator, uint64_t trailer) {
  char value[2 * kVarint64BytesMax];
  const size_t size = EncodeBlockHandle(unnamed_handle, value);
  index.Add(separator, trailer, {value, size});
  unnamed_block = false;
}

// The index entry of a block is >= all its entries and < all of the next block, so that a lookup
// never has to look into a second block.
void TableBuilder::State::NameLastBlock(std::string_view next_key) {
  if (next_key == last_key) {
    AddIndexEntry(last_key, unnamed_trailer);  // versions of one key go on in the next block
  } else {
    AddIndexEntry(ShortestSeparator(last_key, next_key), 0);
  }
}

void TableBuilder::State::CutBlock() {
  unnamed_trailer = block.last_trailer();
  const uint64_t base = written_bytes;
  if (options.compression == Compression::kNone) {
    const size_t start = output.size();
    block.Finish(&output);
    properties.uncompressed_data_bytes += output.size() - start;
    unnamed_handle = SealBlock(start, id, base, &output);
  } else {
    block.Finish(&scratch);
    properties.uncompressed_data_bytes += scratch.size();
    unnamed_handle = AppendBlock(scratch.view(), options.compression, id, base, &output);
    scratch.Clear(kept_bytes_max());
  }
  unnamed_block = true;
  ++properties.data_blocks;
  properties.data_bytes += unnamed_handle.size;
  WriteOutIfFull();
}

void TableBuilder::State::WriteOut() {
  file_hash.Update(output.view());
  written_bytes += output.size();
  if (status.ok()) status = file->Append(output.view());
  output.Clear(kept_bytes_max());
}

BlockHandle TableBuilder::State::WritePart(std::string_view payload, Compression compression) {
  const BlockHandle handle = AppendBlock(payload, compression, id, written_bytes, &output);
  WriteOutIfFull();
  return handle;
}

BlockHandle TableBuilder::State::WriteFilter() {
  const size_t start = output.size();
  filter.Finish(&output);  // made where it is written from
  const BlockHandle handle = SealBlock(start, id, written_bytes, &output);
  WriteOutIfFull();
  return handle;
}

BlockHandle TableBuilder::State::WriteRangeDeletes() {
  written_ranges = range_deletes.Finish();
  AppendRangeBlock(*written_ranges, &scratch);
  const BlockHandle handle = WritePart(scratch.view(), options.compression);
  scratch.Clear(kept_bytes_max());
  return handle;
}

TableMeta TableBuilder::State::MakeMeta() const {
  TableMeta meta;
  meta.number = number;
  meta.id = id;
  meta.size = written_bytes;
  meta.hash = file_hash.Digest();
  meta.begin = TableBegin(properties, written_ranges.get());
  meta.end = TableEnd(properties, written_ranges.get());
  meta.min_position = properties.min_position;
  meta.max_position = properties.max_position;
  meta.entries = properties.entries;
  meta.tombstones = properties.tombstones;
  meta.raw_bytes = properties.raw_key_bytes + properties.raw_value_bytes;
  meta.expiry = properties.expiry;
  if (written_ranges == nullptr) return meta;
  meta.range_deletes = written_ranges->positions();
  meta.min_position = std::min(meta.min_position, written_ranges->min_position());
  meta.max_position = std::max(meta.max_position, written_ranges->max_position());
  return meta;
}

TableBuilder::TableBuilder(WritableFile* file, const TableOptions& options, uint64_t number,
                           const Id128& id)
    : state_(std::make_unique<State>(file, options, number, id)) {
  CHECK(options.block_bytes >= kBlockBytesMin && options.block_bytes <= kBlockBytesMax);
  CHECK(options.filter_bits_per_key <= kFilterBitsPerKeyMax);
  CHECK(options.append_bytes > 0);
  FileHeader header;
  header.kind = FileKind::kTable;
  header.id = id;
  state_->output.Append(header.Encode());
}

TableBuilder::~TableBuilder() = default;

void TableBuilder::Add(std::string_view key, uint64_t trailer, std::string_view value) {
  State& s = *state_;
  DCHECK(!s.finished);
  if (!s.status.ok()) [[unlikely]]
    return;
  const int order = s.properties.entries == 0 ? 1 : key.compare(s.last_key);
  // Not a CHECK: what a merge of damaged memory or tables yields must not end the host.
  if (order < 0 || (order == 0 && trailer >= s.last_trailer && s.properties.entries != 0))
      [[unlikely]] {
    s.status = Status::Corruption("table " + std::to_string(s.number) + ": entry of key " +
                                  Escape(key) + " is not behind the one of " + Escape(s.last_key));
    return;
  }
  if (key.size() > kStoredKeyBytesMax || value.size() > kBatchBytesMax) [[unlikely]] {
    s.status = Status::InvalidArgument("table entry: key or value is too long");
    return;
  }
  if (!s.block.empty() && s.block.EstimateWith(key, value) > s.options.block_bytes) s.CutBlock();
  if (s.unnamed_block) [[unlikely]]
    s.NameLastBlock(key);
  const bool lone = value.size() >= kLoneBytesMin && s.block.empty();
  lone ? s.block.AddLast(key, trailer, value) : s.block.Add(key, trailer, value);
  s.CountEntry(key, trailer, value);
  if (order != 0) {
    if (s.options.filter_bits_per_key != 0) s.filter.Add(Hash64(key));
    s.last_key = key;
  }
  s.CountKeyspace(key);
  s.last_trailer = trailer;
  if (lone) [[unlikely]]
    s.CutBlock();
}

void TableBuilder::AddRangeDelete(std::string_view begin, std::string_view end, LogPos position) {
  State& s = *state_;
  DCHECK(!s.finished);
  if (!s.status.ok()) return;
  if (s.range_deletes.empty()) {
    s.range_begin = begin;
    s.range_position = position;
  }
  if (end.size() > kStoredKeyBytesMax || !s.range_deletes.Add(begin, end, position)) [[unlikely]] {
    s.status = Status::Corruption("table " + std::to_string(s.number) + ": range delete from key " +
                                  Escape(begin) + " is out of order");
  }
}

Status TableBuilder::status() const { return state_->status; }

Result<TableMeta> TableBuilder::Finish() {
  State& s = *state_;
  CHECK(!s.finished);
  if (s.properties.entries == 0 && !s.range_deletes.empty())
    Add(s.range_begin, PackTrailer(s.range_position, EntryKind::kDelete), {});
  s.finished = true;
  RETURN_IF_ERROR(s.status);
  if (s.properties.entries == 0) return Status::InvalidArgument("a table needs an entry");
  s.properties.largest_key = s.last_key;
  s.properties.expiry = s.expiries.Finish();
  if (!s.block.empty()) s.CutBlock();
  s.AddIndexEntry(s.last_key, 0);

  Footer footer;
  footer.filter.offset = s.written_and_pending();
  if (!s.filter.empty()) footer.filter = s.WriteFilter();
  s.index.Finish(&s.scratch);
  footer.index = s.WritePart(s.scratch.view(), s.options.compression);
  s.scratch.Clear(s.kept_bytes_max());
  s.properties.range_deletes = s.range_deletes.positions();
  if (!s.range_deletes.empty()) footer.range_deletes = s.WriteRangeDeletes();
  s.properties.filter_bytes = footer.filter.size;
  s.properties.index_bytes = footer.index.size;
  s.properties.block_bytes = s.options.block_bytes;
  s.properties.filter_bits_per_key = s.options.filter_bits_per_key;
  s.properties.compression = CompressionName(s.options.compression);
  s.properties.written_by = kThisWriter;
  std::string payload;
  EncodeTableProperties(s.properties, &payload);
  footer.properties = s.WritePart(payload, Compression::kNone);
  footer.entries = s.properties.entries;
  footer.data_blocks = s.properties.data_blocks;
  footer.file_bytes = s.written_and_pending() + kFooterBytes;
  s.output.Append(footer.Encode(s.id));
  s.WriteOut();
  RETURN_IF_ERROR(s.status);
  return s.MakeMeta();
}

uint64_t TableBuilder::entries() const { return state_->properties.entries; }

uint64_t TableBuilder::estimated_bytes() const {
  const State& s = *state_;
  return s.written_and_pending() + s.block.Estimate() + s.filter.PayloadBytes() +
         s.index.Estimate() + s.range_deletes.block_bytes() + kFooterBytes;
}

uint64_t TableBuilder::memory_bytes() const {
  const State& s = *state_;
  return sizeof(State) + s.output.capacity() + s.scratch.capacity() + s.block.memory_bytes() +
         s.index.memory_bytes() + s.filter.memory_bytes() + s.range_deletes.memory_bytes();
}

uint64_t TableBuilder::lasting_bytes() const {
  return state_->index.memory_bytes() + state_->filter.memory_bytes() +
         state_->range_deletes.memory_bytes();
}

}  // namespace logwood
