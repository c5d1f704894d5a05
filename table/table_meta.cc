#include "table/table_meta.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "util/coding.h"
#include "util/internal_key.h"

namespace logwood {

void EncodeTableMeta(const TableMeta& meta, std::string* to) {
  PutVarint(to, meta.number);
  PutFixed64(to, meta.id.high);
  PutFixed64(to, meta.id.low);
  PutVarint(to, meta.size);
  PutFixed64(to, meta.hash);
  PutLengthPrefixed(to, meta.begin);
  PutLengthPrefixed(to, meta.end);
  PutVarint(to, meta.min_position);
  PutVarint(to, meta.max_position);
  PutVarint(to, meta.entries);
  PutVarint(to, meta.tombstones);
  PutVarint(to, meta.raw_bytes);
  PutVarint(to, meta.created_us);
  PutVarint(to, meta.position_override);
}

bool DecodeTableMeta(std::string_view bytes, TableMeta* meta) {
  Decoder from(bytes);
  meta->number = from.Varint64();
  meta->id.high = from.Fixed64();
  meta->id.low = from.Fixed64();
  meta->size = from.Varint64();
  meta->hash = from.Fixed64();
  meta->begin = from.LengthPrefixed();
  meta->end = from.LengthPrefixed();
  meta->min_position = from.Varint64();
  meta->max_position = from.Varint64();
  meta->entries = from.Varint64();
  meta->tombstones = from.Varint64();
  meta->raw_bytes = from.Varint64();
  meta->created_us = from.Varint64();
  meta->position_override = from.Varint64();
  return from.ok() && from.empty() && meta->begin < meta->end &&
         meta->begin.size() <= kStoredKeyBytesMax && meta->end.size() <= kStoredKeyBytesMax + 1 &&
         meta->min_position <= meta->max_position && meta->max_position <= kPositionMax &&
         meta->position_override <= kPositionMax && meta->tombstones <= meta->entries;
}

void EncodeExpiry(const ExpiryProfile& expiry, std::string* to) {
  PutVarint(to, expiry.entries);
  for (const uint64_t time_us : expiry.times_us) PutVarint(to, time_us);
}

bool DecodeExpiry(std::string_view bytes, ExpiryProfile* expiry) {
  Decoder from(bytes);
  expiry->entries = from.Varint64();
  for (uint64_t& time_us : expiry->times_us) time_us = from.Varint64();
  return from.ok() && from.empty() && expiry->entries != 0 &&
         std::is_sorted(expiry->times_us.begin(), expiry->times_us.end());
}

std::string TableFileName(uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "%06" PRIu64 ".table", number);
  return name;
}

}  // namespace logwood
