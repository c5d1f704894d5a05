#include "wal/segment_writer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "util/byte_buffer.h"
#include "util/check.h"
#include "util/random.h"
#include "util/status_macros.h"
#include "wal/record_codec.h"

namespace logwood {
namespace {

// The pending group's memory is kept between groups up to this size: one of the write queue's.
constexpr size_t kGroupBytesKeptMax = (1 << 20) + (64 << 10);

void AppendFrame(ByteBuffer* group, const FrameContext& context, uint64_t offset,
                 uint64_t previous_hash, CommitRecord* record) {
  char* to =
      group->Extend(kFrameOverheadBytesMax + record->note.size() + record->operations.size());
  const char* end = EncodeFrame(to, context, offset, previous_hash, record);
  group->Truncate(static_cast<size_t>(end - group->data()));
}

// Where the log stands behind a record.
struct Mark {
  LogPos position = 0;
  uint64_t time_us = 0;
  uint64_t history_hash = 0;
};

Status CheckNoSegment(FileSystem* fs, const std::string& path, uint64_t bytes) {
  Result<bool> exists = fs->Exists(path);
  if (!exists.ok()) return exists.status();
  if (!*exists) return Status::Ok();
  ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
  std::string found(bytes, '\0');
  ASSIGN_OR_RETURN(size_t size, file->Read(0, found.size(), found.data()));
  if (found.find_first_not_of('\0') < size) {
    return Status::AlreadyExists(path + ": holds data, a new log segment cannot go there");
  }
  return Status::Ok();
}

}  // namespace

struct SegmentWriter::State {
  SegmentHeader header;
  FrameContext context;
  std::string path;
  std::unique_ptr<LogFile> file;

  // The writing thread's own.
  ByteBuffer group;
  Mark stored;                    // behind the last stored record
  Mark pending;                   // behind the last added one
  std::vector<IndexEntry> index;  // of added records, sparse
  size_t index_stored = 0;        // how many of them are of stored records
  LogPos durable = 0;             // the newest any added record told
  bool may_have_room = true;      // something was reserved since the last GiveBackRoom

  // The syncing thread's own.
  LogPos durable_marked = 0;
  bool next_is_slot_b = false;

  // Written by the writing thread, read by any: what a Sync that begins now will cover. The release
  // pairs with the acquire in the getters; last_position is written last.
  std::atomic<uint64_t> length{0};
  std::atomic<uint64_t> history_hash{0};
  std::atomic<uint64_t> last_time_us{0};
  std::atomic<LogPos> last_position{0};
  std::atomic<bool> broken{false};
  std::atomic<bool> sealed{false};

  void Publish(uint64_t new_length) {
    length.store(new_length, std::memory_order_release);
    history_hash.store(stored.history_hash, std::memory_order_release);
    last_time_us.store(stored.time_us, std::memory_order_release);
    last_position.store(stored.position, std::memory_order_release);
  }
  void NoteIndex(LogPos position, uint64_t offset);
  Status StoreAt(uint64_t offset, std::string_view bytes);
  void RestoreEnd(uint64_t end, uint64_t bytes);
};

void SegmentWriter::State::NoteIndex(LogPos position, uint64_t offset) {
  if (!index.empty() && offset - index.back().offset < kSparseIndexBytes) [[likely]]
    return;
  index.push_back({position, offset});
}

Status SegmentWriter::State::StoreAt(uint64_t offset, std::string_view bytes) {
  if (broken.load(std::memory_order_relaxed)) {
    return Status::IoError(path + ": an earlier store failed, the segment takes no more");
  }
  Status status = file->Reserve(offset + bytes.size());
  if (!status.ok()) return status;  // nothing was stored
  may_have_room = true;
  status = file->Store(offset, bytes);
  if (!status.ok()) RestoreEnd(offset, bytes.size());
  return status;
}

// What the failed store left behind `end` must never pass for records: a group stored there later
// may end where an old record begins.
void SegmentWriter::State::RestoreEnd(uint64_t end, uint64_t bytes) {
  if (file->Truncate(end).ok()) return;
  if (file->Store(end, std::string(bytes, '\0')).ok()) return;
  broken.store(true, std::memory_order_release);
}

SegmentWriter::SegmentWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SegmentWriter::~SegmentWriter() = default;

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(FileSystem* fs,
                                                             const std::string& path,
                                                             const SegmentHeader& header) {
  auto state = std::make_unique<State>();
  state->header = header;
  state->path = path;
  if (header.file_id == Id128{}) state->header.file_id = NewId();
  state->context = {state->header.file_id, header.first_position, header.first_time_us};
  std::string bytes = EncodeSegmentHeader(state->header);
  RETURN_IF_ERROR(CheckNoSegment(fs, path, bytes.size()));
  ASSIGN_OR_RETURN(state->file, fs->OpenLogFile(path));
  Status status = state->file->Reserve(bytes.size());
  if (status.ok()) status = state->file->Store(0, bytes);
  if (!status.ok()) {
    // Best effort: the caller learns the first failure; a leftover is no valid segment.
    (void)state->file->Close();
    (void)fs->Remove(path);
    return status;
  }
  state->stored = {header.first_position - 1, header.first_time_us, header.history_hash};
  state->pending = state->stored;
  state->durable = header.durable;
  state->durable_marked = header.durable;
  state->Publish(bytes.size());
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(state)));
}

