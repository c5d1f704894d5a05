#include "db/default_ttls.h"

#include "util/batch_codec.h"

namespace logwood {

using std::chrono::microseconds;

DefaultTtls::DefaultTtls(const Catalogue* catalogue,
                         const std::map<std::string, KeyspaceOptions, std::less<>>& keyspaces)
    : catalogue_(catalogue) {
  for (const auto& [name, options] : keyspaces) {
    if (options.ttl != microseconds(0) && options.ttl != kNoExpiry) by_name_[name] = options.ttl;
  }
}

microseconds DefaultTtls::Of(uint32_t keyspace) const {
  MutexLock lock(mutex_);
  const auto known = by_number_.find(keyspace);
  if (known != by_number_.end()) return known->second;
  const std::optional<std::string> name = catalogue_->NameOf(keyspace);
  if (!name) return kNoExpiry;
  const auto at = by_name_.find(*name);
  return by_number_[keyspace] = at == by_name_.end() ? kNoExpiry : at->second;
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
