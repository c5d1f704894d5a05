#include "tools/record_walk.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace logwood::tools {

namespace {

// How many records stand for one look at the clock.
constexpr uint64_t kRecordsBetweenUpdates = 4096;

}  // namespace

Status WalkRecords(const Opened& opened, const WalkOptions& options, Progress* progress,
                   const std::function<bool(std::string_view key, std::string_view value)>& visit,
                   uint64_t* visited) {
  const std::unique_ptr<Iterator> it =
      opened.db->NewIterator(options.range.bounds, opened.keyspace);
  *visited = 0;
  options.reverse ? it->SeekToLast() : it->SeekToFirst();
  while (it->Valid()) {
    if (options.limit != 0 && *visited == options.limit) break;
    ++*visited;
    if (!visit(it->key(), it->value())) break;
    if (*visited % kRecordsBetweenUpdates == 0) progress->Update(*visited, *visited);
    options.reverse ? it->Prev() : it->Next();
  }
  return it->status();
}

Progress WalkProgress(const Opened& opened, const WalkOptions& options, std::string label,
                      bool wanted) {
  uint64_t total = opened.db->Estimate(opened.keyspace, options.range.keys).entries;
  if (options.limit != 0) total = std::min(total, options.limit);
  return Progress({.label = std::move(label), .unit = "records", .total = total, .wanted = wanted});
}

}  // namespace logwood::tools
