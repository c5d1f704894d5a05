// A database directory made file by file - tables, manifest, ROOT, log segments - for the tests of
// what reads one without opening it.
//
//   HandmadeDatabase db;
//   const TableMeta meta = db.AddTable(10, {{"a", 1, "x"}, {"b", 2, "y"}});
//   db.BeginManifest(2, edit);
//   db.BeginSegment(3, 3);
//   db.Put("c");                    // commit 3
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "db/file_names.h"
#include "db/manifest.h"
#include "table/table_builder.h"
#include "tests/db/db_test_support.h"
#include "util/batch_codec.h"
#include "wal/segment_writer.h"
#include "wal/segments.h"

namespace logwood::test {

inline std::string StoredKey(const std::string& key, uint32_t keyspace = kDefaultKeyspace) {
  return KeyspacePrefix(keyspace) + key;
}

class HandmadeDatabase {
 public:
  static constexpr char kPath[] = "db";
  static constexpr Id128 kHistory = {1, 2}, kInstance = {3, 4};
  struct Row {
    std::string key;
    LogPos position = 0;
    std::string value;
    EntryKind kind = EntryKind::kPut;
    uint32_t keyspace = kDefaultKeyspace;
  };
  struct Range {
    std::string begin, end;  // of the default keyspace
    LogPos position = 0;
  };
  struct Record {
    uint64_t segment = 0, begin = 0, end = 0;
  };

  HandmadeDatabase() { EXPECT_OK(fs()->CreateDirectory(kPath)); }
  FileSystem* fs() { return fs_.get(); }
  static std::string Path(const std::string& name) { return JoinPath(kPath, name); }

  std::string Bytes(const std::string& name) {
    auto bytes = ReadFile(fs(), Path(name));
    EXPECT_OK(bytes);
    return bytes.ok() ? *bytes : "";
  }
  void Replace(const std::string& name, const std::string& bytes) {
    ASSERT_OK(WriteFile(fs(), Path(name), bytes));
  }
  void Remove(const std::string& name) { ASSERT_OK(fs()->Remove(Path(name))); }
  void Flip(const std::string& name, uint64_t offset) {
    std::string bytes = Bytes(name);
    ASSERT_LT(offset, bytes.size());
    bytes[offset] ^= 0x10;
    Replace(name, bytes);
  }
  void Swap(const std::string& a, const std::string& b) {
    const std::string of_a = Bytes(a);
    Replace(a, Bytes(b));
    Replace(b, of_a);
  }

  // Rows in internal order, fragments of ranges. Small blocks, not compressed: a damaged byte costs
  // a few keys.
  TableMeta AddTable(uint64_t number, const std::vector<Row>& rows,
                     const std::vector<Range>& ranges = {}) {
    TableOptions options;
    options.block_bytes = 512;
    options.compression = Compression::kNone;
    auto file = fs()->CreateWritable(Path(TableFileName(number)));
    EXPECT_OK(file);
    TableBuilder builder(file->get(), options, number, {number, 99});
    for (const Row& row : rows) {
      builder.Add(StoredKey(row.key, row.keyspace), PackTrailer(row.position, row.kind), row.value);
    }
    for (const Range& range : ranges)
      builder.AddRangeDelete(StoredKey(range.begin), StoredKey(range.end), range.position);
    auto meta = builder.Finish();
    EXPECT_OK(meta);
    EXPECT_OK((*file)->Close());
    return *meta;
  }

  // What each first edit of a manifest says; the rest is the test's.
  static Edit FirstEdit() {
    Edit edit;
    edit.history_id = kHistory;
    edit.instance_id = kInstance;
    edit.epochs = {{1, 7, 1}};
    edit.settings = "";
    edit.next_file_number = 100;
    edit.first_segment = 1;
    return edit;
  }
  // Segments begun from now on follow this manifest.
  void BeginManifest(uint64_t number, const Edit& first, bool with_root = true) {
    ASSERT_OK_AND_ASSIGN(manifest_, ManifestWriter::Create(fs(), kPath, number, first));
    if (!with_root) return;
    ASSERT_OK(WriteRoot(fs(), kPath, {number, kHistory, kInstance}));
  }
  void Append(const Edit& edit) { ASSERT_OK(manifest_->Append(edit)); }
  ManifestWriter& manifest() { return *manifest_; }

  // Its first commit is the one behind the newest unless `first_position` says another.
  void BeginSegment(uint64_t number, LogPos first_position = 0, Id128 instance = kInstance) {
    if (first_position != 0) last_position_ = first_position - 1;
    SegmentHeader header;
    header.number = number;
    header.history_id = kHistory;
    header.instance_id = instance;
    header.epoch = epoch;
    header.first_position = last_position_ + 1;
    header.history_hash = history_hash;
    header.durable = std::min(durable_, last_position_);
    header.catalogue = catalogue;
    header.catalogue_position = catalogue_position;
    if (manifest_ != nullptr) header.manifest = manifest_->state();
    if (log_ != nullptr) {
      header.predecessor = log_->header().number;
      header.predecessor_length = log_->length();
      header.predecessor_last_position = last_position_;
      CloseLog();
    }
    ASSERT_OK_AND_ASSIGN(log_, SegmentWriter::Create(fs(), Path(LogFileName(number)), header));
    log_is_open_ = true;
  }
  void Commit(const std::string& operations, uint32_t flags = 0) {
    CommitRecord record;
    record.position = ++last_position_;
    record.durable = durable_;
    record.flags = flags;
    record.operation_count = 1;
    record.operations = operations;
    Record& placed = records[last_position_];
    placed = {log_->header().number, log_->length(), 0};
    log_->Add(&record);
    history_hash = record.history_hash;
    ASSERT_OK(log_->Store());
    placed.end = log_->length();
  }
  // A commit of one key; its value says its position.
  void Put(const std::string& key) {
    std::string operations;
    AppendOperation(&operations, EntryKind::kPut, kDefaultKeyspace, key,
                    "v" + std::to_string(last_position_ + 1));
    Commit(operations);
  }
  void DeleteRange(const std::string& begin, const std::string& end) {
    std::string operations;
    AppendRangeDelete(&operations, StoredKey(begin), StoredKey(end));
    Commit(operations);
  }
  // All commits are durable, and the log says so.
  void MarkDurable() {
    durable_ = last_position_;
    ASSERT_OK(log_->MarkDurable(durable_));
  }
  void CloseLog() {
    if (!std::exchange(log_is_open_, false)) return;
    ASSERT_OK(log_->Close());
  }
  void SealLog() { ASSERT_OK(log_->Seal()); }
  LogEnd log_end() const { return {log_->header().number, log_->length(), last_position_}; }
  void DamageCommit(LogPos position) {
    const Record& record = records.at(position);
    Flip(LogFileName(record.segment), record.end - 1);
  }

  std::map<LogPos, Record> records;
  uint64_t history_hash = 0;  // after the last commit; the next segment begins with it
  std::string catalogue;      // of the segments begun from now on
  LogPos catalogue_position = 0;
  uint64_t epoch = 1;  // of the segments begun from now on

 private:
  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<ManifestWriter> manifest_;
  std::unique_ptr<SegmentWriter> log_;
  bool log_is_open_ = false;
  LogPos last_position_ = 0;
  LogPos durable_ = 0;
};

}  // namespace logwood::test
