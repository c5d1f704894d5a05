// SimulatedDisk: what a disk holds for sure and what waits to get there, as bytes and names; and
// what of it a loss of power may leave. The model behind SimulatedFileSystem; not thread safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/random.h"

namespace logwood {

class SimulatedDisk {
 public:
  // A file's bytes, which never change; hashed once, by whichever thread asks first.
  class Contents {
   public:
    Contents() = default;
    explicit Contents(std::string bytes) : bytes_(std::move(bytes)) {}
    const std::string& bytes() const { return bytes_; }
    uint64_t hash() const;

   private:
    const std::string bytes_;
    mutable std::atomic<uint64_t> hash_{0};  // 0: not yet; relaxed, all compute the same
  };
  using Bytes = std::shared_ptr<const Contents>;
  using FileRule = std::function<bool(const std::string& path)>;

  struct Pending {
    uint64_t sequence = 0;
    bool is_resize = false;
    uint64_t offset = 0;  // resize: the new size
    std::string bytes;
  };
  // A file's contents; lives as long as a name or somebody refers to it.
  struct Inode {
    Bytes durable = std::make_shared<const Contents>();
    std::vector<Pending> pending;  // oldest first
  };
  using InodePtr = std::shared_ptr<Inode>;

  // What the power leaves: all paths are normal ones.
  struct Image {
    std::map<std::string, Bytes> files;
    std::set<std::string> directories;
    // Of all but the files of which `except` (may be empty) says so.
    uint64_t Hash(const FileRule& except) const;
  };
  // That hash, of a disk told name by name: directories first, both in order.
  class Hasher {
   public:
    void AddDirectory(const std::string& path);
    void AddFile(const std::string& path, uint64_t bytes_hash);
    static uint64_t OfBytes(std::string_view bytes);
    uint64_t hash() const { return hash_; }

   private:
    uint64_t hash_ = 0;
  };

  // ---- Names. The caller has seen to it that the change is a legal one.
  InodePtr Find(const std::string& path) const;  // null: no file there
  void AddDirectory(const std::string& path);    // durable at once
  const std::set<std::string>& directories() const { return directories_; }
  InodePtr Create(const std::string& path);  // or the file that is there
  void Link(const InodePtr& inode, const std::string& to);
  void Remove(const std::string& path);
  void Rename(const std::string& from, const std::string& to);  // directories: durable at once
  void SyncDirectory(const std::string& path);

  // ---- Bytes. With `joins`, a store that begins where the one before ends is one with it.
  void Store(Inode* inode, uint64_t offset, std::string_view bytes, bool joins);
  void Resize(Inode* inode, uint64_t size);
  static void Sync(Inode* inode);
  // Nothing waits any more; with a seed, some of what waited got there all the same.
  void FailSync(Inode* inode, uint64_t seed);
  static std::string Live(const Inode& inode);

  // Makes the names and bytes of these files durable.
  void Settle(const FileRule& rule);

  // ---- Loss of power.
  // How much of one change gets to the disk.
  struct Fate {
    enum class Kind : uint8_t {
      kLost,
      kDone,
      kTorn,     // a store: its first `bytes` bytes
      kMixed,    // a store: some of its sectors; `bytes` is the seed that says which
      kZeros,    // a store: the file is as long as with it, zeros where it was to go
      kGarbage,  // the same with stale bytes; a resize: stale bytes where it made the file longer
      kTornOverStale,   // as kTorn and
      kMixedOverStale,  // as kMixed, with stale bytes where nothing else ever was
    };
    Kind kind = Kind::kLost;
    uint64_t bytes = 0;
  };
  struct Exploration {
    uint64_t images_max = 100;
    uint64_t seed = 1;
    std::function<bool(uint64_t hash)> wanted;  // empty: all; else images refused do not count
    FileRule settled;                           // for that hash
  };
  // Shows different images until `visit` returns false or there are enough of them; true: those are
  // all, but for tears at other places and several at once.
  bool ForEachImage(const Exploration& exploration,
                    const std::function<bool(const Image&)>& visit) const;
  Image RandomImage(uint64_t seed) const;
  SimulatedDisk Clone() const;
  static SimulatedDisk FromImage(const Image& image);

 private:
  // A name that comes, goes, or moves.
  struct NameChange {
    uint64_t sequence = 0;
    std::string from;  // goes; empty: none
    std::string to;    // comes; empty: none
    InodePtr inode;    // for `to`
    const std::string& name() const { return to.empty() ? from : to; }
  };
  // One thing that power may or may not take: an index into names_pending_ or an inode's pending.
  struct Unit {
    uint64_t sequence = 0;
    Inode* inode = nullptr;  // null: a name
    size_t index = 0;
  };
  using Plan = std::vector<Fate>;  // of each unit
  class Explorer;
  class StaleBytes;

  void MakeNamesDurable(const FileRule& rule);
  void NoteRemoved(const Inode& inode);
  std::vector<Unit> Units() const;
  Image Apply(const std::vector<Unit>& units, const Plan& plan, uint64_t garbage_seed) const;
  static void StoreInto(std::string* file, uint64_t offset, std::string_view bytes);
  static void StoreSectors(const Pending& change, uint64_t seed, std::string* file);
  static void ApplyWhole(const Pending& change, std::string* file);
  static void ApplyPart(const Pending& change, const Fate& fate, StaleBytes* stale,
                        std::string* file);

  uint64_t next_sequence_ = 1;
  std::set<std::string> directories_;
  std::map<std::string, InodePtr> live_;
  std::map<std::string, InodePtr> durable_;
  std::vector<NameChange> names_pending_;
  // Contents of the last files removed or replaced: their blocks are used again.
  std::deque<Bytes> removed_;
};

}  // namespace logwood
