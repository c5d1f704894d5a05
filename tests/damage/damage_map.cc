#include "tests/damage/damage_map.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "db/file_names.h"
#include "db/manifest.h"
#include "table/block.h"
#include "table/block_io.h"
#include "table/format.h"
#include "table/table_reader.h"
#include "tests/support/option_sets.h"
#include "util/file_header.h"
#include "util/internal_key.h"
#include "util/status_macros.h"
#include "wal/segment_probe.h"
#include "wal/segment_reader.h"

namespace logwood::test {

namespace {

constexpr char kMapPath[] = "/db";

std::string PathOf(const std::string& name) { return std::string(kMapPath) + "/" + name; }

StoredPlace PlaceOf(std::string_view stored) {
  uint32_t keyspace = 0;
  std::string_view key;
  if (!SplitStoredKey(stored, &keyspace, &key)) std::abort();
  return {keyspace, std::string(key)};
}

}  // namespace

DamageMap::DamageMap(const DamageShape& shape) : shape_(shape) {
  const Place place;
  Status status = WriteDirectory(place.files(), kMapPath, shape.files);
  for (const auto& [name, bytes] : shape.files) {
    AddArea(name, 0);
    if (!status.ok()) break;
    if (name.ends_with(".log")) {
      if (oldest_log_.empty()) oldest_log_ = name;
      newest_log_ = name;
      status = ReadLog(place.files(), name);
    } else if (name.ends_with(".table")) {
      status = ReadTable(place.files(), name);
    } else if (name.ends_with(".manifest")) {
      status = ReadManifestOf(place.files(), name);
    } else {
      AddArea(name, kFileHeaderBytes);  // ROOT
    }
  }
  if (status.ok()) return;
  std::fprintf(stderr, "map of shape %s: %s\n", shape.name.c_str(), status.ToString().c_str());
  std::abort();
}

Status DamageMap::ReadLog(FileSystem* files, const std::string& name) {
  ASSIGN_OR_RETURN(const auto file, files->OpenRandomAccess(PathOf(name)));
  ASSIGN_OR_RETURN(const SegmentProbe probe, ProbeSegment(*file, name));
  ASSIGN_OR_RETURN(const auto reader, SegmentReader::Open(files, PathOf(name)));
  for (const uint64_t begin : {uint64_t{0}, kHeaderCopyOffset}) {
    AddArea(name, begin);
    AddArea(name, begin + kSegmentHeaderBytes);
  }
  std::vector<std::pair<uint64_t, LogPos>> marks;
  for (const auto& [slot, offset] :
       {std::pair(probe.slots[0], kSlotAOffset), std::pair(probe.slots[1], kSlotBOffset)}) {
    AddArea(name, offset);
    AddArea(name, offset + kSlotBytes);
    if (slot) marks.emplace_back(offset + kSlotBytes, slot->durable);
  }
  AddArea(name, kCatalogueOffset);
  uint64_t begin = probe.decoded.records_offset();
  head_ends_[name] = begin;
  CommitRecord record;
  auto outcome = SegmentReader::Outcome::kEnd;
  while ((outcome = reader->Next(&record)) == SegmentReader::Outcome::kRecord) {
    marks.emplace_back(reader->end_offset(), record.durable);
    records_[name][reader->end_offset()] = {begin, record.position};
    AddArea(name, begin);
    begin = reader->end_offset();
  }
  AddArea(name, begin);  // the trailer, a torn record, or what was never written
  if (outcome == SegmentReader::Outcome::kTrailer) AddArea(name, reader->end_offset());
  if (name != newest_log_) return Status::Ok();
  proven_before_newest_ = probe.header().durable;
  newest_marks_ = std::move(marks);
  return Status::Ok();
}

Status DamageMap::ReadTable(FileSystem* files, const std::string& name) {
  ASSIGN_OR_RETURN(auto file, files->OpenRandomAccess(PathOf(name)));
  ASSIGN_OR_RETURN(const auto reader,
                   TableReader::Open(std::move(file), name, nullptr, nullptr, nullptr));
  Table& table = tables_[name];
  table.smallest = PlaceOf(reader->properties().smallest_key);
  table.largest = PlaceOf(reader->properties().largest_key);
  table.newest = reader->properties().max_position;
  table.has_range_deletes = reader->properties().range_deletes != 0;
  table.is_compressed =
      reader->properties().data_bytes < reader->properties().uncompressed_data_bytes;
  RETURN_IF_ERROR(ReadBlocks(files, name, &table));
  const auto entries = reader->NewIterator({});
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    const std::string_view stored = entries->entry().key;
    table.blocks.at(reader->ApproximateOffset(stored)).insert(PlaceOf(stored));
  }
  return entries->status();
}

