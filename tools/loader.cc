#include "tools/loader.h"

#include <malloc.h>

#include <algorithm>

#include "tools/interrupt.h"
#include "tools/numbers.h"
#include "tools/report.h"
#include "util/escape.h"

namespace logwood::tools {

namespace {

// Beyond key and value an operation costs a kind, a keyspace prefix, two lengths, and memory.
constexpr uint64_t kOperationOverheadBytes = 64 + kOperationMemoryBytes;
// A record may have this part of all memory: with its line, its batch, and what the database makes
// of it (log record, memtable, blocks of flush and compaction) it is there about ten times.
constexpr uint64_t kMemoryPerRecord = 16;
constexpr uint64_t kLargeRecordBytes = 256 * 1024;

// The allocator keeps freed blocks for the next ones, larger and larger ones the more it sees:
// right for records by the thousand, but a few times the memory allowed where each is of megabytes.
void ReturnLargeBlocksAtOnce() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
#endif
}

bool IsKeyspaceName(std::string_view name) {
  return !name.empty() && name.size() <= kKeyspaceNameBytesMax;
}

}  // namespace

LoadMemory ShareLoadMemory(RecordFormat format, uint64_t memory_bytes) {
  LoadMemory memory;
  memory.record_bytes_max =
      std::min<uint64_t>(memory_bytes / kMemoryPerRecord, kBatchBytesMax) - kOperationOverheadBytes;
  memory.line_bytes_max = LineBytesMax(format, memory.record_bytes_max);
  memory.database_bytes = std::max(memory_bytes - memory.line_bytes_max - memory.record_bytes_max,
                                   kMemoryBudgetBytesMin);
  return memory;
}

Loader::Loader(DB& db, Keyspace keyspace, Input& input, const LoadOptions& options)
    : db_(db),
      keyspace_(keyspace),
      holds_numbers_(HoldsNumbers(db, keyspace)),
      input_(input),
      options_(options),
      reader_([this](char* buffer, size_t size) { return input_.Read(buffer, size); },
              options.memory.line_bytes_max,
              std::min<size_t>(kLineReadBytesMax, options.memory.line_bytes_max)),
      parser_(options.format, options.all_keyspaces ? RecordParser::Keyspaces::kNamed
                                                    : RecordParser::Keyspaces::kNotNamed) {
  options_.batch_bytes = std::min(options_.batch_bytes, options_.memory.record_bytes_max);
  batch_.Reserve(options_.batch_bytes);
}

const LoadReport& Loader::Run(Progress* progress) {
  progress_ = progress;
  report_.position = db_.LastPosition();
  std::span<char> line;
  while (!Interrupted()) {
    const LineReader::Outcome outcome = reader_.Next(&line);
    if (outcome == LineReader::Outcome::kEnd) {
      report_.last_newline_missing = reader_.newline_missing();
      static_cast<void>(Commit());  // a failure is in report_.end
      return report_;
    }
    if (!TakeLine(outcome, line)) return report_;
  }
  if (Commit()) report_.end = LoadEnd::kInterrupted;
  return report_;
}

bool Loader::TakeLine(LineReader::Outcome outcome, std::span<char> line) {
  report_.last_newline_missing = reader_.newline_missing();
  // Parsing changes the line. JSON has no carriage return of its own there.
  const bool crlf = options_.format == RecordFormat::kTsv && !line.empty() && line.back() == '\r';
  switch (outcome) {
    case LineReader::Outcome::kLine:
      if (!parser_.Parse(line)) return BadLine(parser_.error());
      if (crlf && report_.first_crlf_line == 0) report_.first_crlf_line = reader_.line_number();
      if (options_.all_keyspaces && !IsKeyspaceName(parser_.keyspace())) {
        return BadLine("a keyspace has a name of 1 to " + std::to_string(kKeyspaceNameBytesMax) +
                       " bytes");
      }
      return TakeKeyspace(parser_.keyspace()) && AddRecord(parser_.key(), parser_.value());
    case LineReader::Outcome::kTooLong:
      return BadLine("the line is longer than " + std::to_string(options_.memory.line_bytes_max) +
                     " bytes, the limit with this --memory; more raises it");
    case LineReader::Outcome::kEnd:
      return true;
    case LineReader::Outcome::kFailed:
      break;
  }
  // What was read before it is good: keep it, whatever stopped the reading.
  if (!Commit()) return false;
  if (reader_.status().Is(StatusCode::kCancelled)) {
    report_.end = LoadEnd::kInterrupted;
  } else {
    Fail(reader_.status());
  }
  return false;
}

