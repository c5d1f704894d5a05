// Model: what a database must answer, as a std::map with every version ever written. Slow, simple
// and obviously right; the measure for tests.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/types.h"
#include "tests/support/operation.h"

namespace logwood::test {

// What a view sees: what was committed up to there, but for what has expired by then.
struct ModelMoment {
  LogPos position = 0;
  uint64_t time_us = 0;
};

// One key's versions, oldest first.
struct ModelVersion {
  LogPos position = 0;
  std::optional<std::string> value = {};  // nullopt: deleted
  // From then on it is this instead: nothing, or what was merged onto what expires.
  uint64_t expires_us = kNever;
  std::optional<std::string> after = {};

  static constexpr uint64_t kNever = ~uint64_t{0};
  const std::optional<std::string>& At(uint64_t time_us) const {
    return time_us < expires_us ? value : after;
  }
};

// One life of a keyspace, from its creation to its drop.
struct ModelKeyspace {
  LogPos created = 0;
  std::map<std::string, std::vector<ModelVersion>, std::less<>> keys;

  // Null: not there at that moment.
  const std::string* Get(std::string_view key, const ModelMoment& at) const;
};

// What one operation of a commit wrote to: a key, a range, or, with a drop, all of a keyspace.
struct ModelWrite {
  LogPos position = 0;
  const ModelKeyspace* keyspace = nullptr;
  std::string begin;
  std::optional<std::string> end;
  bool is_drop = false;
};

class Model {
 public:
  // A database whose last position is `last` and that holds only the empty keyspace "default".
  explicit Model(LogPos last = 0);

  LogPos last() const { return last_; }
  // What a view that is made now sees. Its time is the machine's, but never before a commit's.
  ModelMoment now() const { return {last_, std::max(wall_us_, reached_us_)}; }
  uint64_t wall_us() const { return wall_us_; }
  void SetWall(uint64_t time_us) { wall_us_ = time_us; }
  // Null: there is none in that slot now.
  ModelKeyspace* current(int slot) { return current_[static_cast<size_t>(slot)]; }
  const ModelKeyspace* current(int slot) const { return current_[static_cast<size_t>(slot)]; }

  // The same, or the last one that was dropped.
  const ModelKeyspace* newest(int slot) const { return newest_[static_cast<size_t>(slot)]; }

  // Each takes one position and returns it.
  LogPos Create(int slot);
  LogPos Drop(int slot);
  // REQUIRES: every keyspace named is there, no range ends before it begins, and no merge is one
  // that is refused. Later items win; merges come on top. What a put does not say of its time to
  // live is for ever.
  LogPos Apply(const std::vector<BatchItem>& items);

  // Of the puts whose time had come by now, those whose time came last.
  struct Expired {
    const ModelKeyspace* keyspace = nullptr;
    std::string key;
  };
  std::vector<Expired> LastExpired(size_t most) const;

  uint64_t versions() const { return versions_; }
  // Of all commits, oldest first.
  const std::vector<ModelWrite>& writes() const { return writes_; }

 private:
  // One more commit.
  LogPos NextPosition();
  void AddVersion(ModelVersion version, std::vector<ModelVersion>* versions);
  void DeleteRange(const KeyBounds& bounds, ModelKeyspace* keyspace);

  LogPos last_;
  uint64_t wall_us_ = 0, reached_us_ = 0;
  std::multimap<uint64_t, Expired> expiring_;  // by when
  uint64_t versions_ = 0;
  std::vector<ModelWrite> writes_;
  std::deque<ModelKeyspace> lives_;  // never removed: iterators of dropped ones go on
  std::array<ModelKeyspace*, kKeyspaceSlots> current_{}, newest_{};
};

// Writes of a transaction to one keyspace; nullopt: deleted.
using ModelOwnWrites = std::map<std::string, std::optional<std::string>, std::less<>>;

// What an iterator must do: the entries of one keyspace visible at one moment, within bounds, and
// on top of them those of a transaction.
class ModelCursor {
 public:
  struct Bounds {
    std::optional<std::string> lower = {}, upper = {};
    std::string prefix = {};
  };
  ModelCursor(const ModelKeyspace& keyspace, const ModelMoment& at, const Bounds& bounds,
              std::shared_ptr<const ModelOwnWrites> own = nullptr);

  bool Valid() const { return valid_; }
  std::string_view key() const { return key_; }
  const std::string& value() const { return *Visible(key_); }
  const ModelKeyspace& keyspace() const { return *keyspace_; }
  const std::string& lower() const { return lower_; }
  const std::optional<std::string>& upper() const { return upper_; }
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view target);
  void SeekForPrev(std::string_view target);
  void Next();
  void Prev();

 private:
  // Null: not there.
  const std::string* Visible(std::string_view key) const;
  // The first visible entry from `from` on, or behind it; the last one before `end`, nullopt: of
  // all.
  void Forward(std::string_view from, bool behind);
  void Backward(std::optional<std::string_view> end);

  const ModelKeyspace* keyspace_;
  ModelMoment at_;
  std::string lower_;
  std::optional<std::string> upper_;
  std::shared_ptr<const ModelOwnWrites> own_;
  std::string_view key_;  // of a map that loses nothing
  bool valid_ = false;
};

}  // namespace logwood::test
