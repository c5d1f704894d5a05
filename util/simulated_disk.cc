#include "util/simulated_disk.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "util/hash.h"
#include "util/path.h"

namespace logwood {

namespace {

using Fate = SimulatedDisk::Fate;

void StoreInto(std::string* file, uint64_t offset, std::string_view bytes) {
  if (file->size() < offset + bytes.size()) file->resize(offset + bytes.size());
  file->replace(offset, bytes.size(), bytes);
}

// Stale bytes: in part those of the change itself, at another place.
void FillWithGarbage(std::string* file, uint64_t begin, uint64_t end, std::string_view stale,
                     Random* random) {
  const uint64_t shift = stale.empty() ? 0 : random->Uniform(stale.size());
  for (uint64_t at = begin; at < end; ++at) {
    const bool is_stale = !stale.empty() && (at / 512) % 2 == 0;
    (*file)[at] =
        is_stale ? stale[(at + shift) % stale.size()] : static_cast<char>(random->Next() & 0xff);
  }
}

void ApplyTo(const SimulatedDisk::Pending& change, const Fate& fate, Random* garbage,
             std::string* file) {
  if (fate.kind == Fate::Kind::kLost) return;
  if (change.is_resize) {
    file->resize(change.offset);
    return;
  }
  const uint64_t end = change.offset + change.bytes.size();
  switch (fate.kind) {
    case Fate::Kind::kDone:
      StoreInto(file, change.offset, change.bytes);
      return;
    case Fate::Kind::kTorn:
      StoreInto(file, change.offset, std::string_view(change.bytes).substr(0, fate.bytes));
      return;
    case Fate::Kind::kZeros:
      if (file->size() < end) file->resize(end);
      return;
    case Fate::Kind::kGarbage:
      if (const uint64_t begin = file->size(); begin < end) {
        file->resize(end);
        FillWithGarbage(file, begin, end, change.bytes, garbage);
      }
      return;
    case Fate::Kind::kLost:
      return;
  }
}

}  // namespace

uint64_t SimulatedDisk::Image::Hash() const {
  uint64_t hash = 0;
  for (const std::string& path : directories) hash = HashMix(hash, Hash64(path, 1));
  for (const auto& [path, bytes] : files) {
    hash = HashMix(HashMix(hash, Hash64(path)), Hash64(*bytes));
  }
  return hash;
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

void SimulatedDisk::Remove(const std::string& path) {
  if (directories_.erase(path) != 0) return;
  live_.erase(path);
  names_pending_.push_back({next_sequence_++, path, "", nullptr});
}

void SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  const auto found = live_.find(from);
  if (found != live_.end()) {
    InodePtr inode = found->second;
    live_.erase(found);
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

void SimulatedDisk::SyncDirectory(const std::string& path) {
  std::erase_if(names_pending_, [&](const NameChange& change) {
    const std::string& name = change.to.empty() ? change.from : change.to;
    if (ParentPath(name) != path) return false;
    if (!change.from.empty()) durable_.erase(change.from);
    if (!change.to.empty()) durable_[change.to] = change.inode;
    return true;
  });
}

void SimulatedDisk::Store(Inode* inode, uint64_t offset, std::string_view bytes, bool joins) {
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
  inode->durable = std::make_shared<const std::string>(Live(*inode));
  inode->pending.clear();
}

std::string SimulatedDisk::Live(const Inode& inode) {
  std::string file = *inode.durable;
  for (const Pending& change : inode.pending)
    ApplyTo(change, {Fate::Kind::kDone, 0}, nullptr, &file);
  return file;
}

std::vector<SimulatedDisk::Unit> SimulatedDisk::Units() const {
  std::vector<Unit> units;
  std::unordered_set<const Inode*> seen;
  const auto add = [&](const InodePtr& inode) {
    if (inode == nullptr || !seen.insert(inode.get()).second) return;
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

SimulatedDisk::Image SimulatedDisk::Apply(const std::vector<Unit>& units, const Plan& plan,
                                          uint64_t garbage_seed) const {
  Random garbage(garbage_seed);
  std::map<std::string, InodePtr> names = durable_;
  std::unordered_map<const Inode*, std::string> changed;
  for (size_t i = 0; i < units.size(); ++i) {
    const Fate& fate = plan[i];
    if (fate.kind == Fate::Kind::kLost) continue;
    if (units[i].inode == nullptr) {
      const NameChange& change = names_pending_[units[i].index];
      if (!change.from.empty()) names.erase(change.from);
      if (!change.to.empty()) names[change.to] = change.inode;
      continue;
    }
    const auto [file, fresh] = changed.try_emplace(units[i].inode);
    if (fresh) file->second = *units[i].inode->durable;
    ApplyTo(units[i].inode->pending[units[i].index], fate, &garbage, &file->second);
  }
  Image image;
  image.directories = directories_;
  std::unordered_map<const Inode*, Bytes> shared;
  for (const auto& [path, inode] : names) {
    Bytes& bytes = shared[inode.get()];
    if (bytes == nullptr) {
      const auto found = changed.find(inode.get());
      bytes = found == changed.end()
                  ? inode->durable
                  : std::make_shared<const std::string>(std::move(found->second));
    }
    image.files[path] = bytes;
  }
  return image;
}

// Makes plans and shows each image once.
class SimulatedDisk::Explorer {
 public:
  Explorer(const SimulatedDisk& disk, uint64_t max, uint64_t seed,
           const std::function<bool(const Image&)>& visit)
      : disk_(disk), max_(max), random_(seed), visit_(visit), units_(disk.Units()) {}

  // True: all there is.
  bool Run() {
    constexpr size_t kAllSubsetsOf = 10;
    if (units_.size() <= kAllSubsetsOf && (uint64_t{1} << units_.size()) <= max_) {
      for (uint64_t mask = 0; mask < uint64_t{1} << units_.size(); ++mask) {
        Plan plan(units_.size());
        for (size_t i = 0; i < plan.size(); ++i) {
          if ((mask >> i & 1) != 0) plan[i].kind = Fate::Kind::kDone;
        }
        Show(plan);
      }
      Tears();
      return !stopped_;
    }
    Prefixes();
    Tears();
    for (uint64_t i = 0; i < 2 * max_ && !stopped_; ++i) ShowRandom();
    return false;
  }

  void ShowRandom() {
    // Some of everything, nearly all, or a prefix: what is likely, and what is far from it.
    const uint64_t kept_of_16 = random_.OneIn(3) ? 15 : random_.Uniform(17);
    const size_t cut = random_.OneIn(3) ? random_.Uniform(units_.size() + 1) : units_.size();
    Plan plan(units_.size());
    for (size_t i = 0; i < cut; ++i) {
      if (random_.Uniform(16) < kept_of_16) {
        plan[i].kind = Fate::Kind::kDone;
      } else if (random_.OneIn(2)) {
        plan[i] = disk_.RandomFate(units_[i], &random_);
      }
    }
    if (cut < units_.size() && random_.OneIn(2))
      plan[cut] = disk_.RandomFate(units_[cut], &random_);
    Show(plan);
  }

 private:
  void Prefixes() {
    Plan plan(units_.size());
    Show(plan);
    for (Fate& fate : plan) {
      fate.kind = Fate::Kind::kDone;
      Show(plan);
    }
    for (Fate& fate : plan) {  // all but one
      fate.kind = Fate::Kind::kLost;
      Show(plan);
      fate.kind = Fate::Kind::kDone;
    }
  }

  // Each store torn, with everything else there, with only what came before, and newest first:
  // those are what a crash most often leaves.
  void Tears() {
    for (size_t i = units_.size(); i-- > 0 && !stopped_;) {
      if (units_[i].inode == nullptr) continue;
      const Pending& change = units_[i].inode->pending[units_[i].index];
      if (change.is_resize) continue;
      const uint64_t size = change.bytes.size();
      std::vector<Fate> fates = {{Fate::Kind::kZeros, 0}, {Fate::Kind::kGarbage, 0}};
      std::set<uint64_t> lengths = {1, 8, size / 2, size - 1};
      for (uint64_t border = 512 - change.offset % 512; border < size; border += 512) {
        if (lengths.size() < 12) lengths.insert(border);
      }
      for (const uint64_t length : lengths) {
        if (length > 0 && length < size) fates.push_back({Fate::Kind::kTorn, length});
      }
      for (const Fate& fate : fates) {
        Plan plan(units_.size());
        for (size_t j = 0; j < i; ++j) plan[j].kind = Fate::Kind::kDone;
        plan[i] = fate;
        Show(plan);
        for (size_t j = i + 1; j < plan.size(); ++j) plan[j].kind = Fate::Kind::kDone;
        Show(plan);
      }
    }
  }

  void Show(const Plan& plan) {
    if (stopped_) return;
    const Image image = disk_.Apply(units_, plan, random_.Next());
    if (!seen_.insert(image.Hash()).second) return;
    stopped_ = shown_ >= max_ || !visit_(image);
    ++shown_;
  }

  const SimulatedDisk& disk_;
  const uint64_t max_;
  Random random_;
  const std::function<bool(const Image&)>& visit_;
  const std::vector<Unit> units_;
  std::unordered_set<uint64_t> seen_;
  uint64_t shown_ = 0;
  bool stopped_ = false;
};

SimulatedDisk::Fate SimulatedDisk::RandomFate(const Unit& unit, Random* random) const {
  if (unit.inode == nullptr) return {random->OneIn(2) ? Fate::Kind::kDone : Fate::Kind::kLost, 0};
  const Pending& change = unit.inode->pending[unit.index];
  if (change.is_resize) return {random->OneIn(2) ? Fate::Kind::kDone : Fate::Kind::kLost, 0};
  switch (random->Uniform(6)) {
    case 0:
      return {Fate::Kind::kLost, 0};
    case 1:
      return {Fate::Kind::kZeros, 0};
    case 2:
      return {Fate::Kind::kGarbage, 0};
    default:
      return {Fate::Kind::kTorn, random->Uniform(change.bytes.size() + 1)};
  }
}

bool SimulatedDisk::ForEachImage(uint64_t max, uint64_t seed,
                                 const std::function<bool(const Image&)>& visit) const {
  return Explorer(*this, max, seed, visit).Run();
}

SimulatedDisk::Image SimulatedDisk::RandomImage(uint64_t seed) const {
  Image result;
  const std::function<bool(const Image&)> take = [&result](const Image& image) {
    result = image;
    return false;
  };
  Explorer(*this, 1, seed, take).ShowRandom();
  return result;
}

SimulatedDisk::Image SimulatedDisk::LiveImage() const {
  Image image;
  image.directories = directories_;
  for (const auto& [path, inode] : live_) {
    image.files[path] =
        inode->pending.empty() ? inode->durable : std::make_shared<const std::string>(Live(*inode));
  }
  return image;
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
