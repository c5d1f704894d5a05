#include "wal/segment_chain.h"

#include <algorithm>

#include "wal/segments.h"

namespace logwood {
namespace {

constexpr size_t kNone = ~size_t{0};

// The newest file below `number`, or kNone.
size_t NewestBelow(std::span<const SegmentFile> files, uint64_t number) {
  auto at = std::lower_bound(files.begin(), files.end(), number,
                             [](const SegmentFile& f, uint64_t n) { return f.number < n; });
  return at == files.begin() ? kNone : static_cast<size_t>(at - files.begin()) - 1;
}

ChainLink MissingLink(uint64_t number) {
  ChainLink link;
  link.number = number;
  link.reason = Status::Corruption(LogFileName(number) + ":0: the file is missing");
  return link;
}

}  // namespace

Status CheckOwnSegment(const SegmentFile& file, const Id128& history_id, const Id128& instance_id) {
  if (file.probe.kind != SegmentProbe::Kind::kReadable) return file.probe.status;
  const SegmentHeader& header = file.probe.header();
  std::string where = LogFileName(file.number) + ":0: ";
  if (header.history_id != history_id) {
    return Status::Corruption(where + "segment of another history, " +
                              header.history_id.ToString() + ", expected " + history_id.ToString());
  }
  if (header.instance_id != instance_id) {
    return Status::Corruption(where + "segment of another instance, " +
                              header.instance_id.ToString() + ", expected " +
                              instance_id.ToString());
  }
  if (header.number != file.number) {
    return Status::Corruption(where + "its header says it is segment " +
                              std::to_string(header.number));
  }
  return Status::Ok();
}

std::vector<ChainLink> BuildChain(std::span<const SegmentFile> files, const Id128& history_id,
                                  const Id128& instance_id) {
  auto link_to = [&](size_t file) {
    ChainLink link;
    link.number = files[file].number;
    link.file = file;
    link.reason = CheckOwnSegment(files[file], history_id, instance_id);
    link.kind = link.reason.ok() ? ChainLink::Kind::kReadable : ChainLink::Kind::kUnreadable;
    return link;
  };
  std::vector<ChainLink> chain;  // newest first until the end
  for (size_t i = files.size(); i-- > 0;) {
    chain.push_back(link_to(i));
    if (chain.back().kind == ChainLink::Kind::kReadable) break;
  }
  while (!chain.empty()) {
    const ChainLink from = chain.back();
    if (from.kind != ChainLink::Kind::kReadable) {
      size_t below = NewestBelow(files, from.number);
      if (below == kNone) break;
      chain.push_back(link_to(below));
      continue;
    }
    const SegmentHeader& header = files[from.file].probe.header();
    if (header.predecessor == 0) break;
    size_t below = NewestBelow(files, header.predecessor + 1);
    bool there = below != kNone && files[below].number == header.predecessor;
    ChainLink link = there ? link_to(below) : MissingLink(header.predecessor);
    link.bounded = true;
    link.length_max = header.predecessor_length;
    link.last_position_max = header.predecessor_last_position;
    chain.push_back(std::move(link));
  }
  while (!chain.empty() && chain.back().kind == ChainLink::Kind::kMissing) chain.pop_back();
  std::reverse(chain.begin(), chain.end());
  return chain;
}

LogPos DurableEvidence(const SegmentFile& file, const Id128& instance_id) {
  if (file.probe.kind == SegmentProbe::Kind::kReadable) {
    return file.probe.header().instance_id == instance_id ? file.probe.durable_point() : 0;
  }
  LogPos durable = 0;
  for (const std::optional<DurableSlot>& slot : file.probe.slots) {
    if (slot.has_value() && slot->instance_id == instance_id && slot->number == file.number)
      durable = std::max(durable, slot->durable);
  }
  return durable;
}

}  // namespace logwood
