// The commands that look at, or change, the files themselves.
#include "db/recovery.h"
#include "tests/db/script_runner.h"
#include "tests/support/directory.h"
#include "wal/segment_reader.h"
#include "wal/segments.h"

namespace logwood::test {

std::string ScriptRunner::Levels(std::istringstream&) {
  auto tree = LoadTree(fs_.get(), path_);
  if (!tree.ok()) return Line(tree.status());
  std::string text = ToText(tree->version->shape());
  return text.empty() ? "no tables\n" : text;
}

std::string ScriptRunner::Log(std::istringstream&) {
  auto names = fs_->List(path_);
  if (!names.ok()) return Line(names.status());
  std::string text;
  for (const std::string& name : *names) {
    if (!ParseLogFileName(name)) continue;
    auto reader = SegmentReader::Open(fs_.get(), Path(name));
    if (!reader.ok()) {
      text += Line(reader.status());
      continue;
    }
    const SegmentHeader& header = (*reader)->header();
    CommitRecord record;
    LogPos last = header.first_position - 1;
    auto outcome = (*reader)->Next(&record);
    for (; outcome == SegmentReader::Outcome::kRecord; outcome = (*reader)->Next(&record)) {
      last = record.position;
    }
    text += name + ": from " + std::to_string(header.first_position) + " to " +
            std::to_string(last) + ", after " + std::to_string(header.predecessor) +
            (outcome == SegmentReader::Outcome::kTrailer ? ", sealed\n" : "\n");
  }
  return text;
}

std::string ScriptRunner::Files(std::istringstream&) {
  auto names = fs_->List(path_);
  if (!names.ok()) return Line(names.status());
  std::string text;
  for (const std::string& name : *names) text += name + "\n";
  return text.empty() ? "none\n" : text;
}

std::string ScriptRunner::Events(std::istringstream&) {
  auto bytes = ReadFile(fs_.get(), Path("EVENTS"));
  if (!bytes.ok()) return Line(bytes.status());
  std::istringstream lines(*bytes);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::string mark = "\"event\":\"";
    const size_t begin = line.find(mark);
    if (begin == std::string::npos) {
      text += line + "\n";
      continue;
    }
    const size_t from = begin + mark.size();
    text += line.substr(from, line.find('"', from) - from) + "\n";
  }
  return text;
}

std::string ScriptRunner::Rewrite(const std::string& name, const std::string& bytes) {
  if (db_ != nullptr) return "the database is open\n";
  return Line(WriteFile(fs_.get(), Path(name), bytes));
}

std::string ScriptRunner::Flip(std::istringstream& words) {
  std::string name;
  size_t offset = 0;
  words >> name >> offset;
  auto bytes = ReadFile(fs_.get(), Path(name));
  if (!bytes.ok()) return Line(bytes.status());
  if (offset >= bytes->size()) return "the file is shorter\n";
  (*bytes)[offset] = static_cast<char>((*bytes)[offset] ^ 1);
  return Rewrite(name, *bytes);
}

std::string ScriptRunner::Cut(std::istringstream& words) {
  std::string name;
  size_t size = 0;
  words >> name >> size;
  auto bytes = ReadFile(fs_.get(), Path(name));
  if (!bytes.ok()) return Line(bytes.status());
  return Rewrite(name, bytes->substr(0, size));
}

std::string ScriptRunner::Append(std::istringstream& words) {
  std::string name;
  size_t size = 0;
  words >> name >> size;
  auto bytes = ReadFile(fs_.get(), Path(name));
  if (!bytes.ok()) return Line(bytes.status());
  return Rewrite(name, *bytes + std::string(size, 'n'));
}

std::string ScriptRunner::Remove(std::istringstream& words) {
  std::string name;
  words >> name;
  return Line(fs_->Remove(Path(name)));
}

}  // namespace logwood::test
