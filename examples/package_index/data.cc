#include "data.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace package_index {

namespace {

constexpr uint64_t kSystemTextBytesMax = 64ULL * 1024 * 1024;
constexpr size_t kChunkBytes = 2000;

// The rest of the line that begins with `name`, in a record of "Name: value" lines.
std::string Field(const std::string& record, std::string_view name) {
  size_t at = 0;
  while (at < record.size()) {
    if (record.compare(at, name.size(), name) == 0) {
      at += name.size();
      return record.substr(at, record.find('\n', at) - at);
    }
    at = record.find('\n', at);
    if (at == std::string::npos) break;
    ++at;
  }
  return "";
}

void AddPackage(std::string record, Data* data) {
  std::string package = Field(record, "Package: ");
  const std::string version = Field(record, "Version: ");
  std::string section = Field(record, "Section: ");
  if (package.empty() || version.empty()) return;
  if (section.empty()) section = "none";
  data->records.push_back({package + "/" + version, std::move(section), std::move(record)});
}

void AddChunks(const std::filesystem::path& path, Data* data) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (size_t begin = 0, chunk = 0; begin < text.size(); begin += kChunkBytes, ++chunk) {
    char name[32];
    std::snprintf(name, sizeof(name), "/%06zu", chunk);
    data->records.push_back(
        {path.string() + name, path.parent_path().string(), text.substr(begin, kChunkBytes)});
    data->bytes += kChunkBytes;
  }
}

int HexDigit(char c) {
  const size_t at = std::string_view("0123456789abcdef").find(c | 0x20);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// Undoes \t \n \r \\ \xNN; false for anything else behind a backslash.
bool Unescape(std::string_view text, std::string* bytes) {
  bytes->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes->push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return false;
    const size_t known = std::string_view("tnr\\").find(text[i]);
    if (known != std::string_view::npos) {
      bytes->push_back("\t\n\r\\"[known]);
    } else {
      if (text[i] != 'x' || i + 2 >= text.size()) return false;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      bytes->push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return true;
}

// Sums up, and leaves out what has a key that was there already.
void Finish(Data* data) {
  std::unordered_set<std::string_view> seen;
  std::vector<Record> distinct;
  distinct.reserve(data->records.size());
  seen.reserve(data->records.size());
  data->bytes = 0;
  for (Record& record : data->records) {
    if (seen.contains(record.key)) {
      ++data->duplicates;
      continue;
    }
    data->bytes += record.key.size() + record.value.size();
    distinct.push_back(std::move(record));
    seen.insert(distinct.back().key);  // stays where it is: the vector never grows beyond its room
  }
  data->records = std::move(distinct);
}

}  // namespace

bool ReadPackageIndex(Data* data) {
  FILE* pipe = popen("apt-cache dumpavail 2>/dev/null", "r");
  if (pipe == nullptr) return false;
  std::string text;
  char buffer[1 << 16];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    text.append(buffer, got);
  }
  if (pclose(pipe) != 0) return false;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find("\n\n", begin), text.size());
    AddPackage(text.substr(begin, end - begin), data);
    begin = end + 2;
  }
  data->origin = "the package index of this machine (apt-cache dumpavail)";
  return !data->records.empty();
}

bool ReadSystemTexts(Data* data) {
  namespace fs = std::filesystem;
  // The licenses first: there may be more headers than are wanted.
  for (const char* root : {"/usr/share/common-licenses", "/usr/include"}) {
    std::vector<fs::path> paths;
    std::error_code error;
    for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code not_a_file;
      if (it->is_regular_file(not_a_file)) paths.push_back(it->path());
    }
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      if (data->bytes < kSystemTextBytesMax) AddChunks(path, data);
    }
  }
  data->origin = "license texts and headers of this system (there is no package index here)";
  if (data->records.empty()) data->error = "no package index and no texts here; name a FILE";
  return !data->records.empty();
}

bool ReadTsv(const std::string& file, Data* data) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    const size_t tab = line.find('\t');
    Record record;
    if (tab == std::string::npos || !Unescape(std::string_view(line).substr(0, tab), &record.key) ||
        !Unescape(std::string_view(line).substr(tab + 1), &record.value)) {
      data->error = file + ":" + std::to_string(number) + ": not key<TAB>value";
      return false;
    }
    data->records.push_back(std::move(record));
  }
  if (data->records.empty()) data->error = file + ": cannot be read, or holds no record";
  return data->error.empty();
}

Data ReadData(const std::string& file) {
  Data data;
  if (file.empty()) {
    if (!ReadPackageIndex(&data)) ReadSystemTexts(&data);
  } else {
    const bool json =
        file.ends_with(".jsonl") || file.ends_with(".ndjson") || file.ends_with(".json");
    data.origin = file;
    if (json ? ReadJsonLines(file, &data) : ReadTsv(file, &data)) {
      for (Record& record : data.records) {
        const size_t slash = record.key.find('/');
        record.section = slash == std::string::npos ? "none" : record.key.substr(0, slash);
      }
    }
  }
  Finish(&data);
  return data;
}

}  // namespace package_index
