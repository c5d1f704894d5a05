#include "tools/loader.h"

#include <algorithm>

#include "tools/interrupt.h"
#include "tools/report.h"

namespace logwood::tools {

namespace {

// Beyond key and value an operation costs a kind, a keyspace prefix, two lengths, and memory.
constexpr uint64_t kOperationOverheadBytes = 64 + kOperationMemoryBytes;

}  // namespace

Loader::Loader(DB& db, Keyspace keyspace, Input& input, const LoadOptions& options)
    : db_(db),
      keyspace_(keyspace),
      input_(input),
      options_(options),
      record_bytes_max_(std::min<uint64_t>(kBatchBytesMax, options.memory_bytes / 4) -
                        kOperationOverheadBytes),
      line_bytes_max_(LineBytesMax(options.format, record_bytes_max_)),
      reader_([this](char* buffer, size_t size) { return input_.Read(buffer, size); },
              line_bytes_max_),
      parser_(options.format) {
  options_.batch_bytes = std::min(options_.batch_bytes, record_bytes_max_);
  batch_.Reserve(options_.batch_bytes);
}

const LoadReport& Loader::Run(Progress* progress) {
  progress_ = progress;
  report_.position = db_.LastPosition();
  std::string_view line;
  while (!Interrupted()) {
    const LineReader::Outcome outcome = reader_.Next(&line);
    if (outcome == LineReader::Outcome::kEnd) {
      static_cast<void>(Commit());  // a failure is in report_.end
      return report_;
    }
    if (!TakeLine(outcome, line)) return report_;
  }
  if (Commit()) report_.end = LoadEnd::kInterrupted;
  return report_;
}

bool Loader::TakeLine(LineReader::Outcome outcome, std::string_view line) {
  switch (outcome) {
    case LineReader::Outcome::kLine:
      if (!parser_.Parse(line)) return BadLine(parser_.error());
      return AddRecord(parser_.key(), parser_.value());
    case LineReader::Outcome::kTooLong:
      return BadLine("the line is longer than " + std::to_string(line_bytes_max_) +
                     " bytes; with this memory budget no record is");
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
  if (key.size() + value.size() > record_bytes_max_) {
    return "key and value have " + std::to_string(key.size() + value.size()) +
           " bytes; with this memory budget the limit is " + std::to_string(record_bytes_max_) +
           " (--memory raises it, up to 64 MiB)";
  }
  return "";
}

bool Loader::AddRecord(std::string_view key, std::string_view value) {
  const uint64_t bytes = key.size() + value.size();
  if (bytes + kOperationOverheadBytes + batch_.bytes() > options_.batch_bytes ||
      bytes + batch_.memory_bytes() > record_bytes_max_) {
    std::string refused = WhyRefused(key, value);
    if (!refused.empty()) return BadLine(refused);
    if (!batch_.empty() && !Commit()) return false;
  } else if (key.size() > kKeyBytesMax) {
    return BadLine(WhyRefused(key, value));
  }
  batch_.Put(keyspace_, key, value);
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
