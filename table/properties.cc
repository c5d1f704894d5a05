#include "table/properties.h"

#include <algorithm>
#include <array>

#include "table/table_meta.h"
#include "util/coding.h"
#include "util/internal_key.h"

namespace logwood {

namespace {

// Stored on disk: never renumber.
enum Tag : uint64_t {
  kEntries = 1,
  kTombstones = 2,
  kRawKeyBytes = 3,
  kRawValueBytes = 4,
  kDataBlocks = 5,
  kDataBytes = 6,
  kUncompressedDataBytes = 7,
  kFilterBytes = 8,
  kIndexBytes = 9,
  kMinPosition = 10,
  kMaxPosition = 11,
  kBlockBytes = 12,
  kFilterBitsPerKey = 13,
  kSmallestKey = 14,
  kLargestKey = 15,
  kKeyspaceEntries = 16,
  kCompression = 17,
  kWrittenBy = 18,
  kRangeDeletes = 19,  // absent: none
  kExpiry = 20,        // absent: nothing expires
};
constexpr uint64_t kTagMax = kExpiry;
constexpr uint64_t kRequiredTags = (uint64_t{1} << kKeyspaceEntries) - 2;  // 1 to 15

struct NumberField {
  Tag tag;
  uint64_t TableProperties::*field;
};
constexpr std::array<NumberField, 11> kNumbers = {{
    {kEntries, &TableProperties::entries},
    {kTombstones, &TableProperties::tombstones},
    {kRawKeyBytes, &TableProperties::raw_key_bytes},
    {kRawValueBytes, &TableProperties::raw_value_bytes},
    {kDataBlocks, &TableProperties::data_blocks},
    {kDataBytes, &TableProperties::data_bytes},
    {kUncompressedDataBytes, &TableProperties::uncompressed_data_bytes},
    {kFilterBytes, &TableProperties::filter_bytes},
    {kIndexBytes, &TableProperties::index_bytes},
    {kMinPosition, &TableProperties::min_position},
    {kMaxPosition, &TableProperties::max_position},
}};

void PutBytes(std::string* to, Tag tag, std::string_view bytes) {
  PutVarint(to, tag);
  PutLengthPrefixed(to, bytes);
}

void PutNumber(std::string* to, Tag tag, uint64_t number) {
  std::string bytes;
  PutVarint(&bytes, number);
  PutBytes(to, tag, bytes);
}

bool TakeNumber(std::string_view bytes, uint64_t* number) {
  Decoder from(bytes);
  *number = from.Varint64();
  return from.ok() && from.empty();
}

bool TakeNumber32(std::string_view bytes, uint32_t* number) {
  uint64_t wide = 0;
  if (!TakeNumber(bytes, &wide) || wide > ~uint32_t{0}) return false;
  *number = static_cast<uint32_t>(wide);
  return true;
}

bool TakeKeyspaces(std::string_view bytes, std::map<uint32_t, uint64_t>* keyspaces) {
  Decoder from(bytes);
  while (from.ok() && !from.empty()) {
    const uint32_t number = from.Varint32();
    (*keyspaces)[number] = from.Varint64();
  }
  return from.ok();
}

bool TakeField(uint64_t tag, std::string_view bytes, TableProperties* properties) {
  for (const NumberField& number : kNumbers) {
    if (number.tag == tag) return TakeNumber(bytes, &(properties->*number.field));
  }
  switch (tag) {
    case kBlockBytes:
      return TakeNumber32(bytes, &properties->block_bytes);
    case kFilterBitsPerKey:
      return TakeNumber32(bytes, &properties->filter_bits_per_key);
    case kSmallestKey:
      properties->smallest_key = bytes;
      return bytes.size() <= kStoredKeyBytesMax;
    case kLargestKey:
      properties->largest_key = bytes;
      return bytes.size() <= kStoredKeyBytesMax;
    case kKeyspaceEntries:
      return TakeKeyspaces(bytes, &properties->keyspace_entries);
    case kCompression:
      properties->compression = bytes;
      return true;
    case kWrittenBy:
      properties->written_by = bytes;
      return true;
    case kRangeDeletes:
      return TakeNumber(bytes, &properties->range_deletes);
    case kExpiry:
      return DecodeExpiry(bytes, &properties->expiry);
    default:
      return true;  // a newer writer's
  }
}

}  // namespace

void EncodeTableProperties(const TableProperties& properties, std::string* to) {
  for (const NumberField& number : kNumbers) PutNumber(to, number.tag, properties.*number.field);
  PutNumber(to, kBlockBytes, properties.block_bytes);
  PutNumber(to, kFilterBitsPerKey, properties.filter_bits_per_key);
  PutBytes(to, kSmallestKey, properties.smallest_key);
  PutBytes(to, kLargestKey, properties.largest_key);
  std::string keyspaces;
  for (const auto& [number, entries] : properties.keyspace_entries) {
    PutVarint(&keyspaces, number);
    PutVarint(&keyspaces, entries);
  }
  PutBytes(to, kKeyspaceEntries, keyspaces);
  PutBytes(to, kCompression, properties.compression);
  PutBytes(to, kWrittenBy, properties.written_by);
  if (properties.range_deletes != 0) PutNumber(to, kRangeDeletes, properties.range_deletes);
  if (properties.expiry.entries != 0) {
    std::string expiry;
    EncodeExpiry(properties.expiry, &expiry);
    PutBytes(to, kExpiry, expiry);
  }
}

bool DecodeTableProperties(std::string_view bytes, TableProperties* properties) {
  *properties = {};
  Decoder from(bytes);
  uint64_t seen = 0;
  while (from.ok() && !from.empty()) {
    const uint64_t tag = from.Varint64();
    const std::string_view field = from.LengthPrefixed();
    if (!from.ok() || !TakeField(tag, field, properties)) return false;
    if (tag <= kTagMax) seen |= uint64_t{1} << tag;
  }
  return from.ok() && (seen & kRequiredTags) == kRequiredTags &&
         properties->smallest_key <= properties->largest_key &&
         properties->min_position <= properties->max_position &&
         properties->max_position <= kPositionMax && properties->entries != 0;
}

std::string TableBegin(const TableProperties& properties, const RangeFragments* ranges) {
  if (ranges == nullptr) return properties.smallest_key;
  return std::string(std::min<std::string_view>(properties.smallest_key, ranges->begin()));
}

std::string TableEnd(const TableProperties& properties, const RangeFragments* ranges) {
  std::string end = properties.largest_key + '\0';
  if (ranges == nullptr || ranges->end() < end) return end;
  return std::string(ranges->end());
}

}  // namespace logwood
