#include "tools/record_walk.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace logwood::tools {

namespace {

// How many records stand for one look at the clock.
constexpr uint64_t kRecordsBetweenUpdates = 4096;

}  // namespace

Status WalkRecords(DB& db, Keyspace keyspace, const WalkOptions& options, Progress* progress,
                   const std::function<bool(std::string_view key, std::string_view value)>& visit,
                   uint64_t* visited) {
  const std::unique_ptr<Iterator> it = db.NewIterator(options.range.bounds, keyspace);
  uint64_t left = options.limit == 0 ? std::numeric_limits<uint64_t>::max() : options.limit;
  options.reverse ? it->SeekToLast() : it->SeekToFirst();
  while (it->Valid() && left-- > 0) {
    ++*visited;
    if (!visit(it->key(), it->value())) break;
    if (*visited % kRecordsBetweenUpdates == 0) progress->Update(*visited, *visited);
    options.reverse ? it->Prev() : it->Next();
  }
  return it->status();
}

Progress WalkProgress(DB& db, std::span<const KeyspaceInfo> keyspaces, const WalkOptions& options,
                      std::string label, bool wanted) {
  uint64_t total = 0;
  for (const KeyspaceInfo& info : keyspaces) {
    const uint64_t entries = db.Estimate(info.keyspace, options.range.keys).entries;
    total += options.limit == 0 ? entries : std::min(entries, options.limit);
  }
  return Progress({.label = std::move(label), .unit = "records", .total = total, .wanted = wanted});
}

}  // namespace logwood::tools
