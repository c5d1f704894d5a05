#include "util/simulated_disk.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "util/hash.h"
#include "util/path.h"

namespace logwood {

namespace {

constexpr size_t kRemovedMax = 4;

}  // namespace

void SimulatedDisk::Hasher::AddDirectory(const std::string& path) {
  hash_ = HashMix(hash_, Hash64(path, 1));
}

void SimulatedDisk::Hasher::AddFile(const std::string& path, uint64_t bytes_hash) {
  hash_ = HashMix(HashMix(hash_, Hash64(path)), bytes_hash);
}

uint64_t SimulatedDisk::Hasher::OfBytes(std::string_view bytes) { return Hash64(bytes); }

uint64_t SimulatedDisk::Contents::hash() const {
  uint64_t hash = hash_.load(std::memory_order_relaxed);
  if (hash == 0) {
    hash = Hasher::OfBytes(bytes_);
    hash_.store(hash, std::memory_order_relaxed);
  }
  return hash;
}

uint64_t SimulatedDisk::Image::Hash(const FileRule& except) const {
  Hasher hasher;
  for (const std::string& path : directories) hasher.AddDirectory(path);
  for (const auto& [path, bytes] : files) {
    if (!except || !except(path)) hasher.AddFile(path, bytes->hash());
  }
  return hasher.hash();
}

SimulatedDisk::InodePtr SimulatedDisk::Find(const std::string& path) const {
  const auto found = live_.find(path);
  return found == live_.end() ? nullptr : found->second;
}

void SimulatedDisk::AddDirectory(const std::string& path) {
  for (std::string at = path; !at.empty() && at != "."; at = ParentPath(at)) {
    if (!directories_.insert(at).second) return;
  }
}

SimulatedDisk::InodePtr SimulatedDisk::Create(const std::string& path) {
  InodePtr& inode = live_[path];
  if (inode == nullptr) {
    inode = std::make_shared<Inode>();
    names_pending_.push_back({next_sequence_++, "", path, inode});
  }
  return inode;
}

void SimulatedDisk::Link(const InodePtr& inode, const std::string& to) {
  live_[to] = inode;
  names_pending_.push_back({next_sequence_++, "", to, inode});
}

void SimulatedDisk::NoteRemoved(const Inode& inode) {
  if (!inode.durable->bytes().empty()) removed_.push_back(inode.durable);
  if (removed_.size() > kRemovedMax) removed_.pop_front();
}

void SimulatedDisk::Remove(const std::string& path) {
  if (directories_.erase(path) != 0) return;
  const auto found = live_.find(path);
  if (found != live_.end()) {
    NoteRemoved(*found->second);
    live_.erase(found);
  }
  names_pending_.push_back({next_sequence_++, path, "", nullptr});
}

void SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  const auto found = live_.find(from);
  if (found != live_.end()) {
    InodePtr inode = found->second;
    live_.erase(found);
    if (const auto replaced = live_.find(to); replaced != live_.end()) {
      NoteRemoved(*replaced->second);
    }
    live_[to] = inode;
    names_pending_.push_back({next_sequence_++, from, to, std::move(inode)});
    return;
  }
  const auto moved = [&](const std::string& path) {
    return path == from || path.starts_with(from + "/") ? to + path.substr(from.size()) : path;
  };
  const auto move_names = [&](std::map<std::string, InodePtr>* names) {
    std::map<std::string, InodePtr> next;
    for (auto& [path, inode] : *names) next[moved(path)] = std::move(inode);
    *names = std::move(next);
  };
  std::set<std::string> directories;
  for (const std::string& path : directories_) directories.insert(moved(path));
  directories_ = std::move(directories);
  move_names(&live_);
  move_names(&durable_);
  for (NameChange& change : names_pending_) {
    change.from = moved(change.from);
    change.to = moved(change.to);
  }
}

void SimulatedDisk::MakeNamesDurable(const FileRule& rule) {
  std::erase_if(names_pending_, [&](const NameChange& change) {
    if (!rule(change.name())) return false;
    if (!change.from.empty()) durable_.erase(change.from);
    if (!change.to.empty()) durable_[change.to] = change.inode;
    return true;
  });
}

void SimulatedDisk::SyncDirectory(const std::string& path) {
  MakeNamesDurable([&](const std::string& name) { return ParentPath(name) == path; });
}

