// Model: what a database must answer, as a std::map with every version ever written. Slow, simple
// and obviously right; the measure for tests.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/types.h"
#include "tests/support/operation.h"

namespace logwood::test {

// One key's versions, oldest first.
struct ModelVersion {
  LogPos position = 0;
  std::optional<std::string> value = {};  // nullopt: deleted
};

// One life of a keyspace, from its creation to its drop.
struct ModelKeyspace {
  LogPos created = 0;
  std::map<std::string, std::vector<ModelVersion>, std::less<>> keys;

  // Null: not there at that position.
  const std::string* Get(std::string_view key, LogPos position) const;
};

class Model {
 public:
  // A database whose last position is `last` and that holds only the empty keyspace "default".
  explicit Model(LogPos last = 0);

  LogPos last() const { return last_; }
  // Null: there is none in that slot now.
  ModelKeyspace* current(int slot) { return current_[static_cast<size_t>(slot)]; }
  const ModelKeyspace* current(int slot) const { return current_[static_cast<size_t>(slot)]; }

  // Each takes one position and returns it.
  LogPos Create(int slot);
  LogPos Drop(int slot);
  // REQUIRES: every keyspace named is there, no range ends before it begins, and no merge is one
  // that is refused. Later items win; merges come on top.
  LogPos Apply(const std::vector<BatchItem>& items);

  uint64_t versions() const { return versions_; }

 private:
  void AddVersion(std::optional<std::string> value, std::vector<ModelVersion>* versions);
  void DeleteRange(const KeyBounds& bounds, ModelKeyspace* keyspace);

  LogPos last_;
  uint64_t versions_ = 0;
  std::deque<ModelKeyspace> lives_;  // never removed: iterators of dropped ones go on
  std::array<ModelKeyspace*, kKeyspaceSlots> current_{};
};

// What an iterator must do: the entries of one keyspace visible at one position, within bounds.
class ModelCursor {
 public:
  struct Bounds {
    std::optional<std::string> lower = {}, upper = {};
    std::string prefix = {};
  };
  ModelCursor(const ModelKeyspace& keyspace, LogPos position, const Bounds& bounds);

  bool Valid() const { return valid_; }
  std::string_view key() const { return at_->first; }
  const std::string& value() const { return *keyspace_->Get(at_->first, position_); }
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view target);
  void SeekForPrev(std::string_view target);
  void Next();
  void Prev();

 private:
  using Place = decltype(ModelKeyspace::keys)::const_iterator;

  bool Visible(Place place) const { return keyspace_->Get(place->first, position_) != nullptr; }
  // The first visible entry at or after `from`, the last visible one before `end`.
  void Forward(Place from);
  void Backward(Place end);

  const ModelKeyspace* keyspace_;
  LogPos position_;
  std::string lower_;
  std::optional<std::string> upper_;
  Place at_;
  bool valid_ = false;
};

}  // namespace logwood::test
