// A small log in memory for the tests of `wal`: builds segments, remembers where each byte of them
// belongs, and lets a test damage them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "util/batch_codec.h"
#include "wal/log_format.h"
#include "wal/replay.h"
#include "wal/segment_reader.h"
#include "wal/segment_writer.h"
#include "wal/segments.h"

namespace logwood {

inline constexpr Id128 kTestHistory = {0x1111111111111111, 0x2222222222222222};
inline constexpr Id128 kTestInstance = {0x3333333333333333, 0x4444444444444444};
inline constexpr uint64_t kTestTimeUs = 1'700'000'000'000'000;
inline const std::string kLogDirectory = "/db";

inline testing::AssertionResult IsOk(const Status& status) {
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status.ToString();
}
#define ASSERT_OK(expression) ASSERT_TRUE(::logwood::IsOk(expression))
#define EXPECT_OK(expression) EXPECT_TRUE(::logwood::IsOk(expression))

inline std::string LogPath(uint64_t number) { return kLogDirectory + "/" + LogFileName(number); }

// In tests a file system in memory does not fail by itself.
inline std::string ReadWhole(FileSystem* fs, const std::string& path) {
  auto file = fs->OpenRandomAccess(path);
  if (!file.ok()) return {};
  std::string bytes((*file)->Size().value(), '\0');
  bytes.resize((*file)->Read(0, bytes.size(), bytes.data()).value());
  return bytes;
}
inline void WriteWhole(FileSystem* fs, const std::string& path, std::string_view bytes) {
  auto file = fs->CreateWritable(path);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  ASSERT_OK((*file)->Append(bytes));
  ASSERT_OK((*file)->Close());
}
inline void Poke(FileSystem* fs, const std::string& path, uint64_t offset, std::string_view bytes) {
  auto file = fs->OpenLogFile(path);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  ASSERT_OK((*file)->Store(offset, bytes));
}
inline void Cut(FileSystem* fs, const std::string& path, uint64_t size) {
  auto file = fs->OpenLogFile(path);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  ASSERT_OK((*file)->Truncate(size));
}

// tests/testdata/... in the source tree.
inline std::string TestDataPath(const std::string& name) {
  return std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/" + name;
}
inline std::string ReadSourceFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}
inline bool UpdateExpected() {
  const char* update = std::getenv("LOGWOOD_UPDATE_EXPECTED");
  return update != nullptr && std::string_view(update) == "1";
}

// Where a record lies.
struct Placed {
  uint64_t segment = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
  LogPos position = 0;
  LogPos durable = 0;
  uint64_t history_hash = 0;
};

struct PlacedSegment {
  SegmentHeader header;
  uint64_t records_offset = 0;
  uint64_t trailer_begin = 0;  // 0: not sealed
  LogPos trailer_durable = 0;
  uint64_t length = 0;
  LogPos last_position = 0;
  LogPos slot_a = 0, slot_b = 0;  // 0: empty
};

class TestLog {
 public:
  TestLog() : owned_(FileSystem::InMemory()), fs_(owned_.get()) { MakeDirectory(); }
  explicit TestLog(FileSystem* fs) : fs_(fs) { MakeDirectory(); }

  FileSystem* fs() { return fs_; }
  const std::vector<Placed>& records() const { return records_; }
  std::vector<PlacedSegment>& segments() { return segments_; }
  SegmentWriter& writer() { return *writer_; }
  LogPos last_position() const { return last_position_; }
  void set_durable(LogPos durable) { durable_ = durable; }
  void set_last_position(LogPos position) { last_position_ = position; }
  void set_time(uint64_t time_us) { time_us_ = time_us; }

