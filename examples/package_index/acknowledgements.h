// The acknowledgements of a load: which batches' writes returned ok, in a file beside the database.
// Its first line says whose it is, so that nobody else's file is taken for one and replaced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "logwood/types.h"

namespace package_index {

// The file that belongs to a database.
std::string AcknowledgementsOf(const std::string& directory);

struct Acknowledged {
  size_t batches = 0;            // 0 .. batches-1 are acknowledged
  logwood::LogPos position = 0;  // of the last of them
};
// A line without its newline was being written when the loader died: it does not count.
Acknowledged ReadAcknowledged(const std::string& file);

enum class AcknowledgementsAre : uint8_t {
  kMissing,
  kEmpty,
  kOurs,
  kOfARemoval,  // ours; and the database that they are of was being removed
  kForeign,     // another's, or no file
};
AcknowledgementsAre LookAtAcknowledgements(const std::string& file);

// Empty ones, of a load that has not begun; false: the file cannot be written.
[[nodiscard]] bool BeginAcknowledgements(const std::string& file);
// Before the database is removed: whatever ends that, the next run may go on with it.
[[nodiscard]] bool MarkRemoval(const std::string& file);
// Where nothing was removed; right behind MarkRemoval.
void TakeBackRemoval(const std::string& file);

// Appends to one file. A line is written after the write returned and before the next one begins.
class AcknowledgementWriter {
 public:
  explicit AcknowledgementWriter(const std::string& file);
  ~AcknowledgementWriter();
  AcknowledgementWriter(const AcknowledgementWriter&) = delete;
  AcknowledgementWriter& operator=(const AcknowledgementWriter&) = delete;

  bool ok() const { return file_ >= 0; }
  // The system has it when this returns: like a write by the database's own default, it survives
  // the death of this process.
  bool Append(size_t batch, logwood::LogPos position);

 private:
  int file_ = -1;
};

}  // namespace package_index
