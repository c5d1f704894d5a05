#include "compaction/table_sink.h"

#include <algorithm>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "util/check.h"
#include "util/internal_key.h"
#include "util/random.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// How much of a table may be added before its size is looked at again.
constexpr uint64_t kSizeCheckBytes = 16 * 1024;

class TableSink {
 public:
  explicit TableSink(const SinkOptions& options)
      : options_(options), check_bytes_(std::min(kSizeCheckBytes, options.table_bytes_max / 8)) {}
  ~TableSink() { Account(0); }

  Status Drain(CompactionIterator* input) {
    input->set_cancelled(&options_.cancelled);
    Status status;
    try {
      status = Copy(input);
    } catch (const std::bad_alloc&) {  // invariant 28
      status = Status::Busy("no memory to write a table");
    }
    input->set_cancelled(nullptr);
    return status;
  }

  SinkResult TakeResult() { return std::move(result_); }

  // Best effort: what can not be removed is referenced by nothing and found by the collector.
  void RemoveAll() {
    builder_.reset();
    file_.reset();
    for (const std::string& path : paths_) options_.fs->Remove(path).ok();
  }

 private:
  Status Copy(CompactionIterator* input) {
    if (input->range_deletes() != nullptr) ranges_ = input->range_deletes()->fragments();
    for (; input->Valid(); input->Next()) {
      const Entry& entry = input->entry();
      if (!ranges_.empty() && ranges_.front().begin <= entry.key) [[unlikely]]
        RETURN_IF_ERROR(AddRanges(entry.key));
      // Where a range begins at the key, it was asked already.
      const bool begins_range = open_range_ && open_range_->begin == entry.key;
      if (input->first_of_key() && builder_ != nullptr && !begins_range && EndsBefore(entry.key)) {
        RETURN_IF_ERROR(FinishTable(entry.key));
      }
      if (builder_ == nullptr) RETURN_IF_ERROR(StartTable(entry.key));
      builder_->Add(entry.key, entry.trailer, entry.value);
      unchecked_bytes_ += entry.key.size() + entry.value.size() + sizeof(entry.trailer);
      max_position_ = std::max(max_position_, input->source_position());
      ++result_.entries;
      ++table_entries_;
    }
    RETURN_IF_ERROR(input->status());
    RETURN_IF_ERROR(AddRanges(std::nullopt));
    return builder_ == nullptr ? Status::Ok() : FinishTable(std::nullopt);
  }

  using Fragment = RangeFragments::Fragment;

  // Those that begin before the key or at it, since a table that began with one behind the key's
  // entries would begin within the table before it; nullopt: all that are left.
  Status AddRanges(std::optional<std::string_view> key) {
    while (!ranges_.empty() && (!key || ranges_.front().begin <= *key)) {
      const Fragment next = ranges_.front();
      if (options_.cancelled && options_.cancelled())
        return Status::Cancelled("compaction was cancelled");
      if (builder_ != nullptr && EndsBefore(next.begin)) RETURN_IF_ERROR(FinishTable(next.begin));
      if (builder_ == nullptr) RETURN_IF_ERROR(StartTable(next.begin));
      GiveOpenRange(std::nullopt);
      open_range_ = next;
      unchecked_bytes_ += next.begin.size() + next.end.size() + next.positions.size_bytes();
      ranges_ = ranges_.subspan(1);
    }
    return Status::Ok();
  }

  // The last range waits here, because the table may end within it.
  void GiveOpenRange(std::optional<std::string_view> table_end) {
    if (!open_range_) return;
    Fragment& open = *open_range_;
    const bool is_cut = table_end && *table_end < open.end;
    const std::string_view end = is_cut ? *table_end : open.end;
    for (LogPos position : open.positions) builder_->AddRangeDelete(open.begin, end, position);
    if (!is_cut) {
      open_range_.reset();
      return;
    }
    cut_at_.assign(end);
    open.begin = cut_at_;
  }

