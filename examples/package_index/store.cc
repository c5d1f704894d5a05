#include "examples/package_index/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "examples/package_index/text.h"

namespace package_index {

using logwood::DB;
using logwood::Keyspace;
using logwood::LogPos;
using logwood::Result;
using logwood::Status;

namespace {

constexpr size_t kBatchRecords = 20;

Result<Keyspace> OpenOrCreate(DB& db, const std::string& name, Access access) {
  return access == Access::kWrite ? db.OpenOrCreateKeyspace({}, name) : db.OpenKeyspace(name);
}

// Appends one line, and lets the system have it before returning: like the database's own default,
// it survives the death of this process.
bool Acknowledge(int file, size_t batch, LogPos position) {
  const std::string line = std::to_string(batch) + " " + std::to_string(position) + "\n";
  return write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

Result<Store> OpenStore(const std::string& directory, Access access) {
  Result<std::unique_ptr<DB>> opened =
      access == Access::kWrite ? DB::Open({}, directory) : DB::OpenReadOnly({}, directory);
  if (!opened.ok()) return opened.status();
  Store store;
  store.db = std::move(*opened);
  const Result<Keyspace> packages = OpenOrCreate(*store.db, "packages", access);
  if (!packages.ok()) return packages.status();
  const Result<Keyspace> sections = OpenOrCreate(*store.db, "sections", access);
  if (!sections.ok()) return sections.status();
  store.packages = *packages;
  store.sections = *sections;
  return store;
}

std::string SectionKey(const Record& record) { return record.section + "/" + record.key; }

size_t BatchCount(const Data& data) {
  return (data.records.size() + kBatchRecords - 1) / kBatchRecords;
}

BatchRange BatchAt(const Data& data, size_t index) {
  return {.begin = index * kBatchRecords,
          .end = std::min(data.records.size(), (index + 1) * kBatchRecords)};
}

Acknowledged ReadAcknowledged(const std::string& file) {
  Acknowledged acknowledged;
  std::ifstream in(file);
  size_t batch = 0;
  LogPos position = 0;
  std::string line;
  // A line without its newline was being written when the loader died: it does not count.
  while (std::getline(in, line) && !in.eof()) {
    if (std::sscanf(line.c_str(), "%zu %lu", &batch, &position) != 2) break;
    acknowledged = {.batches = batch + 1, .position = position};
  }
  return acknowledged;
}

Status Load(Store& store, const Data& data, const LoadOptions& options) {
  const int file =
      open(options.acknowledgements.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return Status::IoError("cannot open " + options.acknowledgements);
  Status status;
  logwood::WriteBatch batch;
  for (size_t index = options.first_batch; index < BatchCount(data); ++index) {
    const BatchRange range = BatchAt(data, index);
    batch.Clear();
    for (size_t i = range.begin; i < range.end; ++i) {
      const Record& record = data.records[i];
      batch.Put(store.packages, record.key, record.value);
      batch.Put(store.sections, SectionKey(record), record.key);
    }
    const Result<LogPos> position = store.db->Write({}, batch);
    if (!position.ok()) status = position.status();
    if (status.ok() && !Acknowledge(file, index, *position)) {
      status = Status::IoError("cannot write " + options.acknowledgements);
    }
    if (!status.ok()) break;
    if (options.pause_us > 0) SleepMicros(options.pause_us);
  }
  close(file);
  return status;
}

}  // namespace package_index