void SegmentWriter::Add(CommitRecord* record) {
  State& s = *state_;
  CHECK(!s.sealed.load(std::memory_order_relaxed));
  CHECK(record->position == s.pending.position + 1);
  CHECK(record->time_us >= s.pending.time_us);
  CHECK((record->flags & ~(kFlagsKnown & ~kFlagTrailer)) == 0);
  CHECK(record->note.size() <= kNoteBytesMax && record->operations.size() <= kBatchBytesMax);
  uint64_t offset = s.length.load(std::memory_order_relaxed) + s.group.size();
  AppendFrame(&s.group, s.context, offset, s.pending.history_hash, record);
  s.NoteIndex(record->position, offset);
  s.pending = {record->position, record->time_us, record->history_hash};
  s.durable = std::max(s.durable, record->durable);
}

Status SegmentWriter::Store() {
  State& s = *state_;
  if (s.group.empty()) return Status::Ok();
  uint64_t begin = s.length.load(std::memory_order_relaxed);
  Status status = s.StoreAt(begin, s.group.view());
  if (status.ok()) [[likely]] {
    s.stored = s.pending;
    s.index_stored = s.index.size();
    s.Publish(begin + s.group.size());
    s.group.Clear(kGroupBytesKeptMax);
  } else {
    Discard();
  }
  return status;
}

void SegmentWriter::Discard() {
  State& s = *state_;
  s.pending = s.stored;
  s.index.resize(s.index_stored);
  s.group.Clear(kGroupBytesKeptMax);
}

Status SegmentWriter::Sync() { return state_->file->Sync(); }

Status SegmentWriter::MarkDurable(LogPos position) {
  State& s = *state_;
  if (position <= s.durable_marked) return Status::Ok();
  if (s.broken.load(std::memory_order_acquire)) {
    return Status::IoError(s.path + ": an earlier store failed, the segment takes no more");
  }
  uint64_t offset = s.next_is_slot_b ? kSlotBOffset : kSlotAOffset;
  DurableSlot slot = {s.header.file_id, s.header.instance_id, s.header.number,
                      s.header.first_position, position};
  // A failed store may have torn this slot; the other one still stands, so the next try goes here.
  RETURN_IF_ERROR(s.file->Store(offset, EncodeSlot(slot, offset)));
  s.next_is_slot_b = !s.next_is_slot_b;
  s.durable_marked = position;
  return Status::Ok();
}

Status SegmentWriter::Seal() {
  State& s = *state_;
  if (s.sealed.load(std::memory_order_relaxed)) return Status::Ok();
  CHECK(s.group.empty());
  uint64_t begin = s.length.load(std::memory_order_relaxed);
  SegmentTrailer trailer;
  trailer.records = s.stored.position - (s.header.first_position - 1);
  trailer.last_position = s.stored.position;
  trailer.last_time_us = s.stored.time_us;
  trailer.index = s.index;
  std::string operations = EncodeTrailer(trailer, begin);
  CommitRecord frame;
  frame.position = s.stored.position + 1;
  frame.time_us = s.stored.time_us;
  frame.durable = s.durable;
  frame.flags = kFlagTrailer;
  frame.operations = operations;
  AppendFrame(&s.group, s.context, begin, s.stored.history_hash, &frame);
  Status status = s.StoreAt(begin, s.group.view());
  uint64_t end = begin + s.group.size();
  s.group.Clear(kGroupBytesKeptMax);
  RETURN_IF_ERROR(status);
  s.Publish(end);
  s.sealed.store(true, std::memory_order_release);
  return Status::Ok();
}

// A loss of power may leave the file as long as it was: zeros, as from any reservation.
void SegmentWriter::GiveBackRoom() {
  State& s = *state_;
  if (!s.may_have_room) return;
  s.may_have_room = !s.file->Truncate(s.length.load(std::memory_order_relaxed)).ok();
}

Status SegmentWriter::Close() { return state_->file->Close(); }

const SegmentHeader& SegmentWriter::header() const { return state_->header; }
bool SegmentWriter::broken() const { return state_->broken.load(std::memory_order_acquire); }
bool SegmentWriter::sealed() const { return state_->sealed.load(std::memory_order_acquire); }
uint64_t SegmentWriter::length() const { return state_->length.load(std::memory_order_acquire); }
LogPos SegmentWriter::last_position() const {
  return state_->last_position.load(std::memory_order_acquire);
}
uint64_t SegmentWriter::history_hash() const {
  return state_->history_hash.load(std::memory_order_acquire);
}
uint64_t SegmentWriter::last_time_us() const {
  return state_->last_time_us.load(std::memory_order_acquire);
}

}  // namespace logwood
