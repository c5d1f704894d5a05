// What a loss of power may leave of a SimulatedDisk: one image for each plan of what got there.
#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>

#include "util/hash.h"
#include "util/simulated_disk.h"

namespace logwood {

namespace {

constexpr uint64_t kSectorBytes = 512;

}  // namespace

// What blocks hold to which nothing was written yet: zeros are told apart by the fates; here, bytes
// of files that were removed or are there, of the change itself, or anything.
class SimulatedDisk::StaleBytes {
 public:
  StaleBytes(const SimulatedDisk& disk, uint64_t seed) : disk_(disk), random_(seed) {}

  void Fill(std::string* file, uint64_t begin, uint64_t end, std::string_view change) {
    if (begin >= end) return;
    const std::string_view stale = Choose(change);
    // A whole old file in its old place, or shifted, or with sectors of noise between.
    const bool in_place = random_.OneIn(2), noisy = random_.OneIn(3);
    const uint64_t shift = in_place || stale.empty() ? 0 : random_.Uniform(stale.size());
    for (uint64_t at = begin; at < end; ++at) {
      const bool is_stale = !stale.empty() && (!noisy || at / kSectorBytes % 2 == 0);
      (*file)[at] =
          is_stale ? stale[(at + shift) % stale.size()] : static_cast<char>(random_.Next() & 0xff);
    }
  }

 private:
  std::string_view Choose(std::string_view change) {
    const uint64_t source = random_.Uniform(4);
    if (source <= 1 && !disk_.removed_.empty()) {
      return disk_.removed_[random_.Uniform(disk_.removed_.size())]->bytes();
    }
    if (source == 2 && !disk_.durable_.empty()) {
      const auto any = static_cast<std::ptrdiff_t>(random_.Uniform(disk_.durable_.size()));
      return std::next(disk_.durable_.begin(), any)->second->durable->bytes();
    }
    return change;
  }

  const SimulatedDisk& disk_;
  Random random_;
};

// Some sectors of a store, each by itself.
void SimulatedDisk::StoreSectors(const Pending& change, uint64_t seed, std::string* file) {
  Random coin(seed);
  const uint64_t end = change.offset + change.bytes.size();
  // The size may have got there although the last sectors did not.
  if (coin.OneIn(2) && file->size() < end) file->resize(end);
  for (uint64_t at = change.offset; at < end;) {
    const uint64_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    if (coin.OneIn(2)) {
      StoreInto(file, at, std::string_view(change.bytes).substr(at - change.offset, next - at));
    }
    at = next;
  }
}

void SimulatedDisk::ApplyPart(const Pending& change, const Fate& fate, StaleBytes* stale,
                              std::string* file) {
  const uint64_t before = file->size();
  if (change.is_resize) {
    file->resize(change.offset);
    stale->Fill(file, before, change.offset, {});
    return;
  }
  const uint64_t end = change.offset + change.bytes.size();
  switch (fate.kind) {
    case Fate::Kind::kLost:
    case Fate::Kind::kDone:
      return;
    case Fate::Kind::kTornOverStale:
    case Fate::Kind::kMixedOverStale: {
      if (before < end) file->resize(end);
      stale->Fill(file, before, end, change.bytes);
      const bool torn = fate.kind == Fate::Kind::kTornOverStale;
      return ApplyPart(change, {torn ? Fate::Kind::kTorn : Fate::Kind::kMixed, fate.bytes}, stale,
                       file);
    }
    case Fate::Kind::kTorn:
      return StoreInto(file, change.offset, std::string_view(change.bytes).substr(0, fate.bytes));
    case Fate::Kind::kMixed:
      return StoreSectors(change, fate.bytes, file);
    case Fate::Kind::kZeros:
    case Fate::Kind::kGarbage:
      // Only where nothing ever was: what is there is old or new, nothing else.
      if (before < end) file->resize(end);
      if (fate.kind == Fate::Kind::kGarbage) stale->Fill(file, before, end, change.bytes);
      return;
  }
}

SimulatedDisk::Image SimulatedDisk::Apply(const std::vector<Unit>& units, const Plan& plan,
                                          uint64_t garbage_seed) const {
  StaleBytes stale(*this, garbage_seed);
  std::map<std::string, InodePtr> changed_names;
  const std::map<std::string, InodePtr>* names = &durable_;
  std::unordered_map<const Inode*, std::string> changed;
  for (size_t i = 0; i < units.size(); ++i) {
    const Fate& fate = plan[i];
    if (fate.kind == Fate::Kind::kLost) continue;
    if (units[i].inode == nullptr) {
      const NameChange& change = names_pending_[units[i].index];
      if (names == &durable_) changed_names = durable_;
      names = &changed_names;
      if (!change.from.empty()) changed_names.erase(change.from);
      if (!change.to.empty()) changed_names[change.to] = change.inode;
      continue;
    }
    const auto [file, fresh] = changed.try_emplace(units[i].inode);
    if (fresh) file->second = units[i].inode->durable->bytes();
    const Pending& change = units[i].inode->pending[units[i].index];
    if (fate.kind == Fate::Kind::kDone) {
      ApplyWhole(change, &file->second);
    } else {
      ApplyPart(change, fate, &stale, &file->second);
    }
  }
  Image image;
  image.directories = directories_;
  std::unordered_map<const Inode*, Bytes> shared;
  for (const auto& [path, inode] : *names) {
    const auto found = changed.find(inode.get());
    if (found == changed.end()) {
      image.files.emplace_hint(image.files.end(), path, inode->durable);
      continue;
    }
    Bytes& bytes = shared[inode.get()];
    if (bytes == nullptr) bytes = std::make_shared<const Contents>(std::move(found->second));
    image.files.emplace_hint(image.files.end(), path, bytes);
  }
  return image;
}

// Makes plans and shows each image once.
class SimulatedDisk::Explorer {
 public:
  Explorer(const SimulatedDisk& disk, const Exploration& exploration,
           const std::function<bool(const Image&)>& visit)
      : disk_(disk),
        exploration_(exploration),
        max_(exploration.images_max),
        random_(exploration.seed),
        visit_(visit),
        units_(disk.Units()) {}

