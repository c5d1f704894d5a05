// DefaultTtls: how long puts last that do not say so themselves: as the write does, or what this
// open was told of their keyspace (Options::keyspaces).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "db/catalogue.h"
#include "logwood/options.h"
#include "util/sync.h"

namespace logwood {

// Any thread.
class DefaultTtls {
 public:
  // `catalogue` outlives this.
  DefaultTtls(const Catalogue* catalogue,
              const std::map<std::string, KeyspaceOptions, std::less<>>& keyspaces);

  // Whether there is a keyspace whose puts expire.
  bool any() const { return !by_name_.empty(); }
  // The operations, with each put's time to live: `ttl`, or if that is 0, its keyspace's.
  std::string Give(std::string_view operations, std::chrono::microseconds ttl) const;

 private:
  std::chrono::microseconds Of(uint32_t keyspace) const;

  const Catalogue* const catalogue_;
  std::map<std::string, std::chrono::microseconds, std::less<>> by_name_;
  mutable Mutex mutex_;
  // Numbers are not given again: what was found once stays right.
  mutable std::map<uint32_t, std::chrono::microseconds> by_number_ GUARDED_BY(mutex_);
};

}  // namespace logwood