// As footer and index say.
Status DamageMap::ReadBlocks(FileSystem* files, const std::string& name, Table* table) {
  const std::string_view bytes = shape_.files.at(name);
  ASSIGN_OR_RETURN(const FileHeader header,
                   DecodeFileHeader(bytes.substr(0, kFileHeaderBytes), FileKind::kTable, name,
                                    /*for_writing=*/false));
  ASSIGN_OR_RETURN(const Footer footer, DecodeFooter(bytes.substr(bytes.size() - kFooterBytes),
                                                     header.id, bytes.size(), name, header.writer));
  ASSIGN_OR_RETURN(const auto file, files->OpenRandomAccess(PathOf(name)));
  const BlockSource source{file.get(), name, header.id, header.writer};
  ASSIGN_OR_RETURN(const BlockRef index_block, ReadBlock(source, footer.index, BlockUse::kIndex));
  const Block index(BlockPayload(*index_block.get()));
  for (uint32_t i = 0; i < index.count(); ++i) {
    BlockHandle handle;
    if (!DecodeBlockHandle(index.entry(i).value(), &handle)) std::abort();
    AddArea(name, handle.offset);
    table->blocks[handle.offset];
    table->data_end = handle.end();
  }
  table->data_begin = kFileHeaderBytes;
  for (const BlockHandle& part :
       {footer.filter, footer.index, footer.properties, footer.range_deletes}) {
    if (part.size != 0) AddArea(name, part.offset);
  }
  AddArea(name, bytes.size() - kFooterBytes);
  return Status::Ok();
}

Status DamageMap::ReadManifestOf(FileSystem* files, const std::string& name) {
  const uint64_t number = ParseFileName(name)->number;
  ASSIGN_OR_RETURN(const ManifestContents contents, ReadManifest(files, kMapPath, number));
  for (const uint64_t offset : contents.offsets) AddArea(name, offset);
  return Status::Ok();
}

DamageMap::Area DamageMap::AreaAt(const std::string& file, uint64_t offset) const {
  const std::set<uint64_t>& begins = begins_.at(file);
  const auto next = begins.upper_bound(offset);
  return {*std::prev(next), next == begins.end() ? ~uint64_t{0} : *next};
}

LogPos DamageMap::PositionAt(const std::string& file, uint64_t offset) const {
  const auto records = records_.find(file);
  if (records == records_.end()) return 0;
  const auto at = records->second.upper_bound(offset);  // by the record's end
  return at == records->second.end() || offset < at->second.begin ? 0 : at->second.position;
}

LogPos DamageMap::FirstPositionCut(const std::string& file, uint64_t offset) const {
  const auto records = records_.find(file);
  if (records == records_.end()) return 0;
  const auto at = records->second.upper_bound(offset);
  return at == records->second.end() ? 0 : at->second.position;
}

uint64_t DamageMap::HeadEnd(const std::string& file) const {
  const auto head = head_ends_.find(file);
  return head == head_ends_.end() ? 0 : head->second;
}

bool DamageMap::IsRecordEnd(const std::string& file, uint64_t offset) const {
  uint64_t end = HeadEnd(file);
  if (end == 0 || offset < end) return false;
  const auto records = records_.find(file);
  if (records != records_.end()) {
    const auto next = records->second.upper_bound(offset);
    if (next != records->second.begin()) end = std::prev(next)->first;
  }
  return shape_.files.at(file).substr(0, offset).find_first_not_of('\0', end) == std::string::npos;
}

std::optional<std::pair<LogPos, LogPos>> DamageMap::PositionsOf(const std::string& file) const {
  const auto records = records_.find(file);
  if (records == records_.end()) return std::nullopt;
  return std::pair(records->second.begin()->second.position,
                   records->second.rbegin()->second.position);
}

LogPos DamageMap::ProvenBefore(uint64_t offset) const {
  LogPos proven = proven_before_newest_;
  for (const auto& [end, durable] : newest_marks_) {
    if (end <= offset) proven = std::max(proven, durable);
  }
  return proven;
}

const DamageMap::Table* DamageMap::TableOf(const std::string& file) const {
  const auto table = tables_.find(file);
  return table == tables_.end() ? nullptr : &table->second;
}

}  // namespace logwood::test
