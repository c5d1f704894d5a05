// SimulatedDisk: what a disk holds for sure and what waits to get there, as bytes and names; and
// what of it a loss of power may leave. The model behind SimulatedFileSystem; not thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "util/random.h"

namespace logwood {

class SimulatedDisk {
 public:
  using Bytes = std::shared_ptr<const std::string>;
  struct Pending {
    uint64_t sequence = 0;
    bool is_resize = false;
    uint64_t offset = 0;  // resize: the new size
    std::string bytes;
  };
  // A file's contents; lives as long as a name or somebody refers to it.
  struct Inode {
    Bytes durable = std::make_shared<const std::string>();
    std::vector<Pending> pending;  // oldest first
  };
  using InodePtr = std::shared_ptr<Inode>;

  // What the power leaves: all paths are normal ones.
  struct Image {
    std::map<std::string, Bytes> files;
    std::set<std::string> directories;
    uint64_t Hash() const;
  };

  // ---- Names. The caller has seen to it that the change is a legal one.
  InodePtr Find(const std::string& path) const;  // null: no file there
  void AddDirectory(const std::string& path);    // durable at once
  InodePtr Create(const std::string& path);      // or the file that is there
  void Link(const InodePtr& inode, const std::string& to);
  void Remove(const std::string& path);
  void Rename(const std::string& from, const std::string& to);  // directories: durable at once
  void SyncDirectory(const std::string& path);

  // ---- Bytes. With `joins`, a store that begins where the one before ends is one with it.
  void Store(Inode* inode, uint64_t offset, std::string_view bytes, bool joins);
  void Resize(Inode* inode, uint64_t size);
  static void Sync(Inode* inode);
  static void ForgetPending(Inode* inode) { inode->pending.clear(); }
  static std::string Live(const Inode& inode);

  // ---- Loss of power.
  // How much of one change gets to the disk.
  struct Fate {
    enum class Kind : uint8_t {
      kLost,
      kDone,
      kTorn,     // a store: its first `bytes` bytes
      kZeros,    // a store: the file is as long as with it, zeros where it was to go
      kGarbage,  // the same with stale bytes
    };
    Kind kind = Kind::kLost;
    uint64_t bytes = 0;
  };
  // Shows different images until `visit` returns false or there are `max` of them; true: those are
  // all, but for tears at other places.
  bool ForEachImage(uint64_t max, uint64_t seed,
                    const std::function<bool(const Image&)>& visit) const;
  Image RandomImage(uint64_t seed) const;
  Image LiveImage() const;
  SimulatedDisk Clone() const;
  static SimulatedDisk FromImage(const Image& image);

 private:
  // A name that comes, goes, or moves.
  struct NameChange {
    uint64_t sequence = 0;
    std::string from;  // goes; empty: none
    std::string to;    // comes; empty: none
    InodePtr inode;    // for `to`
  };
  // One thing that power may or may not take: an index into names_pending_ or an inode's pending.
  struct Unit {
    uint64_t sequence = 0;
    Inode* inode = nullptr;  // null: a name
    size_t index = 0;
  };
  using Plan = std::vector<Fate>;  // of each unit
  class Explorer;

  std::vector<Unit> Units() const;
  Image Apply(const std::vector<Unit>& units, const Plan& plan, uint64_t garbage_seed) const;
  Fate RandomFate(const Unit& unit, Random* random) const;

  uint64_t next_sequence_ = 1;
  std::set<std::string> directories_;
  std::map<std::string, InodePtr> live_;
  std::map<std::string, InodePtr> durable_;
  std::vector<NameChange> names_pending_;
};

}  // namespace logwood
