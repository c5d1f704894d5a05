#include "logwood/write_batch.h"

#include <new>

#include "util/batch_codec.h"
#include "util/internal_key.h"

namespace logwood {

namespace {

Status TooLong(std::string_view what, size_t bytes, std::string_view limit_name, size_t limit) {
  std::string text(what);
  text.append(" of ").append(std::to_string(bytes)).append(" bytes is longer than ");
  text.append(limit_name).append(" = ").append(std::to_string(limit));
  return Status::InvalidArgument(text);
}

Status NoMemory(size_t bytes) {
  return Status::Busy("batch: no memory for its " + std::to_string(bytes) + " bytes");
}

}  // namespace

bool WriteBatch::Begin(Keyspace keyspace, std::string_view key, std::string_view value) {
  if (!status_.ok()) return false;
  if (keyspace.number() == kCatalogueKeyspace) {
    status_ = Status::InvalidArgument("keyspace 0 is the catalogue: only the engine writes it");
  } else if (keyspace.owner() == 0 && keyspace.number() != kDefaultKeyspace) {
    status_ = Status::InvalidArgument(
        "keyspace: this handle came from no database (use CreateKeyspace or OpenKeyspace)");
  } else if (keyspace.owner() != 0 && owner_ != 0 && keyspace.owner() != owner_) {
    status_ = Status::InvalidArgument("keyspaces of two databases in one batch");
  } else if (key.size() > kKeyBytesMax) {
    status_ = TooLong("key", key.size(), "kKeyBytesMax", kKeyBytesMax);
  } else if (value.size() > kBatchBytesMax) {
    status_ = TooLong("value", value.size(), "kBatchBytesMax", kBatchBytesMax);
  } else if (key.size() + value.size() + kOperationOverheadBytesMax > kBatchBytesMax - bytes()) {
    status_ = TooLong("batch", bytes() + key.size() + value.size() + kOperationOverheadBytesMax,
                      "kBatchBytesMax", kBatchBytesMax);
  }
  if (!status_.ok()) return false;
  if (keyspace.owner() != 0) owner_ = keyspace.owner();
  ++count_;
  data_bytes_ += key.size() + value.size();
  return true;
}

// Whole or not at all: half an operation must not get into the log when the caller survives the
// failure (invariant 28).
template <typename Append>
void WriteBatch::AppendWhole(size_t bytes, const Append& append) {
  const size_t before = operations_.size();
  try {
    append(&operations_);
  } catch (const std::bad_alloc&) {
    operations_.resize(before);
    --count_;
    status_ = NoMemory(before + bytes);
  }
}

void WriteBatch::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  if (!Begin(keyspace, key, value)) return;
  AppendWhole(key.size() + value.size(), [&](std::string* to) {
    AppendOperation(to, EntryKind::kPut, keyspace.number(), key, value);
  });
}

void WriteBatch::PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                             std::chrono::microseconds ttl) {
  if (!status_.ok()) return;
  if (Status fits = CheckTtl(ttl); !fits.ok()) {
    status_ = std::move(fits);
    return;
  }
  if (!Begin(keyspace, key, value)) return;
  const uint64_t ttl_us = ttl == kNoExpiry ? 0 : static_cast<uint64_t>(ttl.count());
  AppendWhole(key.size() + value.size(), [&](std::string* to) {
    AppendPutExpiring(to, keyspace.number(), key, value, ttl_us);
  });
}

void WriteBatch::Delete(Keyspace keyspace, std::string_view key) {
  if (!Begin(keyspace, key, {})) return;
  AppendWhole(key.size(), [&](std::string* to) {
    AppendOperation(to, EntryKind::kDelete, keyspace.number(), key, {});
  });
}

void WriteBatch::Merge(Keyspace keyspace, std::string_view key, std::string_view operand) {
  if (!Begin(keyspace, key, operand)) return;
  AppendWhole(key.size() + operand.size(), [&](std::string* to) {
    AppendOperation(to, EntryKind::kMerge, keyspace.number(), key, operand);
  });
  if (status_.ok()) ++merge_count_;
}

void WriteBatch::DeleteRange(Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) {
  if (!status_.ok() || (end && *end == begin)) return;
  if (end && *end < begin) {
    status_ = Status::InvalidArgument("range: its end lies before its begin");
    return;
  }
  if (end && end->size() > kKeyBytesMax) {
    status_ = TooLong("end of a range", end->size(), "kKeyBytesMax", kKeyBytesMax);
    return;
  }
  // The end counts as a value does.
  if (!Begin(keyspace, begin, end.value_or(std::string_view()))) return;
  AppendWhole(begin.size() + end.value_or("").size(), [&](std::string* to) {
    const uint32_t number = keyspace.number();
    const StoredKeyBuffer from(number, begin);
    AppendRangeDelete(to, from.view(),
                      end ? KeyspacePrefix(number).append(*end) : KeyspaceEnd(number));
  });
  if (status_.ok()) ++range_count_;
}

void WriteBatch::Reserve(size_t bytes) {
  if (!status_.ok()) return;
  if (bytes > kBatchBytesMax) {
    status_ = TooLong("batch", bytes, "kBatchBytesMax", kBatchBytesMax);
    return;
  }
  try {
    operations_.reserve(bytes);
  } catch (const std::bad_alloc&) {
    status_ = NoMemory(bytes);
  }
}

void WriteBatch::Note(std::string_view note) {
  if (!status_.ok()) return;
  if (note.size() > kNoteBytesMax) {
    status_ = TooLong("note", note.size(), "kNoteBytesMax", kNoteBytesMax);
  } else if (note.size() > kBatchBytesMax - operations_.size()) {
    status_ = TooLong("batch", operations_.size() + note.size(), "kBatchBytesMax", kBatchBytesMax);
  } else {
    try {
      note_.assign(note);
    } catch (const std::bad_alloc&) {
      status_ = NoMemory(note.size());
    }
  }
}

void WriteBatch::Swap(WriteBatch* other) noexcept {
  operations_.swap(other->operations_);
  note_.swap(other->note_);
  std::swap(data_bytes_, other->data_bytes_);
  std::swap(count_, other->count_);
  std::swap(range_count_, other->range_count_);
  std::swap(merge_count_, other->merge_count_);
  std::swap(owner_, other->owner_);
  std::swap(status_, other->status_);
}

void WriteBatch::Clear() {
  operations_.clear();
  note_.clear();
  data_bytes_ = 0;
  count_ = 0;
  range_count_ = 0;
  merge_count_ = 0;
  owner_ = 0;
  status_ = Status();
}

}  // namespace logwood
