#include "db/flush_job.h"

#include "util/merging_iterator.h"

namespace logwood {

Result<SinkResult> RunFlush(std::span<const SealedMemtable> memtables, const SurvivalRules& rules,
                            const SinkOptions& options) {
  std::vector<std::unique_ptr<InternalIterator>> children;
  for (const SealedMemtable& sealed : memtables) {
    children.push_back(sealed.memtable->NewIterator());
  }
  auto merged = NewMergingIterator(std::move(children));
  CompactionIterator survivors(merged.get(), rules);
  survivors.SeekToFirst();
  return WriteTables(&survivors, options);
}

}  // namespace logwood
