// CrashWorkload: what a program that is going to be killed writes. Batch i of a stream is a pure
// function of (seed, stream, i), so the state after any number of batches is known without being
// told. Every operation goes into two keyspaces at once: half a batch would show.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "logwood/db.h"

namespace logwood::test {

// The two keyspaces. Either may be missing when the program died early.
struct CrashKeyspaces {
  std::optional<Keyspace> left, right;
  LogPos commits() const { return (left ? 1u : 0u) + (right ? 1u : 0u); }

  static Result<CrashKeyspaces> Open(DB* db);
  // What an open must be given, for them to be created with their operators (which later opens
  // find by themselves).
  static std::map<std::string, KeyspaceOptions> OptionsOfBoth();
  // Creates the missing ones.
  static Result<CrashKeyspaces> OpenOrCreate(DB* db);
};

// The expected content of one stream after some batches.
class CrashStream {
 public:
  CrashStream(uint64_t seed, uint32_t stream) : seed_(seed), stream_(stream) {}

  // Batches applied so far.
  uint64_t last() const { return last_; }
  // Applies batches up to `i`. REQUIRES: i >= last().
  void AdvanceTo(uint64_t i);
  const std::map<std::string, std::string>& content() const { return content_; }

  // Puts batch `i` into `batch`, for both keyspaces.
  void Fill(uint64_t i, const CrashKeyspaces& keyspaces, WriteBatch* batch) const;
  // Whether batch `i` asks for kPower under SYNC 0 (never), 1 (always), 2 (mixed).
  bool IsDurable(uint64_t i, int sync) const;

  // All keys of the stream begin with this.
  std::string prefix() const;

 private:
  struct Write {
    std::string key;
    std::optional<std::string> value;
    std::optional<std::string> end = {};  // then all keys before it from `key` on are deleted
    bool is_merge = false;                // the value comes behind what is there
  };
  std::string KeyOfStream(uint64_t number) const;
  std::vector<Write> WritesOf(uint64_t i) const;

  uint64_t seed_;
  uint32_t stream_;
  uint64_t last_ = 0;
  std::map<std::string, std::string> content_;
};

// The last batch of the stream that `keyspace` holds; 0: none.
Result<uint64_t> LastBatchOf(DB* db, Keyspace keyspace, const CrashStream& stream);

// Compares both keyspaces with what the streams' last batches found there say: every key, both ways
// of finding it; and the number of commits with the database's last position. Advances the streams.
// kConflict says what is wrong; any other code is the database's own, which could not read.
Status CheckCrashContent(DB* db, std::vector<CrashStream>* streams);

}  // namespace logwood::test
