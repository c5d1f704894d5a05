#include "memtable/range_deletes.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "util/check.h"

namespace logwood {

std::string_view RangeDeletes::Copy(std::string_view key) {
  if (key.empty()) return {};
  char* at = arena_->Allocate(key.size());
  std::memcpy(at, key.data(), key.size());
  return {at, key.size()};
}

template <typename T>
const T* RangeDeletes::Store(const T* from, size_t count) {
  T* at = reinterpret_cast<T*>(arena_->AllocateAligned(count * sizeof(T)));
  return std::uninitialized_copy_n(from, count, at) - count;
}

void RangeDeletes::Insert(std::string_view begin, std::string_view end, LogPos position) {
  CHECK(begin < end);
  begin = Copy(begin);
  end = Copy(end);
  std::vector<Fragment> next;
  const auto add = [&](std::string_view from, std::string_view to, const Covers* older) {
    const bool covered = begin <= from && to <= end;
    const bool is_known = older != nullptr && older->position == position;
    const Covers covers{position, older};
    if (from < to) next.push_back({from, to, covered && !is_known ? Store(&covers, 1) : older});
  };
  std::string_view free_from = begin;  // what no fragment covers of the range begins here, or later
  if (const List* list = list_.load(std::memory_order_relaxed)) {
    for (size_t i = 0; i < list->count; ++i) {
      const Fragment& fragment = list->fragments[i];
      CHECK(fragment.newest->position <= position);
      add(free_from, std::min(end, fragment.begin), nullptr);
      // In three: before the range, in it, behind it.
      const std::string_view in_from = std::clamp(begin, fragment.begin, fragment.end);
      const std::string_view in_to = std::clamp(end, in_from, fragment.end);
      add(fragment.begin, in_from, fragment.newest);
      add(in_from, in_to, fragment.newest);
      add(in_to, fragment.end, fragment.newest);
      free_from = std::max(free_from, fragment.end);
    }
  }
  add(free_from, end, nullptr);
  const List list{Store(next.data(), next.size()), next.size()};
  list_.store(Store(&list, 1), std::memory_order_release);
}

LogPos RangeDeletes::Covering(const List& list, std::string_view stored_key, LogPos position) {
  const Fragment* const end = list.fragments + list.count;
  const Fragment* at = std::upper_bound(
      list.fragments, end, stored_key,
      [](std::string_view key, const Fragment& fragment) { return key < fragment.end; });
  if (at == end || stored_key < at->begin) return 0;
  const Covers* covers = at->newest;
  while (covers != nullptr && covers->position > position) covers = covers->older;
  return covers == nullptr ? 0 : covers->position;
}

}  // namespace logwood
