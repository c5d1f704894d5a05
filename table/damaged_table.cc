#include "table/damaged_table.h"

#include <algorithm>

#include "table/properties.h"
#include "table/range_block.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kFooterIdOffset = 96;

bool IsDamage(const Status& status) { return status.Is(StatusCode::kCorruption); }

// "path:offset: what" -> "what".
std::string WithoutPlace(const std::string& path, const Status& status) {
  const std::string_view message = status.message();
  const size_t at = message.find(": ", message.starts_with(path) ? path.size() : 0);
  return std::string(at == std::string_view::npos ? message : message.substr(at + 2));
}

}  // namespace

Result<std::unique_ptr<DamagedTable>> DamagedTable::Open(FileSystem* fs, const std::string& path,
                                                         const TableMeta* meta) {
  ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
  std::unique_ptr<DamagedTable> table(new DamagedTable(std::move(file), path));
  ASSIGN_OR_RETURN(table->file_bytes_, table->file_->Size());
  if (meta != nullptr) {
    table->position_override_ = meta->position_override;
    table->may_have_ranges_ = meta->range_deletes != 0;
    table->smallest_ = table->first_range_key_ = meta->begin;
    table->largest_ = table->last_range_key_ = meta->last_key();
  }
  RETURN_IF_ERROR(table->Identify(meta));
  RETURN_IF_ERROR(table->ReadParts());
  return table;
}

// The id that all checksums are seeded with: from the header, the footer, or the manifest.
Status DamagedTable::Identify(const TableMeta* meta) {
  std::string bytes(std::min<uint64_t>(kFileHeaderBytes, file_bytes_), '\0');
  RETURN_IF_ERROR(ReadExactly(source_, 0, bytes.size(), bytes.data()));
  const Result<FileHeader> header =
      DecodeFileHeader(bytes, FileKind::kTable, source_.path, /*for_writing=*/false);
  if (header.ok()) {
    source_.id = header->id;
    source_.writer = header->writer;
    if (meta == nullptr || meta->id == source_.id) return Status::Ok();
    return TableDamage(source_.path, 24,
                       "is table " + source_.id.ToString() + ", expected " + meta->id.ToString());
  }
  if (header.status().Is(StatusCode::kNotSupported)) return header.status();
  AddPartLoss({0, bytes.size()}, "the header is damaged");
  if (meta != nullptr) {
    source_.id = meta->id;
    return Status::Ok();
  }
  if (file_bytes_ < kTableBytesMin) return header.status();
  std::string footer(kFooterBytes, '\0');
  RETURN_IF_ERROR(ReadExactly(source_, file_bytes_ - kFooterBytes, kFooterBytes, footer.data()));
  const Id128 id = {LoadFixed<uint64_t>(footer.data() + kFooterIdOffset),
                    LoadFixed<uint64_t>(footer.data() + kFooterIdOffset + 8)};
  if (!DecodeFooter(footer, id, file_bytes_, source_.path, source_.writer).ok())
    return header.status();
  source_.id = id;
  return Status::Ok();
}

