// Loader: lines of text -> commits. Groups records into batches, says where a bad line is, and how
// far it came when it had to stop. Nothing is skipped silently.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "logwood/db.h"
#include "logwood/write_batch.h"
#include "tools/input.h"
#include "tools/line_reader.h"
#include "tools/progress.h"
#include "tools/record_format.h"

namespace logwood::tools {

inline constexpr uint64_t kLoadBatchRecordsMax = 1'000'000;

// What a load may take in all, shared out: to the database its budget, to the loader the longest
// line, decoded where it stands, and the batch it is copied to.
struct LoadMemory {
  uint64_t database_bytes = 0;
  uint64_t line_bytes_max = 0;
  uint64_t record_bytes_max = 0;  // key and value
};
LoadMemory ShareLoadMemory(RecordFormat format, uint64_t memory_bytes);

struct LoadOptions {
  RecordFormat format = RecordFormat::kTsv;
  uint64_t batch_records = 1000;
  uint64_t batch_bytes = 1 << 20;
  LoadMemory memory = ShareLoadMemory(RecordFormat::kTsv, 256ULL << 20);
  WriteOptions write;
  std::chrono::microseconds ttl{0};  // of each record; 0: for ever
  // Each line names its keyspace; those that are missing are created.
  bool all_keyspaces = false;
  bool skip_bad = false;
};

enum class LoadEnd : uint8_t {
  kComplete,
  kBadLine,  // stopped at a line that is no record
  kInterrupted,
  kFailed,  // reading or writing failed: Loader::status
};

struct LoadReport {
  LoadEnd end = LoadEnd::kComplete;
  uint64_t records = 0;  // in the database now
  uint64_t bytes = 0;    // of their keys and values
  uint64_t batches = 0;
  uint64_t keyspaces = 0;  // that lines named
  uint64_t skipped = 0;    // bad lines, with skip_bad
  uint64_t last_line = 0;  // all lines up to here are in, or skipped
  // The last line read was the input's last and had none: it may be cut off.
  bool last_newline_missing = false;
  // The first record of which a carriage return before the newline became a part; 0: none.
  uint64_t first_crlf_line = 0;
  // The first record that is no number and went where values are (tools/numbers.h); 0: none.
  uint64_t first_no_number_line = 0;
  LogPos position = 0;  // the database's, after the last commit
};

class Loader {
 public:
  // Borrows database and input until it dies. `keyspace` is where records go whose lines name none.
  Loader(DB& db, Keyspace keyspace, Input& input, const LoadOptions& options);

  // Runs to the end, the first bad line, an interrupt (interrupt.h) or a failure. Records before
  // that are in the database; where a write failed, those of its batch are not. Call once.
  const LoadReport& Run(Progress* progress);

  const Status& status() const { return status_; }

 private:
  // Each returns false when the load has to end; report_.end says why.
  bool TakeLine(LineReader::Outcome outcome, std::span<char> line);
  // Makes the keyspace the line names the one the record goes to.
  bool TakeKeyspace(std::string_view name);
  bool AddRecord(std::string_view key, std::string_view value);
  bool BadLine(const std::string& reason);
  bool Commit();
  void Fail(const Status& status);
  // Empty: the record can be stored.
  std::string WhyRefused(std::string_view key, std::string_view value) const;

  DB& db_;
  Keyspace keyspace_;
  bool holds_numbers_ = false;  // keyspace_ does
  Input& input_;
  LoadOptions options_;
  struct Named {
    Keyspace keyspace;
    bool holds_numbers = false;
  };
  std::map<std::string, Named, std::less<>> named_;
  LineReader reader_;
  RecordParser parser_;
  WriteBatch batch_;
  bool large_records_seen_ = false;
  uint64_t batch_data_bytes_ = 0;  // keys and values in batch_
  uint64_t taken_line_ = 0;        // all lines up to here are committed, in batch_ or skipped
  LoadReport report_;
  Status status_;
  Progress* progress_ = nullptr;
};

}  // namespace logwood::tools
