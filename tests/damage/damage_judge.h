// Judge: opens a damaged directory, reads all of it, and says how it answered. What no damage
// excuses - a wrong value, a key lost or invented without an error, an error for a key that `check`
// does not name, half a commit, a code that is no damage's - is in Verdict::wrong.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "tests/damage/damage_shape.h"

namespace logwood::test {

enum class OpenMode : uint8_t { kWriting, kReadOnly, kDamagedLog };
std::string_view OpenModeName(OpenMode mode);

struct Verdict {
  Status opened;               // not ok: it did not open
  LogPos last = 0;             // where the log ends, if it opened
  RecoveryInfo recovery;       // the same
  std::vector<Event> events;   // of kUnprovenTail and kCorruption; kWriting only
  std::vector<Status> errors;  // of reads; at most a few are kept
  std::string wrong;           // the first; empty: nothing is
  bool exact() const { return opened.ok() && errors.empty(); }
  // The open's, or the first read's.
  Status first_error() const {
    return !opened.ok() ? opened : errors.empty() ? Status() : errors[0];
  }
  std::string ToString() const;
};

// `named`: the damages `check` found; what lies outside of their keys must be read.
Verdict Judge(const DamageShape& shape, const FileContents& files, OpenMode mode,
              const std::vector<Damage>& named = {});

// First and last of the keys that the damage names; nullopt: it names none. An end that it calls
// unknown is the end of all keys.
std::optional<std::pair<StoredPlace, StoredPlace>> KeysNamedBy(const DamageShape& shape,
                                                               const Damage& damage);
// Whether the key is among them.
bool Covers(const DamageShape& shape, const Damage& damage, const std::string& keyspace,
            const std::string& key);
bool Covers(const DamageShape& shape, const Damage& damage, const StoredPlace& place);

// What `logwood check` finds: each damage and each note, as a line that begins with file:offset.
struct CheckVerdict {
  Status status;
  std::vector<Damage> damages, notes;
  bool Names(const std::string& file) const;
  // Whether a finding in the file says that this commit may be affected.
  bool NamesPosition(const std::string& file, LogPos position) const;
  std::string ToString() const;
};
CheckVerdict Check(const FileContents& files);

// Each OFFSET where the message says "FILE:OFFSET".
std::vector<uint64_t> PlacesIn(const std::string& message, const std::string& file);
inline bool NamesPlaceIn(const std::string& message, const std::string& file) {
  return !PlacesIn(message, file).empty();
}

}  // namespace logwood::test
