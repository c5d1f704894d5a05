// ModelTransaction: what a transaction must show, and what must be in the way of its commit, found
// by looking through everything that was written since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/model.h"

namespace logwood::test {

class ModelTransaction {
 public:
  ModelTransaction(const ModelMoment& at, bool is_serializable)
      : at_(at), is_serializable_(is_serializable) {}

  const ModelMoment& at() const { return at_; }
  LogPos position() const { return at_.position; }
  bool is_serializable() const { return is_serializable_; }

  // Null: not there.
  const std::string* Get(const ModelKeyspace& keyspace, std::string_view key) const;
  ModelCursor Cursor(const ModelKeyspace& keyspace, const ModelCursor::Bounds& bounds) const;

  // A read of one of kSerializable, and what was asked for besides. `number` is the keyspace's.
  void ReadKey(const ModelKeyspace& keyspace, uint32_t number, const std::string& key);
  void ReadRange(const ModelKeyspace& keyspace, uint32_t number, const std::string& begin,
                 const std::optional<std::string>& end);
  void RelyOnKey(const ModelKeyspace& keyspace, uint32_t number, const std::string& key);

  // REQUIRES: a range is neither empty nor backward, and no merge is one that is refused.
  // `keyspace`: null: it was dropped.
  void Write(const ModelKeyspace* keyspace, uint32_t number, const BatchItem& item);
  std::vector<BatchItem> items() const;
  // Whether the keyspaces that it writes to are those of the model now.
  bool IsWritable(const Model& model) const;

  // A write was refused by itself: so is the commit then.
  void Refuse() { is_refused_ = true; }
  bool is_refused() const { return is_refused_; }

  // Its number.
  size_t SetSavepoint();
  // Whether there is one of this number.
  bool RollbackTo(size_t savepoint);

  // What is in the way of a commit now.
  struct Conflict {
    ModelWrite write;
    uint32_t number = 0;  // of the keyspace
    // Where what was written and what is relied on meet.
    std::string begin;
    std::optional<std::string> end;
  };
  std::vector<Conflict> Conflicts(const Model& model) const;

  // More than what the database counts for both.
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t relied_bytes() const { return relied_bytes_; }

 private:
  struct Own {
    const ModelKeyspace* keyspace = nullptr;
    uint32_t number = 0;
    BatchItem item;
  };
  struct Range {
    const ModelKeyspace* keyspace = nullptr;
    uint32_t number = 0;
    std::string begin;
    std::optional<std::string> end;
  };
  void RelyOn(Range range);
  // Adds it to what is shown.
  void Show(const Own& own);
  std::vector<Range> ReliedAtCommit() const;

  ModelMoment at_;
  bool is_serializable_;
  std::vector<Own> own_;
  std::map<const ModelKeyspace*, ModelOwnWrites> shown_;
  struct Savepoint {
    size_t own = 0;  // how many own writes there were
    bool is_refused = false;
  };
  std::map<size_t, Savepoint> savepoints_;
  size_t last_savepoint_ = 0;  // no number is given twice
  std::vector<Range> relied_;
  bool is_refused_ = false;
  uint64_t written_bytes_ = 0, relied_bytes_ = 0;
};

}  // namespace logwood::test
