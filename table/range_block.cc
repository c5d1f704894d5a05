#include "table/range_block.h"

#include <string>

#include "table/block_builder.h"

namespace logwood {

void AppendRangeBlock(const RangeFragments& fragments, ByteBuffer* to) {
  BlockBuilder entries;
  for (const auto& fragment : fragments.fragments()) {
    for (LogPos position : fragment.positions) {
      const uint64_t trailer = PackTrailer(position, EntryKind::kRangeDelete);
      entries.Add(fragment.begin, trailer, fragment.end);
    }
  }
  entries.Finish(to);
}

Result<RangeFragmentsPtr> DecodeRangeBlock(const BlockSource& source, uint64_t offset,
                                           const BlockRef& loaded) {
  const Block block(BlockPayload(*loaded.get()));
  RangeFragmentsBuilder fragments;
  std::string key(block.key_bytes_max() + kBlockSlackBytes + kHeadBytes, '\0');
  block.prefix().copy(key.data(), key.size());
  for (uint32_t i = 0; i < block.count(); ++i) {
    const BlockEntry entry = block.entry(i);
    const std::string_view begin(key.data(), block.CompleteKey(i, entry, key.data()));
    if (TrailerKind(entry.trailer) != EntryKind::kRangeDelete ||
        begin.size() > kStoredKeyBytesMax || entry.value_bytes > kStoredKeyBytesMax ||
        !fragments.Add(begin, entry.value(), TrailerPosition(entry.trailer))) {
      return TableDamage(source.path, offset, "range deletes overlap or are none");
    }
  }
  return fragments.Finish();
}

}  // namespace logwood
