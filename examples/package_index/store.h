// The database of the example: two keyspaces, written together.
//
//   packages   package/version          -> the record
//   sections   section/package/version  -> package/version
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "data.h"
#include "logwood/db.h"

namespace package_index {

struct Store {
  std::unique_ptr<logwood::DB> db;
  logwood::Keyspace packages;
  logwood::Keyspace sections;
};

enum class Access : uint8_t { kRead, kWrite };

// kWrite creates what is missing.
logwood::Result<Store> OpenStore(const std::string& directory, Access access);

std::string SectionKey(const Record& record);

// The records of batch `index` are the same in every process: [begin, end).
struct BatchRange {
  size_t begin = 0;
  size_t end = 0;
};
size_t BatchCount(const Data& data);
BatchRange BatchAt(const Data& data, size_t index);

struct LoadOptions {
  std::string acknowledgements;
  size_t first_batch = 0;
  uint64_t pause_us = 0;  // after each batch; makes a short load last long enough to be killed
};
logwood::Status Load(Store& store, const Data& data, const LoadOptions& options);

}  // namespace package_index
