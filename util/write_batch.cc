#include "logwood/write_batch.h"

#include "util/batch_codec.h"

namespace logwood {

namespace {

Status TooLong(std::string_view what, size_t bytes, std::string_view limit_name, size_t limit) {
  std::string text(what);
  text.append(" of ").append(std::to_string(bytes)).append(" bytes is longer than ");
  text.append(limit_name).append(" = ").append(std::to_string(limit));
  return Status::InvalidArgument(text);
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

void WriteBatch::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  if (!Begin(keyspace, key, value)) return;
  AppendOperation(&operations_, EntryKind::kPut, keyspace.number(), key, value);
}

void WriteBatch::Delete(Keyspace keyspace, std::string_view key) {
  if (!Begin(keyspace, key, {})) return;
  AppendOperation(&operations_, EntryKind::kDelete, keyspace.number(), key, {});
}

void WriteBatch::Note(std::string_view note) {
  if (!status_.ok()) return;
  if (note.size() > kNoteBytesMax) {
    status_ = TooLong("note", note.size(), "kNoteBytesMax", kNoteBytesMax);
  } else if (note.size() > kBatchBytesMax - operations_.size()) {
    status_ = TooLong("batch", operations_.size() + note.size(), "kBatchBytesMax", kBatchBytesMax);
  } else {
    note_.assign(note);
  }
}

void WriteBatch::Clear() {
  operations_.clear();
  note_.clear();
  data_bytes_ = 0;
  count_ = 0;
  owner_ = 0;
  status_ = Status();
}

}  // namespace logwood