std::string Loader::WhyRefused(std::string_view key, std::string_view value) const {
  if (key.size() > kKeyBytesMax) {
    return "the key has " + std::to_string(key.size()) + " bytes; the limit is " +
           std::to_string(kKeyBytesMax);
  }
  const uint64_t bytes = key.size() + value.size();
  if (bytes > options_.memory.record_bytes_max) {
    std::string reason = "key and value have " + std::to_string(bytes) + " bytes; the limit ";
    if (bytes + kOperationOverheadBytes > kBatchBytesMax) return reason + "is 64 MiB";
    const uint64_t enough = (bytes + kOperationOverheadBytes) * kMemoryPerRecord;
    return reason + "with this --memory is " + std::to_string(options_.memory.record_bytes_max) +
           ", --memory " + std::to_string((enough >> 20) + 1) + "MiB would do";
  }
  return "";
}

bool Loader::TakeKeyspace(std::string_view name) {
  if (!options_.all_keyspaces) return true;
  const auto known = named_.find(name);
  if (known != named_.end()) {
    keyspace_ = known->second.keyspace;
    holds_numbers_ = known->second.holds_numbers;
    return true;
  }
  const Result<Keyspace> keyspace = db_.OpenOrCreateKeyspace(options_.write, name);
  if (!keyspace.ok()) {
    // What was read before it is good.
    if (Commit()) Fail(keyspace.status().WithContext("keyspace " + Escape(name)));
    return false;
  }
  keyspace_ = *keyspace;
  holds_numbers_ = HoldsNumbers(db_, *keyspace);
  named_.emplace(name, Named{keyspace_, holds_numbers_});
  report_.keyspaces = named_.size();
  return true;
}

bool Loader::AddRecord(std::string_view key, std::string_view value) {
  const uint64_t bytes = key.size() + value.size();
  if (bytes > kLargeRecordBytes && !large_records_seen_) {
    large_records_seen_ = true;
    ReturnLargeBlocksAtOnce();
  }
  if (bytes + kOperationOverheadBytes + batch_.bytes() > options_.batch_bytes ||
      bytes + batch_.memory_bytes() > options_.memory.record_bytes_max) {
    std::string refused = WhyRefused(key, value);
    if (!refused.empty()) return BadLine(refused);
    if (!batch_.empty() && !Commit()) return false;
  } else if (key.size() > kKeyBytesMax) {
    return BadLine(WhyRefused(key, value));
  }
  if (options_.ttl.count() == 0) {
    batch_.Put(keyspace_, key, value);
  } else {
    batch_.PutExpiring(keyspace_, key, value, options_.ttl);
  }
  // An empty batch is not written, so Write would not say it.
  if (!batch_.status().ok()) {
    Fail(batch_.status());
    return false;
  }
  if (holds_numbers_ && !DecodeInt64(value) && report_.first_no_number_line == 0) {
    report_.first_no_number_line = reader_.line_number();
  }
  batch_data_bytes_ += bytes;
  taken_line_ = reader_.line_number();
  return batch_.count() < options_.batch_records || Commit();
}

bool Loader::BadLine(const std::string& reason) {
  if (progress_ != nullptr) progress_->Finish();
  PrintError("bad line",
             input_.name() + ":" + std::to_string(reader_.line_number()) + ": " + reason,
             options_.skip_bad ? "skipped" : "mend it, or pass --skip-bad");
  if (options_.skip_bad) {
    ++report_.skipped;
    taken_line_ = reader_.line_number();
    return true;
  }
  if (Commit()) report_.end = LoadEnd::kBadLine;
  return false;
}

bool Loader::Commit() {
  if (!batch_.empty()) {
    const Result<LogPos> position = db_.Write(options_.write, batch_);
    if (!position.ok()) {
      Fail(position.status());
      return false;
    }
    report_.records += batch_.count();
    report_.bytes += batch_data_bytes_;
    ++report_.batches;
    report_.position = *position;
    batch_.Clear();
    batch_data_bytes_ = 0;
  }
  report_.last_line = taken_line_;
  if (progress_ != nullptr) progress_->Update(reader_.bytes_consumed(), report_.records);
  return true;
}

void Loader::Fail(const Status& status) {
  report_.end = LoadEnd::kFailed;
  status_ = status;
}

}  // namespace logwood::tools
