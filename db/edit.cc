#include "db/edit.h"

#include "compaction/level_shape.h"
#include "util/coding.h"
#include "util/expiring_value.h"

namespace logwood {

namespace {

// Stored on disk: never renumber. Even tags may be ignored by a reader that does not know them.
enum Tag : uint64_t {
  kHistoryId = 1,
  kInstanceId = 3,
  kEpoch = 5,
  kSettings = 7,
  kNextFileNumber = 9,
  kTables = 11,
  kFirstSegment = 13,
  kAdded = 15,
  kRemoved = 17,
  kCleanClose = 19,
  kDurable = 21,
  kDurableSegment = 23,
  kAddedWithRanges = 25,  // as kAdded, the number of range deletes before it
  kExpiry = 26,           // of the table added last
  kExpired = 28,
};

void PutField(std::string* to, Tag tag, std::string_view body) {
  PutVarint(to, tag);
  PutLengthPrefixed(to, body);
}

std::string EncodeId(const Id128& id) {
  std::string body;
  PutFixed64(&body, id.high);
  PutFixed64(&body, id.low);
  return body;
}

template <typename... Ints>
std::string EncodeVarints(Ints... values) {
  std::string body;
  (PutVarint(&body, values), ...);
  return body;
}

Id128 DecodeId(Decoder* in) {
  Id128 id;
  id.high = in->Fixed64();
  id.low = in->Fixed64();
  return id;
}

bool DecodeAdded(Decoder* in, Edit* edit) {
  uint64_t level = in->Varint64();
  TableMeta meta;
  if (!in->ok() || level >= static_cast<uint64_t>(kLevels)) return false;
  if (!DecodeTableMeta(in->Bytes(in->remaining()), &meta)) return false;
  edit->added.emplace_back(static_cast<int>(level), std::move(meta));
  return true;
}

bool DecodeAddedWithRanges(Decoder* in, Edit* edit) {
  const uint64_t range_deletes = in->Varint64();
  if (!in->ok() || range_deletes == 0 || !DecodeAdded(in, edit)) return false;
  TableMeta& meta = edit->added.back().second;
  meta.range_deletes = range_deletes;
  // What a position for all entries would mean for them nobody has said.
  return meta.position_override == 0;
}

bool DecodeExpiryOfAdded(Decoder* in, Edit* edit) {
  if (edit->added.empty()) return false;
  TableMeta& meta = edit->added.back().second;
  return DecodeExpiry(in->Bytes(in->remaining()), &meta.expiry) &&
         meta.expiry.entries <= meta.entries;
}

bool DecodeRemoved(Decoder* in, Edit* edit) {
  uint64_t level = in->Varint64();
  uint64_t number = in->Varint64();
  if (level >= static_cast<uint64_t>(kLevels)) return false;
  edit->removed.emplace_back(static_cast<int>(level), number);
  return true;
}

// Fields are read in the order of the members; braces fix the order of evaluation.
bool DecodeField(uint64_t tag, Decoder* in, Edit* edit) {
  switch (tag) {
    case kHistoryId:
      edit->history_id = DecodeId(in);
      return true;
    case kInstanceId:
      edit->instance_id = DecodeId(in);
      return true;
    case kEpoch:
      edit->epochs.push_back(Epoch{in->Varint64(), in->Fixed64(), in->Varint64()});
      return true;
    case kSettings:
      edit->settings = std::string(in->Bytes(in->remaining()));
      return true;
    case kNextFileNumber:
      edit->next_file_number = in->Varint64();
      return true;
    case kTables:
      edit->tables = TablesState{in->Varint64(), in->Varint64(), in->Fixed64()};
      return edit->tables->time_us <= kRecordTimeMaxUs;
    case kFirstSegment:
      edit->first_segment = in->Varint64();
      return true;
    case kAdded:
      return DecodeAdded(in, edit);
    case kRemoved:
      return DecodeRemoved(in, edit);
    case kCleanClose:
      edit->clean_close = LogEnd{in->Varint64(), in->Varint64(), in->Varint64()};
      return true;
    case kDurable:
      edit->durable = in->Varint64();
      return true;
    case kAddedWithRanges:
      return DecodeAddedWithRanges(in, edit);
    case kDurableSegment:
      edit->durable_segment = in->Varint64();
      return true;
    case kExpiry:
      return DecodeExpiryOfAdded(in, edit);
    case kExpired:
      edit->expired_us = in->Varint64();
      return *edit->expired_us <= kRecordTimeMaxUs;
    default:
      in->Bytes(in->remaining());
      return tag % 2 == 0;
  }
}

}  // namespace

std::string Edit::Encode() const {
  std::string to;
  if (history_id) PutField(&to, kHistoryId, EncodeId(*history_id));
  if (instance_id) PutField(&to, kInstanceId, EncodeId(*instance_id));
  for (const Epoch& epoch : epochs) {
    std::string body = EncodeVarints(epoch.number);
    PutFixed64(&body, epoch.tag);
    PutVarint(&body, epoch.first_position);
    PutField(&to, kEpoch, body);
  }
  if (settings) PutField(&to, kSettings, *settings);
  if (next_file_number) PutField(&to, kNextFileNumber, EncodeVarints(*next_file_number));
  if (tables) {
    std::string body = EncodeVarints(tables->position, tables->time_us);
    PutFixed64(&body, tables->history_hash);
    PutField(&to, kTables, body);
  }
  if (first_segment) PutField(&to, kFirstSegment, EncodeVarints(*first_segment));
  for (const auto& [level, meta] : added) {
    std::string body;
    if (meta.range_deletes != 0) PutVarint(&body, meta.range_deletes);
    PutVarint(&body, static_cast<uint64_t>(level));
    EncodeTableMeta(meta, &body);
    PutField(&to, meta.range_deletes == 0 ? kAdded : kAddedWithRanges, body);
    if (meta.expiry.entries != 0) {
      body.clear();
      EncodeExpiry(meta.expiry, &body);
      PutField(&to, kExpiry, body);
    }
  }
  for (const auto& [level, number] : removed) {
    PutField(&to, kRemoved, EncodeVarints(static_cast<uint64_t>(level), number));
  }
  if (clean_close) {
    PutField(&to, kCleanClose,
             EncodeVarints(clean_close->segment, clean_close->length, clean_close->last_position));
  }
  if (durable) PutField(&to, kDurable, EncodeVarints(*durable));
  if (durable_segment) PutField(&to, kDurableSegment, EncodeVarints(*durable_segment));
  if (expired_us) PutField(&to, kExpired, EncodeVarints(*expired_us));
  return to;
}

Result<Edit> Edit::Decode(std::string_view bytes) {
  Edit edit;
  Decoder in(bytes);
  while (!in.empty()) {
    uint64_t tag = in.Varint64();
    Decoder body(in.LengthPrefixed());
    if (!in.ok()) return Status::Corruption("edit: a field is cut off");
    if (tag % 2 == 1 && tag > kAddedWithRanges) {
      return Status::NotSupported("edit: field " + std::to_string(tag) +
                                  " is not known to this version");
    }
    if (!DecodeField(tag, &body, &edit) || !body.ok() || !body.empty()) {
      return Status::Corruption("edit: field " + std::to_string(tag) + " cannot be read");
    }
  }
  return edit;
}

}  // namespace logwood
