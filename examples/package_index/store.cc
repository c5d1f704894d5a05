#include "store.h"

#include <algorithm>
#include <utility>

#include "acknowledgements.h"
#include "text.h"

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

Status Load(Store& store, const Data& data, const LoadOptions& options) {
  AcknowledgementWriter acknowledgements(options.acknowledgements);
  if (!acknowledgements.ok())
    return Status::IoError("cannot append to " + options.acknowledgements);
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
    if (status.ok() && !acknowledgements.Append(index, *position)) {
      status = Status::IoError("cannot write " + options.acknowledgements);
    }
    if (!status.ok()) break;
    if (options.pause_us > 0) SleepMicros(options.pause_us);
  }
  return status;
}

}  // namespace package_index
