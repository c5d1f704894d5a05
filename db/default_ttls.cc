#include "db/default_ttls.h"

#include <algorithm>

#include "util/batch_codec.h"

namespace logwood {

using std::chrono::microseconds;

DefaultTtls::DefaultTtls(const Catalogue* catalogue,
                         const std::map<std::string, KeyspaceOptions, std::less<>>& keyspaces)
    : catalogue_(catalogue) {
  for (const auto& [name, options] : keyspaces) {
    if (options.ttl == microseconds(0) || options.ttl == kNoExpiry) continue;
    by_name_[name] = options.ttl;
    if (std::ranges::find(ttls_, options.ttl) == ttls_.end()) ttls_.push_back(options.ttl);
  }
  if (any()) found_ = std::make_unique<std::atomic<uint8_t>[]>(kKeyspacesMax);
}

microseconds DefaultTtls::Of(uint32_t keyspace) const {
  if (keyspace >= kKeyspacesMax) return kNoExpiry;
  if (const uint8_t found = found_[keyspace].load(std::memory_order_relaxed); found != 0) [[likely]]
    return ttls_[found - 1];
  const std::optional<std::string> name = catalogue_->NameOf(keyspace);
  if (!name) return kNoExpiry;
  const auto at = by_name_.find(*name);
  const microseconds ttl = at == by_name_.end() ? kNoExpiry : at->second;
  const auto place = std::ranges::find(ttls_, ttl) - ttls_.begin();
  // Of more different ones than it can say the rest is asked for each time.
  if (place < UINT8_MAX)
    found_[keyspace].store(static_cast<uint8_t>(place + 1), std::memory_order_relaxed);
  return ttl;
}

std::string DefaultTtls::Give(std::string_view operations, microseconds ttl) const {
  std::string given;
  given.reserve(operations.size());
  BatchReader reader(operations);
  BatchOperation operation;
  while (true) {
    const std::string_view left = operations.substr(operations.size() - reader.remaining());
    if (!reader.Next(&operation)) break;
    uint32_t keyspace = 0;
    std::string_view key;
    microseconds own = kNoExpiry;
    if (operation.kind == EntryKind::kPut && SplitStoredKey(operation.stored_key, &keyspace, &key))
      own = ttl != microseconds(0) ? ttl : Of(keyspace);
    if (own == kNoExpiry) {
      given += left.substr(0, left.size() - reader.remaining());
    } else {
      AppendPutExpiring(&given, keyspace, key, operation.value, static_cast<uint64_t>(own.count()));
    }
  }
  return given;
}

}  // namespace logwood
