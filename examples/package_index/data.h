// The records of the example, and the three places they can come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace package_index {

struct Record {
  std::string key;      // package/version
  std::string section;  // the second keyspace orders by it
  std::string value;    // the whole record
};

struct Data {
  std::string origin;           // for people
  std::vector<Record> records;  // distinct keys, in the order of the source
  uint64_t bytes = 0;           // keys and values
  uint64_t duplicates = 0;      // records left out because their key was there already
  std::string error;            // not empty: there is no data, and why
};

// `file` empty: the package index of this machine (`apt-cache dumpavail`), or where there is none,
// the license texts and headers of the system. Else that file: JSON lines for .jsonl, .ndjson and
// .json, else TSV with backslash escapes. The same every time it is called, as long as the source
// does not change.
Data ReadData(const std::string& file);

// One source each; false: it is not there, or not readable (then data->error says why).
bool ReadPackageIndex(Data* data);
bool ReadSystemTexts(Data* data);
bool ReadTsv(const std::string& file, Data* data);
bool ReadJsonLines(const std::string& file, Data* data);

}  // namespace package_index