  SegmentHeader NextHeader(uint64_t number) const {
    SegmentHeader header;
    header.number = number;
    header.file_id = {0xabcd0000 + number, 0x9876543210 + number};
    header.history_id = kTestHistory;
    header.instance_id = kTestInstance;
    header.epoch = 1;
    header.epoch_tag = 77;
    header.first_position = last_position_ + 1;
    header.first_time_us = time_us_;
    header.history_hash = history_hash_;
    header.durable = durable_;
    header.manifest = {1, number, 100 + number};
    if (!segments_.empty()) {
      header.predecessor = cut_segment_ != 0 ? cut_segment_ : segments_.back().header.number;
      header.predecessor_length = cut_segment_ != 0 ? cut_length_ : segments_.back().length;
      header.predecessor_last_position = last_position_;
    }
    AppendOperation(&header.catalogue, EntryKind::kPut, kCatalogueKeyspace, "name", "default");
    return header;
  }
  void Begin(uint64_t number) { BeginWith(NextHeader(number)); }
  void BeginWith(const SegmentHeader& header) {
    auto writer = SegmentWriter::Create(fs_, LogPath(header.number), header);
    ASSERT_TRUE(writer.ok()) << writer.status().ToString();
    writer_ = std::move(*writer);
    PlacedSegment segment;
    segment.header = writer_->header();
    segment.records_offset = writer_->length();
    segments_.push_back(segment);
    cut_segment_ = 0;
    slot_b_is_next_ = false;
    Note();
  }
  // One record a group; `value_bytes` of value.
  void Append(size_t count = 1, size_t value_bytes = 20) {
    AppendValues(count, std::string(value_bytes, 'v'));
  }
  void AppendValues(size_t count, std::string_view value) {
    for (size_t i = 0; i < count; ++i) {
      std::string operations;
      AppendOperation(&operations, EntryKind::kPut, kDefaultKeyspace,
                      "key" + std::to_string(last_position_ + 1), value);
      AppendRecord(operations, 1);
    }
  }
  void AppendRecord(std::string_view operations, uint32_t count) {
    LogPos position = ++last_position_;
    time_us_ += 10;
    CommitRecord record;
    record.position = position;
    record.time_us = time_us_;
    record.durable = durable_;
    record.operation_count = count;
    record.operations = operations;
    uint64_t begin = writer_->length();
    writer_->Add(&record);
    ASSERT_OK(writer_->Store());
    records_.push_back({writer_->header().number, begin, writer_->length(), position, durable_,
                        record.history_hash});
    history_hash_ = record.history_hash;
    Note();
  }
  // As after a sync that covered everything.
  void MarkDurable() { MarkDurable(last_position_); }
  void MarkDurable(LogPos position) {
    durable_ = position;
    ASSERT_OK(writer_->MarkDurable(position));
    PlacedSegment& segment = segments_.back();
    (slot_b_is_next_ ? segment.slot_b : segment.slot_a) = position;
    slot_b_is_next_ = !slot_b_is_next_;
  }
  void Seal() {
    segments_.back().trailer_begin = writer_->length();
    // What the trailer records is the newest any record of the segment did.
    LogPos durable = segments_.back().header.durable;
    for (const Placed& record : records_) {
      if (record.segment == writer_->header().number) durable = std::max(durable, record.durable);
    }
    segments_.back().trailer_durable = durable;
    ASSERT_OK(writer_->Seal());
    Note();
  }

  // As a recovery that found the log's end behind `position`: what Begin makes next follows it.
  void RecoverTo(LogPos position) {
    for (const Placed& record : records_) {
      if (record.position != position) continue;
      cut_segment_ = record.segment;
      cut_length_ = record.end;
      history_hash_ = record.history_hash;
    }
    std::erase_if(records_, [&](const Placed& record) { return record.position > position; });
    last_position_ = position;
    durable_ = position;
  }

  ReplayOptions Options() const {
    ReplayOptions options;
    options.directory = kLogDirectory;
    for (const PlacedSegment& segment : segments_)
      options.segments.push_back(segment.header.number);
    options.history_id = kTestHistory;
    options.instance_id = kTestInstance;
    options.first_segment = segments_.empty() ? 0 : segments_.front().header.number;
    return options;
  }

 private:
  void MakeDirectory() { EXPECT_OK(fs_->CreateDirectory(kLogDirectory)); }
  void Note() {
    segments_.back().length = writer_->length();
    segments_.back().last_position = last_position_;
  }

  std::unique_ptr<FileSystem> owned_;
  FileSystem* fs_;
  std::unique_ptr<SegmentWriter> writer_;
  std::vector<Placed> records_;
  std::vector<PlacedSegment> segments_;
  LogPos last_position_ = 0;
  LogPos durable_ = 0;
  uint64_t time_us_ = kTestTimeUs;
  uint64_t history_hash_ = 0;
  bool slot_b_is_next_ = false;
  uint64_t cut_segment_ = 0;  // of RecoverTo; 0: none
  uint64_t cut_length_ = 0;
};

inline Status IgnoreCommit(const CommitRecord&) { return Status::Ok(); }

}  // namespace logwood