  // Whether the open table is complete when `key` comes next. One that is half full ends where a
  // grandparent does: later compactions then drag fewer tables along (5 to 7 % less is written;
  // docs/decisions/0004-compaction-picking.md).
  bool EndsBefore(std::string_view key) {
    if (LeavesKeyspace(key) && builder_->estimated_bytes() >= options_.keyspace_apart_bytes)
      return true;
    bool boundary = false;
    while (grandparent_ < options_.grandparents.size() &&
           options_.grandparents[grandparent_]->end <= key) {
      overlap_bytes_ += options_.grandparents[grandparent_]->size;
      ++grandparent_;
      boundary = true;
    }
    if (overlap_bytes_ > options_.grandparent_bytes_max) return true;
    if (boundary && builder_->estimated_bytes() >= options_.table_bytes_max / 2) return true;
    if (unchecked_bytes_ < check_bytes_) return false;
    unchecked_bytes_ = 0;
    Account(builder_->memory_bytes());
    // A failed builder is noticed here too, not only at the table's end.
    return builder_->estimated_bytes() >= options_.table_bytes_max ||
           builder_->lasting_bytes() > options_.lasting_bytes_max || !builder_->status().ok();
  }

  bool LeavesKeyspace(std::string_view key) {
    if (key.starts_with(keyspace_)) return false;
    EnterKeyspace(key);
    return true;
  }

  void EnterKeyspace(std::string_view key) {
    uint32_t number;
    std::string_view user_key;
    keyspace_ = SplitStoredKey(key, &number, &user_key)
                    ? key.substr(0, key.size() - user_key.size())
                    : std::string_view();
  }

  void Account(uint64_t bytes) {
    if (options_.account == nullptr) return;
    options_.account->Replace(accounted_bytes_, bytes);
    accounted_bytes_ = bytes;
  }

  Status StartTable(std::string_view first_key) {
    while (grandparent_ < options_.grandparents.size() &&
           options_.grandparents[grandparent_]->end <= first_key) {
      ++grandparent_;
    }
    overlap_bytes_ = unchecked_bytes_ = 0;
    max_position_ = table_entries_ = 0;
    EnterKeyspace(first_key);
    const uint64_t number = options_.next_number();
    std::string path = options_.directory + "/" + TableFileName(number);
    ASSIGN_OR_RETURN(file_, options_.fs->CreateWritable(path));
    paths_.push_back(std::move(path));
    builder_ = std::make_unique<TableBuilder>(file_.get(), options_.table, number, NewId());
    Account(builder_->memory_bytes());
    return Status::Ok();
  }

  // Before `end`, where the next one begins; nullopt: there is none. Invariant 5: the bytes are
  // durable before the table is returned to anybody.
  Status FinishTable(std::optional<std::string_view> end) {
    GiveOpenRange(end);
    ASSIGN_OR_RETURN(TableMeta meta, builder_->Finish());
    builder_.reset();
    Account(0);
    Status synced = file_->Sync();
    if (!synced.ok() && options_.sync_failed) options_.sync_failed(synced);
    RETURN_IF_ERROR(std::move(synced));
    RETURN_IF_ERROR(file_->Close());
    file_.reset();
    CHECK(meta.entries != 0);
    meta.created_us = options_.created_us;
    // Entries that got position 0 mean "at or before this table's largest".
    meta.max_position = std::max(meta.max_position, max_position_);
    result_.bytes_written += meta.size;
    result_.markers += meta.entries - table_entries_;
    result_.tables.push_back(std::move(meta));
    return Status::Ok();
  }

  const SinkOptions& options_;
  const uint64_t check_bytes_;
  SinkResult result_;
  std::vector<std::string> paths_;  // of all files made
  // Declared in this order: the builder holds the file.
  std::unique_ptr<WritableFile> file_;
  std::unique_ptr<TableBuilder> builder_;
  uint64_t unchecked_bytes_ = 0;  // added since the size was looked at
  uint64_t accounted_bytes_ = 0;
  LogPos max_position_ = 0;           // as the entries came
  size_t grandparent_ = 0;            // the first that ends after the last key
  uint64_t overlap_bytes_ = 0;        // of grandparents the open table has passed
  std::string keyspace_;              // prefix of the last key's
  uint64_t table_entries_ = 0;        // of the open table
  std::span<const Fragment> ranges_;  // still to come
  std::optional<Fragment> open_range_;
  std::string cut_at_;  // where it begins, if a table ended within it
};

}  // namespace

Result<SinkResult> WriteTables(CompactionIterator* input, const SinkOptions& options) {
  TableSink sink(options);
  Status status = sink.Drain(input);
  if (!status.ok()) {
    sink.RemoveAll();
    return status;
  }
  SinkResult result = sink.TakeResult();
  result.expired = input->entries_expired();
  return result;
}

void RemoveTables(const std::vector<TableMeta>& tables, const SinkOptions& options) {
  for (const TableMeta& table : tables) {
    options.fs->Remove(options.directory + "/" + TableFileName(table.number)).ok();
  }
}

}  // namespace logwood
