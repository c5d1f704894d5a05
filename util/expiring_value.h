// The value of a put that expires, kind kPutExpiring (docs/format/keys_and_operations.md): eight
// bytes of time, then the user's value. In an operation of a batch that is its time to live in
// microseconds, 0: for ever; in an entry the record time from which on it is there no more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/coding.h"

namespace logwood {

inline constexpr size_t kExpiryBytes = 8;

// REQUIRES: `value` has at least kExpiryBytes. Who reads one of a file has seen to that.
inline uint64_t ExpiryOf(std::string_view value) { return LoadFixed<uint64_t>(value.data()); }
inline std::string_view WithoutExpiry(std::string_view value) { return value.substr(kExpiryBytes); }

// No record is of a later time, in the year 3111: a file that says so is damaged, since it would
// let time stand still until then. No system's clock that says so is believed.
inline constexpr uint64_t kRecordTimeMaxUs = uint64_t{1} << 55;

// When what is put at `time_us` expires.
inline uint64_t ExpiryAfter(uint64_t time_us, uint64_t ttl_us) {
  return time_us > ~uint64_t{0} - ttl_us ? ~uint64_t{0} : time_us + ttl_us;
}

inline void AppendExpiring(std::string* to, uint64_t time_us, std::string_view value) {
  PutFixed64(to, time_us);
  to->append(value);
}

}  // namespace logwood
