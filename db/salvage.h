// Salvage: writes a new database with all that can be read of a damaged one, and says what cannot.
//
// Trusts no file of the source and changes none. Tables are read block by block (those the manifest
// names; all there are where it cannot be read), log segments record by record, also behind damage.
// Of each key the version with the highest position counts, of merges all since the last value
// (db/salvage_keys.h). The new database has a history of its
// own: one commit after the other in key order. Memory stays within the budget. Everything is read
// twice; what either reading cannot read is lost, unless another file has it.
//
// What the report says: a *loss* is a stretch of a file whose entries are nowhere else, with the
// keys and the commits concerned. A key within a lost range may be missing, or have an older value
// than it had, or be back although it was deleted, or lack some of its merges; a key outside of all
// of them is exact. Of lost
// commits only the positions are known: any key may be older than it was, by those commits. Where
// the newest segment is gone, not even how many: the loss has a first position and no last one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "logwood/db.h"

namespace logwood {

struct SalvageLoss {
  Damage damage;
  uint64_t end = 0;  // behind the last byte concerned; 0: the whole file
  // False: nothing of the content is lost - bookkeeping is damaged, another file had the same, or
  // it is a tail that nothing recorded as durable.
  bool lost = true;
};

struct SalvageOptions {
  FileSystem* fs = nullptr;
  std::string source, target;  // directories
  uint64_t memory_bytes = 256ULL << 20;
  // Read although a process has the source open for writing: what it does while the directory is
  // looked at may look like damage. The files found are held open, so what it removes later is
  // read.
  bool ignore_writer = false;
  std::function<void(const SalvageLoss&)> report;
  // `phase`: "reading", "writing"; bytes of the source done and in all. May be empty.
  std::function<void(std::string_view phase, uint64_t done, uint64_t all)> progress;
  std::function<bool()> cancelled;     // true ends it with kCancelled; may be empty
  std::function<void()> target_begun;  // from now on the target is not complete; may be empty
};

struct SalvageSummary {
  uint64_t records = 0, bytes = 0;  // written: keys, and the bytes of keys and values
  uint64_t keyspaces = 0;
  uint64_t tables = 0, segments = 0, commits = 0;  // read
  uint64_t losses = 0;                             // with lost == true
  // Of the records, those that cannot be read, there as here: their merge operator refuses them.
  uint64_t refused = 0;
  LogPos last_position = 0;  // the newest commit of the source that is known of
};

// kNotFound: there is no database. kInvalidArgument: the target lies in the source. kBusy: somebody
// writes to it. kAlreadyExists: the target holds files. Any other failure leaves a target that is
// not complete.
Result<SalvageSummary> Salvage(const SalvageOptions& options);

}  // namespace logwood
