// TableReader::Verify: reads every byte of the file and holds it against every other.
#include <algorithm>

#include "table/properties.h"
#include "table/table_reader.h"
#include "table/table_state.h"
#include "util/hash.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kChunkBytes = 1 << 20;

// Holds a table's entries against order, separators, filter and what the properties counted.
class EntryChecker {
 public:
  explicit EntryChecker(const Filter* filter) : filter_(filter) {}

  // What is wrong with the block, or null.
  const char* CheckBlock(const Block& block, std::string_view separator,
                         uint64_t separator_trailer);
  // The same counts as in the properties?
  bool Agrees(const TableProperties& expected) const {
    return seen_.entries == expected.entries && seen_.tombstones == expected.tombstones &&
           seen_.expiry.entries == expected.expiry.entries &&
           seen_.raw_key_bytes == expected.raw_key_bytes &&
           seen_.raw_value_bytes == expected.raw_value_bytes &&
           seen_.min_position == expected.min_position &&
           seen_.max_position == expected.max_position &&
           seen_.smallest_key == expected.smallest_key && last_key_ == expected.largest_key;
  }

 private:
  const char* CheckEntry(std::string_view key, const BlockEntry& entry);

  const Filter* filter_;
  TableProperties seen_;
  std::string buffer_;
  std::string last_key_;
  uint64_t last_trailer_ = 0;
  std::string low_key_;  // the separator before: all entries are behind it
  uint64_t low_trailer_ = 0;
  bool has_low_ = false;
};

const char* EntryChecker::CheckEntry(std::string_view key, const BlockEntry& entry) {
  const LogPos position = TrailerPosition(entry.trailer);
  const bool first = seen_.entries == 0;
  if (first) {
    seen_.smallest_key = key;
    seen_.min_position = seen_.max_position = position;
  } else if (CompareInternal(last_key_, last_trailer_, key, entry.trailer) >= 0) {
    return "entries out of order";
  } else if (key == last_key_ && position == TrailerPosition(last_trailer_) && position != 0) {
    return "two entries of one key and position";
  }
  if (!filter_->empty() && (first || key != last_key_) && !filter_->MayContain(Hash64(key))) {
    return "filter misses a key of the table";
  }
  ++seen_.entries;
  if (TrailerKind(entry.trailer) == EntryKind::kDelete) ++seen_.tombstones;
  if (TrailerKind(entry.trailer) == EntryKind::kPutExpiring) ++seen_.expiry.entries;
  seen_.raw_key_bytes += key.size();
  seen_.raw_value_bytes += entry.value_bytes;
  seen_.min_position = std::min(seen_.min_position, position);
  seen_.max_position = std::max(seen_.max_position, position);
  last_key_ = key;
  last_trailer_ = entry.trailer;
  return nullptr;
}

const char* EntryChecker::CheckBlock(const Block& block, std::string_view separator,
                                     uint64_t separator_trailer) {
  buffer_.resize(block.key_bytes_max() + kBlockSlackBytes + kHeadBytes);
  block.prefix().copy(buffer_.data(), buffer_.size());
  const char* problem = nullptr;
  for (uint32_t i = 0; i < block.count() && problem == nullptr; ++i) {
    const BlockEntry entry = block.entry(i);
    const std::string_view key(buffer_.data(), block.CompleteKey(i, entry, buffer_.data()));
    if (i == 0 && has_low_ && CompareInternal(low_key_, low_trailer_, key, entry.trailer) >= 0) {
      return "block begins before the separator of the one before";
    }
    problem = CheckEntry(key, entry);
  }
  if (problem == nullptr &&
      CompareInternal(last_key_, last_trailer_, separator, separator_trailer) > 0) {
    problem = "block reaches beyond its separator";
  }
  low_key_ = separator;
  low_trailer_ = separator_trailer;
  has_low_ = true;
  return problem;
}

}  // namespace

// One run over the file, front to back.
class TableVerifier {
 public:
  using Report = std::function<void(const TableReader::BlockDamage&)>;
  using Progress = std::function<void(uint64_t)>;
  TableVerifier(const TableReader::State& state, const Report& report, const Progress& progress)
      : s_(state), report_(report), progress_(progress), entries_(&state.filter) {}

  Status Run(const TableMeta* meta);

 private:
  void Note(Status status, uint64_t offset, std::string first_key, std::string last_key);
  // Of the whole table.
  void NoteTable(Status status, uint64_t offset) {
    std::string last = s_.properties.largest_key;
    if (s_.range_deletes != nullptr)
      last = std::max<std::string_view>(last, s_.range_deletes->end());
    Note(std::move(status), offset, TableBegin(s_.properties, s_.range_deletes.get()),
         std::move(last));
  }
  void CheckHeader();
  void CheckDataBlocks();
  void CheckDataBlock(uint32_t number, std::string_view raw);
  Status CheckDataBytes(uint32_t number, const BlockHandle& handle, std::string_view raw);
  void CheckPart(const BlockHandle& handle);
  void CheckFooter();
  bool Read(uint64_t offset, uint64_t size, std::string* bytes, Status* status);

  const TableReader::State& s_;
  const Report& report_;
  const Progress& progress_;
  EntryChecker entries_;
  StreamHash hash_;
  bool blocks_good_ = true;
  Status unread_;  // the first failed read: `hash_` is not the whole file's
  Status first_;
  std::string bytes_;
};

