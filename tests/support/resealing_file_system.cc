#include "tests/support/resealing_file_system.h"

#include <algorithm>
#include <cstring>

#include "util/coding.h"
#include "util/status_macros.h"
#include "wal/log_format.h"
#include "wal/record_codec.h"

namespace logwood::test {

namespace {

// A file as it was when it was opened.
class Copy final : public RandomAccessFile {
 public:
  explicit Copy(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t count = std::min<size_t>(size, bytes_.size() - offset);
    std::memcpy(buffer, bytes_.data() + offset, count);
    return count;
  }
  Result<uint64_t> Size() const override { return bytes_.size(); }
  void Advise(Access) const override {}

 private:
  const std::string bytes_;
};

// The fields of a frame, believed.
std::optional<CommitRecord> Parse(std::string_view frame, const FrameContext& context) {
  Decoder in(frame.substr(kFrameHeadBytes));
  CommitRecord record;
  in.Fixed64();
  record.position = context.first_position + in.Varint64();
  record.time_us = context.first_time_us + in.Varint64();
  const uint64_t durable_delta = in.Varint64();
  record.flags = in.Varint32();
  record.operation_count = in.Varint32();
  const uint32_t note_bytes = in.Varint32();
  if (!in.ok() || note_bytes > in.remaining()) return std::nullopt;
  if (durable_delta == 0 || durable_delta > record.position) return std::nullopt;
  record.durable = record.position - durable_delta;
  record.note = in.Bytes(note_bytes);
  record.operations = in.rest();
  return record;
}

void Reseal(std::string* file, bool spoils) {
  auto header = DecodeSegmentHeader(std::string_view(*file).substr(0, kSlotAOffset), "");
  if (!header.ok()) return;
  const FrameContext context = {header->header.file_id, header->header.first_position,
                                header->header.first_time_us};
  uint64_t history_hash = header->header.history_hash;
  uint64_t offset = header->records_offset();
  while (offset + kFrameBytesMin <= file->size()) {
    const uint64_t length = LoadFixed<uint32_t>(file->data() + offset);
    const uint64_t size = kFrameHeadBytes + length;
    if (length == 0 || size > file->size() - offset) return;
    std::string frame = file->substr(offset, size);
    auto record = Parse(frame, context);
    if (!record) return;
    if (spoils && (record->flags & kFlagTrailer) == 0) frame.back() ^= 1;
    std::string sealed(size + kFrameOverheadBytesMax, '\0');
    const char* end = EncodeFrame(sealed.data(), context, offset, history_hash, &*record);
    if (end != sealed.data() + size) return;
    history_hash = record->history_hash;
    file->replace(offset, size, sealed, 0, size);
    offset += size;
  }
}

}  // namespace

Result<std::unique_ptr<RandomAccessFile>> ResealingFileSystem::OpenRandomAccess(
    const std::string& path) {
  ASSIGN_OR_RETURN(auto file, base()->OpenRandomAccess(path));
  if (!path.ends_with(".log")) return file;
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t got, file->Read(0, size, bytes.data()));
  bytes.resize(got);
  Reseal(&bytes, spoils_);
  return std::make_unique<Copy>(std::move(bytes));
}

}  // namespace logwood::test