void SimulatedDisk::Store(Inode* inode, uint64_t offset, std::string_view bytes, bool joins) {
  if (bytes.empty()) return;
  if (joins && !inode->pending.empty()) {
    Pending& last = inode->pending.back();
    if (!last.is_resize && last.offset + last.bytes.size() == offset) {
      last.bytes.append(bytes);
      return;
    }
  }
  inode->pending.push_back({next_sequence_++, false, offset, std::string(bytes)});
}

void SimulatedDisk::Resize(Inode* inode, uint64_t size) {
  inode->pending.push_back({next_sequence_++, true, size, {}});
}

void SimulatedDisk::Sync(Inode* inode) {
  if (inode->pending.empty()) return;
  inode->durable = std::make_shared<const Contents>(Live(*inode));
  inode->pending.clear();
}

void SimulatedDisk::FailSync(Inode* inode, uint64_t seed) {
  if (seed != 0 && !inode->pending.empty()) {
    Random coin(HashMix(seed, next_sequence_));
    std::string file = inode->durable->bytes();
    for (const Pending& change : inode->pending) {
      const uint64_t part = coin.Uniform(3);
      if (part == 0) continue;
      if (part == 1 && !change.is_resize) {
        StoreSectors(change, coin.Next(), &file);
      } else {
        ApplyWhole(change, &file);
      }
    }
    inode->durable = std::make_shared<const Contents>(std::move(file));
  }
  inode->pending.clear();
}

std::string SimulatedDisk::Live(const Inode& inode) {
  std::string file = inode.durable->bytes();
  for (const Pending& change : inode.pending) ApplyWhole(change, &file);
  return file;
}

void SimulatedDisk::StoreInto(std::string* file, uint64_t offset, std::string_view bytes) {
  if (file->size() < offset + bytes.size()) file->resize(offset + bytes.size());
  file->replace(offset, bytes.size(), bytes);
}

void SimulatedDisk::ApplyWhole(const Pending& change, std::string* file) {
  if (change.is_resize) {
    file->resize(change.offset);
  } else {
    StoreInto(file, change.offset, change.bytes);
  }
}

void SimulatedDisk::Settle(const FileRule& rule) {
  MakeNamesDurable(rule);
  for (const auto& [path, inode] : durable_) {
    if (!inode->pending.empty() && rule(path)) Sync(inode.get());
  }
}

std::vector<SimulatedDisk::Unit> SimulatedDisk::Units() const {
  std::vector<Unit> units;
  std::unordered_set<const Inode*> seen;
  const auto add = [&](const InodePtr& inode) {
    if (inode == nullptr || inode->pending.empty() || !seen.insert(inode.get()).second) return;
    for (size_t i = 0; i < inode->pending.size(); ++i) {
      units.push_back({inode->pending[i].sequence, inode.get(), i});
    }
  };
  for (const auto& [path, inode] : durable_) add(inode);
  for (size_t i = 0; i < names_pending_.size(); ++i) {
    units.push_back({names_pending_[i].sequence, nullptr, i});
    add(names_pending_[i].inode);
  }
  std::sort(units.begin(), units.end(),
            [](const Unit& a, const Unit& b) { return a.sequence < b.sequence; });
  return units;
}

SimulatedDisk SimulatedDisk::Clone() const {
  SimulatedDisk copy = *this;
  std::unordered_map<const Inode*, InodePtr> copies;
  const auto copy_of = [&](InodePtr* inode) {
    if (*inode == nullptr) return;
    InodePtr& made = copies[inode->get()];
    if (made == nullptr) made = std::make_shared<Inode>(**inode);
    *inode = made;
  };
  for (auto& [path, inode] : copy.live_) copy_of(&inode);
  for (auto& [path, inode] : copy.durable_) copy_of(&inode);
  for (NameChange& change : copy.names_pending_) copy_of(&change.inode);
  return copy;
}

SimulatedDisk SimulatedDisk::FromImage(const Image& image) {
  SimulatedDisk disk;
  disk.directories_ = image.directories;
  for (const auto& [path, bytes] : image.files) {
    auto inode = std::make_shared<Inode>();
    inode->durable = bytes;
    disk.live_[path] = inode;
    disk.durable_[path] = std::move(inode);
  }
  return disk;
}

}  // namespace logwood