// Footer, properties, filter, index: as much of them as can be read.
Status DamagedTable::ReadParts() {
  data_end_ = file_bytes_;
  Result<Footer> footer = TableDamage(source_.path, file_bytes_, "too short for a table");
  if (file_bytes_ >= kTableBytesMin) {
    std::string bytes(kFooterBytes, '\0');
    RETURN_IF_ERROR(ReadExactly(source_, file_bytes_ - kFooterBytes, kFooterBytes, bytes.data()));
    footer = DecodeFooter(bytes, source_.id, file_bytes_, source_.path, source_.writer);
    if (!footer.ok() && !IsDamage(footer.status())) return footer.status();
  }
  if (!footer.ok()) {
    const uint64_t at = file_bytes_ - std::min<uint64_t>(file_bytes_, kFooterBytes);
    AddPartLoss({at, file_bytes_ - at}, WithoutPlace(source_.path, footer.status()));
    if (may_have_ranges_) LoseRangeDeletes({at, file_bytes_ - at}, "where they lie is not known");
    scan_.emplace(&source_, position_, data_end_);
    return Status::Ok();
  }
  has_footer_ = true;
  data_end_ = footer->filter.size != 0 ? footer->filter.offset : footer->index.offset;
  const Result<BlockRef> properties = ReadBlock(source_, footer->properties, BlockUse::kBytes);
  if (properties.ok() && DecodeTableProperties(BlockPayload(*properties->get()), &properties_)) {
    has_properties_ = true;
    smallest_ = properties_.smallest_key;
    largest_ = properties_.largest_key;
  } else {
    if (!properties.ok() && !IsDamage(properties.status())) return properties.status();
    AddPartLoss(footer->properties, "the properties are damaged");
  }
  RETURN_IF_ERROR(CheckFilter(footer->filter));
  RETURN_IF_ERROR(ReadRangeDeletes(footer->range_deletes));
  return ReadIndex(footer->index, data_end_);
}

Status DamagedTable::CheckFilter(const BlockHandle& handle) {
  if (handle.size == 0) return Status::Ok();
  std::string bytes(handle.size, '\0');
  RETURN_IF_ERROR(ReadExactly(source_, handle.offset, bytes.size(), bytes.data()));
  if (!CheckBlockTrailer(source_, handle.offset, bytes).ok()) {
    AddPartLoss(handle, "the filter is damaged");
  }
  return Status::Ok();
}

Status DamagedTable::ReadRangeDeletes(const BlockHandle& handle) {
  if (handle.size == 0) return Status::Ok();
  const Result<BlockRef> block = ReadBlock(source_, handle, BlockUse::kRanges);
  if (!block.ok() && !IsDamage(block.status())) return block.status();
  Result<RangeFragmentsPtr> fragments =
      block.ok() ? DecodeRangeBlock(source_, handle.offset, *block) : block.status();
  if (fragments.ok()) {
    range_deletes_ = std::move(*fragments);
  } else {
    LoseRangeDeletes(handle, WithoutPlace(source_.path, fragments.status()));
  }
  return Status::Ok();
}

// Entries of older tables are back then, of any key of this one; the properties only know those of
// its entries.
void DamagedTable::LoseRangeDeletes(const BlockHandle& part, std::string what) {
  AddPartLoss(part, "range deletes: " + std::move(what) + "; what they deleted may be back");
  losses_.back().entries_lost = true;
  losses_.back().of_ranges = true;
  losses_.back().first_key = first_range_key_;
  losses_.back().last_key = last_range_key_;
}

Status DamagedTable::ReadIndex(const BlockHandle& handle, uint64_t data_end) {
  Result<BlockRef> block = ReadBlock(source_, handle, BlockUse::kIndex);
  if (!block.ok() && !IsDamage(block.status())) return block.status();
  bool good = block.ok();
  if (good) {
    index_block_ = std::move(*block);
    index_ = Block(BlockPayload(*index_block_.get()));
    uint64_t end = kFileHeaderBytes;
    for (uint32_t i = 0; good && i < index_.count(); ++i) {
      BlockHandle named;
      good = DecodeBlockHandle(index_.entry(i).value(), &named) && named.offset == end &&
             named.size > kBlockTrailerBytes && named.size <= data_end - end;
      end = named.end();
    }
    good = good && end == data_end;
  }
  has_index_ = good;
  if (good) return Status::Ok();
  AddPartLoss(handle, "the index is damaged; blocks are looked for one by one");
  scan_.emplace(&source_, position_, data_end);
  return Status::Ok();
}

void DamagedTable::AddPartLoss(const BlockHandle& part, std::string what) {
  TableLoss loss;
  loss.offset = part.offset;
  loss.end = part.end();
  loss.what = std::move(what);
  loss.entries_lost = false;
  losses_.push_back(std::move(loss));
}