  // True: all there is.
  bool Run() {
    constexpr size_t kAllSubsetsOf = 10;
    const size_t n = units_.size();
    // First what loses most: whoever looks at few states looks at those.
    Show(Plan(n));
    Show(AllDone());
    if (n == 0) return !stopped_;
    const bool all_subsets = n <= kAllSubsetsOf && (uint64_t{1} << n) <= max_ / 2;
    if (all_subsets) {
      Subsets();
    } else if (2 * n <= max_ / 4) {
      Prefixes();
    }
    const bool only_names = std::none_of(units_.begin(), units_.end(),
                                         [](const Unit& unit) { return unit.inode != nullptr; });
    if (all_subsets && only_names) return !stopped_;
    Tears(all_subsets ? max_ : max_ / 2);
    for (uint64_t i = 0; i < max_ && !stopped_; ++i) ShowRandom();
    return all_subsets && !stopped_;
  }

  void ShowRandom() {
    const size_t n = units_.size();
    Plan plan(n);
    // All but one thing, which is lost or torn: what a crash most often leaves.
    if (n != 0 && random_.OneIn(4)) {
      plan = AllDone();
      const size_t one = random_.OneIn(2) ? n - 1 : random_.Uniform(n);
      plan[one] = RandomFate(units_[one]);
      return Show(plan);
    }
    // Some of everything, nearly all, or a prefix: what is likely, and what is far from it.
    const uint64_t kept_of_16 = random_.OneIn(3) ? 15 : random_.Uniform(17);
    const size_t cut = random_.OneIn(3) ? random_.Uniform(n + 1) : n;
    for (size_t i = 0; i < cut; ++i) {
      if (random_.Uniform(16) < kept_of_16) {
        plan[i].kind = Fate::Kind::kDone;
      } else if (random_.OneIn(2)) {
        plan[i] = RandomFate(units_[i]);
      }
    }
    if (cut < n && random_.OneIn(2)) plan[cut] = RandomFate(units_[cut]);
    Show(plan);
  }

 private:
  Plan AllDone() const { return Plan(units_.size(), Fate{Fate::Kind::kDone, 0}); }
  const Pending* BytesOf(const Unit& unit) const {
    return unit.inode == nullptr ? nullptr : &unit.inode->pending[unit.index];
  }

  void Subsets() {
    for (uint64_t mask = 0; mask < uint64_t{1} << units_.size(); ++mask) {
      Plan plan(units_.size());
      for (size_t i = 0; i < plan.size(); ++i) {
        if ((mask >> i & 1) != 0) plan[i].kind = Fate::Kind::kDone;
      }
      Show(plan);
    }
  }