void TableVerifier::Note(Status status, uint64_t offset, std::string first_key,
                         std::string last_key) {
  if (report_) report_({offset, status, std::move(first_key), std::move(last_key)});
  // Damage weighs more than what could not be read.
  const bool is_damage = status.Is(StatusCode::kCorruption);
  if (first_.ok() || (is_damage && !first_.Is(StatusCode::kCorruption))) first_ = std::move(status);
}

bool TableVerifier::Read(uint64_t offset, uint64_t size, std::string* bytes, Status* status) {
  bytes->resize(size);
  *status = ReadExactly(s_.source, offset, size, bytes->data());
  if (!status->ok()) {
    if (unread_.ok()) unread_ = *status;
    return false;
  }
  hash_.Update(*bytes);
  if (progress_) progress_(offset + size);
  return true;
}

void TableVerifier::CheckHeader() {
  Status status;
  if (Read(0, kFileHeaderBytes, &bytes_, &status)) {
    Result<FileHeader> header =
        DecodeFileHeader(bytes_, FileKind::kTable, s_.source.path, /*for_writing=*/false);
    if (!header.ok()) {
      status = header.status();
    } else if (header->id != s_.source.id) {
      status = TableDamage(s_.source.path, 0, "file id changed since it was opened");
    }
  }
  if (!status.ok()) NoteTable(std::move(status), 0);
}

void TableVerifier::CheckDataBlocks() {
  const uint32_t count = s_.index.count();
  for (uint32_t number = 0; number < count;) {
    // As many whole blocks as make a chunk.
    const uint64_t begin = s_.handle(number).offset;
    uint32_t next = number + 1;
    uint64_t end = s_.handle(number).end();
    while (next < count && s_.handle(next).end() - begin <= kChunkBytes) {
      end = s_.handle(next++).end();
    }
    Status status;
    const bool read = Read(begin, end - begin, &bytes_, &status);
    for (; number < next; ++number) {
      const BlockHandle handle = s_.handle(number);
      CheckDataBlock(number,
                     read ? std::string_view(bytes_).substr(handle.offset - begin, handle.size)
                          : std::string_view());
    }
  }
}

// `raw` is empty when the chunk around the block could not be read.
void TableVerifier::CheckDataBlock(uint32_t number, std::string_view raw) {
  const BlockHandle handle = s_.handle(number);
  Status status = CheckDataBytes(number, handle, raw);
  if (status.ok()) return;
  blocks_good_ = false;
  Note(std::move(status), handle.offset,
       number == 0 ? s_.properties.smallest_key : s_.separator(number - 1), s_.separator(number));
}

Status TableVerifier::CheckDataBytes(uint32_t number, const BlockHandle& handle,
                                     std::string_view raw) {
  Result<BlockRef> block = raw.empty()
                               ? ReadBlock(s_.source, handle, BlockUse::kData)
                               : DecodeBlock(s_.source, handle.offset, raw, BlockUse::kData);
  if (!block.ok()) return std::move(block).status();
  const char* problem = entries_.CheckBlock(Block(BlockPayload(*block->get())),
                                            s_.separator(number), s_.index.entry(number).trailer);
  if (problem != nullptr) return TableDamage(s_.source.path, handle.offset, problem);
  return {};
}

// The resident copies of filter, index and properties were checked when the table was opened; the
// bytes on disk may have rotted since.
void TableVerifier::CheckPart(const BlockHandle& handle) {
  if (handle.size == 0) return;
  Status status;
  if (Read(handle.offset, handle.size, &bytes_, &status)) {
    status = CheckBlockTrailer(s_.source, handle.offset, bytes_);
  }
  if (!status.ok()) NoteTable(std::move(status), handle.offset);
}

void TableVerifier::CheckFooter() {
  const uint64_t offset = s_.file_bytes - kFooterBytes;
  Status status;
  if (Read(offset, kFooterBytes, &bytes_, &status)) {
    status = DecodeFooter(bytes_, s_.source.id, s_.file_bytes, s_.source.path, s_.source.writer)
                 .status();
  }
  if (!status.ok()) NoteTable(std::move(status), offset);
}

Status TableVerifier::Run(const TableMeta* meta) {
  const std::string& path = s_.source.path;
  CheckHeader();
  CheckDataBlocks();
  if (blocks_good_ && !entries_.Agrees(s_.properties)) {
    NoteTable(TableDamage(path, s_.footer.properties.offset, "properties and entries disagree"),
              s_.footer.properties.offset);
  }
  CheckPart(s_.footer.filter);
  CheckPart(s_.footer.index);
  CheckPart(s_.footer.range_deletes);
  CheckPart(s_.footer.properties);
  CheckFooter();
  Result<uint64_t> size = s_.file->Size();
  if (!size.ok()) {
    NoteTable(std::move(size).status(), 0);
  } else if (*size != s_.file_bytes) {
    NoteTable(TableDamage(path, std::min(*size, s_.file_bytes), "file size changed"), *size);
  }
  // A read may have failed once, and each block of it was read all the same.
  if (meta != nullptr && first_.ok()) first_ = unread_;
  if (meta != nullptr && first_.ok() && hash_.Digest() != meta->hash) {
    NoteTable(TableDamage(path, 0, "whole-file hash is not what the manifest says"), 0);
  }
  return std::move(first_);
}

Status TableReader::Verify(const TableMeta* meta,
                           const std::function<void(const BlockDamage&)>& report,
                           const std::function<void(uint64_t)>& progress) const {
  return TableVerifier(*state_, report, progress).Run(meta);
}

}  // namespace logwood
