#include "tests/compaction/shape_simulation.h"

#include <algorithm>
#include <set>
#include <utility>

namespace logwood::testing {

namespace {

// The shape without the plan's inputs and with `outputs` in their place.
LevelShape Replace(const LevelShape& shape, const CompactionPlan& plan,
                   std::vector<TableMetaPtr> outputs) {
  LevelShape next = shape;
  std::set<uint64_t> gone;
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) gone.insert(table->number);
  }
  for (auto& tables : next.levels) {
    std::erase_if(tables,
                  [&](const TableMetaPtr& table) { return gone.count(table->number) != 0; });
  }
  auto& level = next.levels[static_cast<size_t>(plan.output_level)];
  level.insert(level.end(), outputs.begin(), outputs.end());
  std::sort(level.begin(), level.end(),
            [](const auto& a, const auto& b) { return a->begin < b->begin; });
  return next;
}

}  // namespace

LevelShape ApplyBySizes(const LevelShape& shape, const CompactionPlan& plan,
                        const CompactionSettings& settings, uint64_t* next_number) {
  if (plan.trivial_move) return Replace(shape, plan, plan.inputs);
  const uint64_t bytes = plan.InputBytes();
  const uint64_t count = std::max<uint64_t>(1, bytes / settings.table_bytes);
  std::vector<TableMetaPtr> outputs;
  std::string begin = plan.begin;
  for (uint64_t i = 0; i < count; ++i) {
    auto table = std::make_shared<TableMeta>();
    table->number = (*next_number)++;
    table->size = table->entries = bytes / count;
    table->begin = begin;
    begin += "!";  // below any letter: ranges stay disjoint and inside
    table->end = i + 1 == count ? plan.end : begin;
    outputs.push_back(std::move(table));
  }
  return Replace(shape, plan, std::move(outputs));
}

TableMetaPtr SimulatedTree::AddTable(Content content) {
  auto meta = std::make_shared<TableMeta>();
  meta->number = next_number_++;
  meta->begin = content.begin()->first;
  meta->end = content.rbegin()->first + '\0';
  meta->size = meta->entries = content.size();
  meta->min_position = kPositionMax;
  ExpirySampler expiries;
  for (const auto& [key, version] : content) {
    meta->min_position = std::min(meta->min_position, version.position);
    meta->max_position = std::max(meta->max_position, version.position);
    meta->tombstones += version.tombstone;
    if (version.expires_us != 0) expiries.Add(version.expires_us);
  }
  meta->expiry = expiries.Finish();
  contents_[meta->number] = std::move(content);
  return meta;
}

void SimulatedTree::Flush(const Content& content) {
  flushed_ += content.size();
  shape_.levels[0].insert(shape_.levels[0].begin(), AddTable(content));
}

std::vector<TableMetaPtr> SimulatedTree::Split(const Content& content, const CompactionPlan& plan) {
  std::vector<TableMetaPtr> outputs;
  Content part;
  size_t grandparent = 0;
  uint64_t overlap = 0;
  for (const auto& [key, version] : content) {
    bool boundary = false;
    while (grandparent < plan.grandparents.size() && plan.grandparents[grandparent]->end <= key) {
      if (!part.empty()) overlap += plan.grandparents[grandparent]->size;
      ++grandparent;
      boundary = true;
    }
    // As the table sink does it.
    if (part.size() >= (boundary ? settings_.table_bytes / 2 : settings_.table_bytes) ||
        overlap > settings_.grandparent_bytes_max) {
      outputs.push_back(AddTable(std::exchange(part, {})));
      overlap = 0;
    }
    part[key] = version;
  }
  if (!part.empty()) outputs.push_back(AddTable(std::move(part)));
  return outputs;
}

void SimulatedTree::Apply(const CompactionPlan& plan, uint64_t now_us) {
  if (plan.trivial_move) {
    shape_ = Replace(shape_, plan, plan.inputs);
    return;
  }
  Content merged;
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) {
      for (const auto& [key, version] : contents_[table->number]) {
        const auto [at, added] = merged.emplace(key, version);
        if (!added && at->second.position < version.position) at->second = version;
      }
      contents_.erase(table->number);
    }
  }
  for (auto& [key, version] : merged) {
    if (version.expires_us == 0 || version.expires_us > now_us) continue;
    version.tombstone = true;
    version.expires_us = 0;
  }
  if (plan.bottom) std::erase_if(merged, [](const auto& item) { return item.second.tombstone; });
  written_ += merged.size();
  shape_ = Replace(shape_, plan, Split(merged, plan));
}

const SimulatedTree::Version* SimulatedTree::Find(const std::string& key) const {
  for (const auto& tables : shape_.levels) {
    for (const TableMetaPtr& table : tables) {
      if (!table->Contains(key)) continue;
      const Content& content = contents_.at(table->number);
      const auto at = content.find(key);
      if (at != content.end()) return &at->second;
    }
  }
  return nullptr;
}

}  // namespace logwood::testing
