#include "acknowledgements.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace package_index {

using logwood::LogPos;

namespace {

constexpr std::string_view kHead = "# logwood_package_index: batch, position of its commit";
constexpr std::string_view kRemoval = "# the database is being removed";

bool WriteAll(int file, std::string_view text) {
  return write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool AppendLine(const std::string& name, int flags, std::string_view line) {
  const int file = open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags, 0666);
  if (file < 0) return false;
  const bool written = WriteAll(file, std::string(line) + "\n");
  return close(file) == 0 && written;
}

}  // namespace

std::string AcknowledgementsOf(const std::string& directory) { return directory + ".acknowledged"; }

Acknowledged ReadAcknowledged(const std::string& file) {
  Acknowledged acknowledged;
  std::ifstream in(file);
  size_t batch = 0;
  LogPos position = 0;
  std::string line;
  while (std::getline(in, line) && !in.eof()) {
    if (line == kHead) continue;
    if (std::sscanf(line.c_str(), "%zu %lu", &batch, &position) != 2) break;
    acknowledged = {.batches = batch + 1, .position = position};
  }
  return acknowledged;
}

AcknowledgementsAre LookAtAcknowledgements(const std::string& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::symlink_status(file, error);
  if (status.type() == fs::file_type::not_found) return AcknowledgementsAre::kMissing;
  if (status.type() != fs::file_type::regular) return AcknowledgementsAre::kForeign;
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) {
    return in.eof() ? AcknowledgementsAre::kEmpty : AcknowledgementsAre::kForeign;
  }
  if (in.eof() && kHead.starts_with(line)) return AcknowledgementsAre::kEmpty;  // it was full
  if (line != kHead) return AcknowledgementsAre::kForeign;
  while (std::getline(in, line)) {
    if (line == kRemoval) return AcknowledgementsAre::kOfARemoval;
  }
  return AcknowledgementsAre::kOurs;
}

bool BeginAcknowledgements(const std::string& file) { return AppendLine(file, O_TRUNC, kHead); }

bool MarkRemoval(const std::string& file) {
  // Also behind a line that its writer was killed in.
  return AppendLine(file, 0, "\n" + std::string(kRemoval));
}

void TakeBackRemoval(const std::string& file) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(file, error);
  const size_t mark = kRemoval.size() + 2;
  if (!error && bytes > mark) std::filesystem::resize_file(file, bytes - mark, error);
}

AcknowledgementWriter::AcknowledgementWriter(const std::string& file) {
  const AcknowledgementsAre found = LookAtAcknowledgements(file);
  if (found == AcknowledgementsAre::kForeign) return;
  const bool begins = found != AcknowledgementsAre::kOurs;
  if (begins && !BeginAcknowledgements(file)) return;
  file_ = open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
}

AcknowledgementWriter::~AcknowledgementWriter() {
  if (file_ >= 0) close(file_);
}

bool AcknowledgementWriter::Append(size_t batch, LogPos position) {
  return WriteAll(file_, std::to_string(batch) + " " + std::to_string(position) + "\n");
}

}  // namespace package_index