  void Prefixes() {
    Plan plan(units_.size());
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

  // The ways in which a change may be there in part.
  std::vector<Fate> PartsOf(const Pending& change) {
    if (change.is_resize) return {{Fate::Kind::kGarbage, 0}};
    const uint64_t size = change.bytes.size();
    std::vector<Fate> fates = {{Fate::Kind::kZeros, 0}, {Fate::Kind::kGarbage, 0}};
    // A byte, within and behind what heads a record, half of it, all but the last byte, sectors.
    std::set<uint64_t> lengths = {1, 4, 8, 12, 32, size / 2, size - 1};
    for (uint64_t border = kSectorBytes - change.offset % kSectorBytes; border < size;
         border += kSectorBytes) {
      if (lengths.size() < 16) lengths.insert(border);
    }
    for (const uint64_t length : lengths) {
      if (length > 0 && length < size) fates.push_back({Fate::Kind::kTorn, length});
    }
    // Its head, or half of it, and behind that what the blocks held.
    for (const uint64_t length : {std::min<uint64_t>(32, size / 2), size / 2}) {
      if (length > 0) fates.push_back({Fate::Kind::kTornOverStale, length});
    }
    if (change.offset / kSectorBytes != (change.offset + size - 1) / kSectorBytes) {
      for (int i = 0; i < 3; ++i) fates.push_back({Fate::Kind::kMixed, random_.Next()});
      for (int i = 0; i < 2; ++i) fates.push_back({Fate::Kind::kMixedOverStale, random_.Next()});
    }
    return fates;
  }

  // Each change in part, with everything else there and with only what came before it.
  void Tears(uint64_t shown_max) {
    std::vector<std::pair<size_t, Fate>> tears;
    for (size_t i = 0; i < units_.size(); ++i) {
      const Pending* change = BytesOf(units_[i]);
      if (change == nullptr) continue;
      for (const Fate& fate : PartsOf(*change)) tears.emplace_back(i, fate);
    }
    for (size_t i = tears.size(); i > 1; --i) std::swap(tears[i - 1], tears[random_.Uniform(i)]);
    for (const auto& [i, fate] : tears) {
      if (stopped_ || shown_ >= shown_max) return;
      Plan plan(units_.size());
      std::fill_n(plan.begin(), i, Fate{Fate::Kind::kDone, 0});
      plan[i] = fate;
      Show(plan);
      std::fill(plan.begin() + static_cast<std::ptrdiff_t>(i) + 1, plan.end(),
                Fate{Fate::Kind::kDone, 0});
      Show(plan);
    }
  }

  Fate RandomFate(const Unit& unit) {
    const Pending* change = BytesOf(unit);
    if (change == nullptr) return {random_.OneIn(2) ? Fate::Kind::kDone : Fate::Kind::kLost, 0};
    switch (random_.Uniform(change->is_resize ? 3 : 9)) {
      case 0:
        return {Fate::Kind::kLost, 0};
      case 1:
        return {Fate::Kind::kGarbage, 0};
      case 2:
        return {change->is_resize ? Fate::Kind::kDone : Fate::Kind::kZeros, 0};
      case 3:
        return {Fate::Kind::kMixed, random_.Next()};
      case 4:
        return {Fate::Kind::kMixedOverStale, random_.Next()};
      case 5:
        return {Fate::Kind::kTornOverStale, random_.Uniform(change->bytes.size() + 1)};
      default:
        return {Fate::Kind::kTorn, random_.Uniform(change->bytes.size() + 1)};
    }
  }

  void Show(const Plan& plan) {
    if (stopped_) return;
    const Image image = disk_.Apply(units_, plan, random_.Next());
    const uint64_t hash = image.Hash(exploration_.settled);
    if (!seen_.insert(hash).second) return;
    // Before anybody is asked: who wants a state gets to see it.
    stopped_ = shown_ >= max_;
    if (stopped_ || (exploration_.wanted && !exploration_.wanted(hash))) return;
    ++shown_;
    stopped_ = !visit_(image);
  }

  const SimulatedDisk& disk_;
  const Exploration& exploration_;
  const uint64_t max_;
  Random random_;
  const std::function<bool(const Image&)>& visit_;
  const std::vector<Unit> units_;
  std::unordered_set<uint64_t> seen_;
  uint64_t shown_ = 0;
  bool stopped_ = false;
};

bool SimulatedDisk::ForEachImage(const Exploration& exploration,
                                 const std::function<bool(const Image&)>& visit) const {
  return Explorer(*this, exploration, visit).Run();
}

SimulatedDisk::Image SimulatedDisk::RandomImage(uint64_t seed) const {
  Image result;
  const std::function<bool(const Image&)> take = [&result](const Image& image) {
    result = image;
    return false;
  };
  Exploration one;
  one.images_max = 1;
  one.seed = seed;
  Explorer(*this, one, take).ShowRandom();
  return result;
}

}  // namespace logwood