void DamagedTable::BeginLoss(uint64_t offset, uint64_t end, std::string what) {
  if (open_loss_) {
    open_loss_->end = end;
    return;
  }
  TableLoss loss;
  loss.offset = offset;
  loss.end = end;
  loss.what = std::move(what);
  loss.first_key = has_last_ ? std::optional<std::string>(last_key_) : smallest_;
  open_loss_ = std::move(loss);
}

void DamagedTable::EndLoss(std::optional<std::string> last_key) {
  if (!open_loss_) return;
  open_loss_->last_key = std::move(last_key);
  losses_.push_back(std::move(*open_loss_));
  open_loss_.reset();
}

Result<std::optional<BlockHandle>> DamagedTable::NextHandle() {
  if (!has_index_) return scan_->Next();
  if (next_in_index_ == index_.count()) return std::optional<BlockHandle>();
  BlockHandle handle;
  DecodeBlockHandle(index_.entry(next_in_index_++).value(), &handle);  // ReadIndex saw it
  return std::optional<BlockHandle>(handle);
}

// Where the last block ends, now that there are no more. Of a file without a footer that is known
// only where filter or index follow; else it was cut, perhaps between two blocks.
uint64_t DamagedTable::DataEnd() {
  if (has_footer_) return data_end_;
  if (scan_->data_end()) return *scan_->data_end();
  BeginLoss(std::min(position_, file_bytes_), file_bytes_,
            "the file ends within its blocks, or behind one");
  return position_;
}

bool DamagedTable::LoadBlock() {
  for (;;) {
    Result<std::optional<BlockHandle>> handle = NextHandle();
    if (!handle.ok()) return Stop(handle.status());
    const uint64_t begin = handle->has_value() ? (*handle)->offset : DataEnd();
    // A scan passes over what is damaged.
    if (begin > position_) BeginLoss(position_, begin, "no block that can be read");
    bytes_read_ += begin - std::min(begin, position_);
    position_ = std::max(position_, begin);
    if (!handle->has_value()) return false;
    Result<BlockRef> block = ReadBlock(source_, **handle, BlockUse::kData);
    bytes_read_ += (*handle)->size;
    position_ = (*handle)->end();
    if (block.ok()) {
      block_ref_ = std::move(*block);
      block_ = Block(BlockPayload(*block_ref_.get()));
      key_.assign(block_.key_bytes_max() + kBlockSlackBytes + kHeadBytes, '\0');
      block_.prefix().copy(key_.data(), key_.size());
      at_ = 0;
      return true;
    }
    if (!IsDamage(block.status())) return Stop(block.status());
    BeginLoss((*handle)->offset, position_, WithoutPlace(source_.path, block.status()));
  }
}

void DamagedTable::SetEntry() {
  const BlockEntry entry = block_.entry(at_);
  entry_.key = {key_.data(), block_.CompleteKey(at_, entry, key_.data())};
  entry_.trailer = position_override_ == 0
                       ? entry.trailer
                       : PackTrailer(position_override_, TrailerKind(entry.trailer));
  entry_.value = entry.value();
}

bool DamagedTable::Next() {
  if (!status_.ok()) return false;
  for (;;) {
    if (in_block_ && ++at_ == block_.count()) in_block_ = false;
    if (!in_block_) {
      if (!LoadBlock()) {
        if (status_.ok()) EndLoss(largest_);
        return false;
      }
      in_block_ = true;
    }
    SetEntry();
    const bool in_order =
        !has_last_ || CompareInternal(last_key_, last_trailer_, entry_.key, entry_.trailer) < 0;
    if (!in_order) {  // a good checksum over bytes that make no sense: the block is left out
      BeginLoss(position_, position_, "entries out of order");
      in_block_ = false;
      continue;
    }
    EndLoss(std::string(entry_.key));
    last_key_.assign(entry_.key);
    last_trailer_ = entry_.trailer;
    has_last_ = true;
    return true;
  }
}

}  // namespace logwood
