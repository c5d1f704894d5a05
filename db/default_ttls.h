// DefaultTtls: how long puts last that do not say so themselves: as the write does, or what this
// open was told of their keyspace (Options::keyspaces).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "db/catalogue.h"
#include "logwood/options.h"

namespace logwood {

// Any thread. Takes a lock only where a keyspace is asked for the first time.
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
  std::vector<std::chrono::microseconds> ttls_{kNoExpiry};  // each once
  // Of a keyspace's number which of ttls_ it has, and 1; 0: not known. Numbers are not given again:
  // what was found once stays right, whoever stores it. Null: none has any.
  std::unique_ptr<std::atomic<uint8_t>[]> found_;
};

}  // namespace logwood
