// What the parts of salvage hold, as text.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "db/salvage_catalogue.h"
#include "db/salvage_merge.h"
#include "tests/db/handmade_database.h"

namespace logwood::test {

using SalvageStreams = std::vector<std::unique_ptr<SalvageStream>>;

// "key@position=value", "key@position-" for a tombstone; keys of the default keyspace without it.
inline std::string ShowEntry(const Entry& entry) {
  std::string key(entry.key);
  if (key.starts_with(KeyspacePrefix(kDefaultKeyspace))) key.erase(0, 1);
  key += "@" + std::to_string(entry.position());
  return entry.kind() == EntryKind::kDelete ? key + "-" : key + "=" + std::string(entry.value);
}

// All that the streams hold, not merged.
inline std::vector<std::string> Drain(const SalvageStreams& streams) {
  std::vector<std::string> shown;
  for (const auto& stream : streams) {
    while (stream->Next()) shown.push_back(ShowEntry(stream->entry()));
    EXPECT_OK(stream->status());
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

inline void IgnoreBytes(uint64_t) {}

// "name=number" of each; "-number" of those that were dropped.
inline std::string ShowKeyspaces(const SalvageCatalogue& parts) {
  Catalogue catalogue;
  EXPECT_OK(parts.Resolve(&catalogue));
  std::string text;
  for (const KeyspaceInfo& info : catalogue.List()) {
    if (info.keyspace.number() == kDefaultKeyspace) continue;
    text += info.name + "=" + std::to_string(info.keyspace.number()) + " ";
  }
  for (const auto& [number, position] : catalogue.Dropped()) {
    text += "-" + std::to_string(number) + " ";
  }
  return text;
}

inline std::string EncodedWith(const std::string& name, uint32_t number) {
  Catalogue catalogue;
  EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations(name, number), 1));
  return catalogue.Encode();
}

}  // namespace logwood::test
