// SimulatedFileSystem: each call asks whether it may, goes to the file system in memory, and is
// noted on the model of the disk.
#include "logwood/simulated_file_system.h"

#include <array>
#include <set>
#include <utility>

#include "util/coding.h"
#include "util/hash.h"
#include "util/path.h"
#include "util/simulated_state.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr std::string_view kSavedMagic = "LOGWOOD-DISK-1\n";

constexpr std::array<std::string_view, kFileOps> kFileOpNames = {
    "open",   "create", "read", "append",   "reserve", "store", "sync", "sync_directory",
    "rename", "remove", "link", "truncate", "list",    "size",  "lock"};
static_assert(static_cast<size_t>(FileOp::kLock) + 1 == kFileOps);

}  // namespace

std::string_view FileOpName(FileOp op) { return kFileOpNames[static_cast<size_t>(op)]; }

bool IsChange(FileOp op) {
  switch (op) {
    case FileOp::kOpen:
    case FileOp::kRead:
    case FileOp::kList:
    case FileOp::kSize:
    case FileOp::kLock:
      return false;
    case FileOp::kCreate:
    case FileOp::kAppend:
    case FileOp::kReserve:
    case FileOp::kStore:
    case FileOp::kSync:
    case FileOp::kSyncDirectory:
    case FileOp::kRename:
    case FileOp::kRemove:
    case FileOp::kLink:
    case FileOp::kTruncate:
      return true;
  }
  return true;
}

SimulatedFileSystem::SimulatedFileSystem() : SimulatedFileSystem(Settings()) {}
SimulatedFileSystem::SimulatedFileSystem(const Settings& settings)
    : state_(std::make_shared<State>(settings)) {}
SimulatedFileSystem::SimulatedFileSystem(std::shared_ptr<State> state) : state_(std::move(state)) {}
SimulatedFileSystem::~SimulatedFileSystem() = default;

void SimulatedFileSystem::SetFault(Fault fault) { state_->SetFault(std::move(fault)); }
void SimulatedFileSystem::FailChange(uint64_t n) { state_->FailChange(n); }
void SimulatedFileSystem::SetCapacity(uint64_t bytes) { state_->SetCapacity(bytes); }
void SimulatedFileSystem::SetLyingSyncs(LieRule rule) { state_->SetLyingSyncs(std::move(rule)); }
uint64_t SimulatedFileSystem::changes() const { return state_->changes(); }
uint64_t SimulatedFileSystem::count(FileOp op) const { return state_->count(op); }
void SimulatedFileSystem::CutPower() { state_->CutPower(); }
void SimulatedFileSystem::CutPowerAt(uint64_t n) { state_->CutPowerAt(n); }
bool SimulatedFileSystem::power_is_cut() const { return state_->cut(); }

SimulatedFileSystem::CrashCount SimulatedFileSystem::ForEachCrashState(
    const CrashLimits& limits,
    const std::function<bool(std::unique_ptr<SimulatedFileSystem>)>& visit) const {
  CrashCount count;
  const SimulatedDisk::Exploration exploration = {limits.states_max, limits.seed, limits.wanted,
                                                  limits.settled};
  count.complete = state_->ForEachImage(exploration, [&](const SimulatedDisk::Image& image) {
    ++count.states;
    return visit(std::unique_ptr<SimulatedFileSystem>(
        new SimulatedFileSystem(State::FromImage(state_->settings(), image))));
  });
  return count;
}

std::unique_ptr<SimulatedFileSystem> SimulatedFileSystem::CrashState(uint64_t seed) const {
  return std::unique_ptr<SimulatedFileSystem>(
      new SimulatedFileSystem(State::FromImage(state_->settings(), state_->RandomImage(seed))));
}

std::unique_ptr<SimulatedFileSystem> SimulatedFileSystem::KilledState() const {
  return std::unique_ptr<SimulatedFileSystem>(new SimulatedFileSystem(state_->Killed()));
}

uint64_t SimulatedFileSystem::ContentHash(const FileRule& except) const {
  SimulatedDisk::Hasher hasher;
  for (const std::string& path : state_->directories()) hasher.AddDirectory(path);
  for (const auto& [path, bytes] : state_->memory()->Files()) {
    if (except && except(path)) continue;
    hasher.AddFile(path, SimulatedDisk::Hasher::OfBytes(*bytes));
  }
  return hasher.hash();
}

std::string SimulatedFileSystem::Save() const {
  const std::set<std::string> directories = state_->directories();
  const auto files = state_->memory()->Files();
  std::string saved(kSavedMagic);
  PutVarint(&saved, directories.size());
  for (const std::string& path : directories) PutLengthPrefixed(&saved, path);
  PutVarint(&saved, files.size());
  for (const auto& [path, bytes] : files) {
    PutLengthPrefixed(&saved, path);
    PutLengthPrefixed(&saved, *bytes);
  }
  PutFixed64(&saved, Hash64(saved));
  return saved;
}

Result<std::unique_ptr<SimulatedFileSystem>> SimulatedFileSystem::Load(std::string_view saved) {
  const Status wrong = Status::Corruption("these bytes are no saved disk");
  if (!saved.starts_with(kSavedMagic) || saved.size() < kSavedMagic.size() + sizeof(uint64_t)) {
    return wrong;
  }
  const std::string_view body = saved.substr(0, saved.size() - sizeof(uint64_t));
  if (LoadFixed<uint64_t>(body.data() + body.size()) != Hash64(body)) return wrong;
  Decoder in(body.substr(kSavedMagic.size()));
  SimulatedDisk::Image image;
  for (uint64_t left = in.Varint64(); left > 0 && in.ok(); --left)
    image.directories.emplace(in.LengthPrefixed());
  for (uint64_t left = in.Varint64(); left > 0 && in.ok(); --left) {
    std::string path(in.LengthPrefixed());
    image.files[std::move(path)] =
        std::make_shared<const SimulatedDisk::Contents>(std::string(in.LengthPrefixed()));
  }
  if (!in.ok() || !in.empty()) return wrong;
  return std::unique_ptr<SimulatedFileSystem>(
      new SimulatedFileSystem(State::FromImage(Settings(), image)));
}

Result<std::unique_ptr<RandomAccessFile>> SimulatedFileSystem::OpenRandomAccess(
    const std::string& path) {
  RETURN_IF_ERROR(state_->Before(FileOp::kOpen, path));
  ASSIGN_OR_RETURN(auto base, state_->memory()->OpenRandomAccess(path));
  return SimulatedFiles::NewReader(state_, path, std::move(base));
}

Result<std::unique_ptr<WritableFile>> SimulatedFileSystem::CreateWritable(const std::string& path) {
  const std::string name = NormalPath(path);
  SimulatedDisk::InodePtr inode;
  const auto create = [&](SimulatedDisk* disk) {
    inode = disk->Create(name);
    if (!inode->durable->bytes().empty() || !inode->pending.empty()) disk->Resize(inode.get(), 0);
  };
  RETURN_IF_ERROR(state_->Before(FileOp::kCreate, path, create));
  ASSIGN_OR_RETURN(auto base, state_->memory()->CreateWritable(path));
  state_->Note(create);
  state_->NoteSize(name, 0);
  return SimulatedFiles::NewWriter(state_, name, std::move(inode), std::move(base));
}

Result<std::unique_ptr<LogFile>> SimulatedFileSystem::OpenLogFile(const std::string& path) {
  const std::string name = NormalPath(path);
  const bool there = state_->Find(name) != nullptr;
  SimulatedDisk::InodePtr inode;
  const auto create = [&](SimulatedDisk* disk) { inode = disk->Create(name); };
  RETURN_IF_ERROR(state_->Before(there ? FileOp::kOpen : FileOp::kCreate, path, create));
  ASSIGN_OR_RETURN(auto base, state_->memory()->OpenLogFile(path));
  state_->Note(create);
  ASSIGN_OR_RETURN(const uint64_t size, state_->memory()->FileSize(name));
  return SimulatedFiles::NewLog(state_, name, std::move(inode), size, std::move(base));
}

Result<bool> SimulatedFileSystem::Exists(const std::string& path) {
  RETURN_IF_ERROR(state_->Before(FileOp::kSize, path));
  return state_->memory()->Exists(path);
}

Result<uint64_t> SimulatedFileSystem::FileSize(const std::string& path) {
  RETURN_IF_ERROR(state_->Before(FileOp::kSize, path));
  return state_->memory()->FileSize(path);
}

Result<std::vector<std::string>> SimulatedFileSystem::List(const std::string& directory) {
  RETURN_IF_ERROR(state_->Before(FileOp::kList, directory));
  return state_->memory()->List(directory);
}

Status SimulatedFileSystem::CreateDirectory(const std::string& path) {
  const auto add = [&](SimulatedDisk* disk) { disk->AddDirectory(NormalPath(path)); };
  RETURN_IF_ERROR(state_->Before(FileOp::kCreate, path));
  RETURN_IF_ERROR(state_->memory()->CreateDirectory(path));
  state_->Note(add);
  return Status::Ok();
}

Status SimulatedFileSystem::Remove(const std::string& path) {
  const std::string name = NormalPath(path);
  const auto remove = [&](SimulatedDisk* disk) { disk->Remove(name); };
  RETURN_IF_ERROR(state_->Before(FileOp::kRemove, path, [&](SimulatedDisk* disk) {
    if (disk->Find(name) != nullptr) disk->Remove(name);
  }));
  RETURN_IF_ERROR(state_->memory()->Remove(path));
  state_->Note(remove);
  state_->NoteSize(name, 0);
  return Status::Ok();
}

Status SimulatedFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::string source = NormalPath(from), target = NormalPath(to);
  RETURN_IF_ERROR(state_->Before(FileOp::kRename, to, [&](SimulatedDisk* disk) {
    if (disk->Find(source) != nullptr) disk->Rename(source, target);
  }));
  RETURN_IF_ERROR(state_->memory()->Rename(from, to));
  if (source == target) return Status::Ok();
  state_->NoteRename(source, target);
  return Status::Ok();
}

Status SimulatedFileSystem::Link(const std::string& from, const std::string& to) {
  const std::string source = NormalPath(from), target = NormalPath(to);
  RETURN_IF_ERROR(state_->Before(FileOp::kLink, to, [&](SimulatedDisk* disk) {
    auto inode = disk->Find(source);
    if (inode != nullptr && disk->Find(target) == nullptr) disk->Link(inode, target);
  }));
  RETURN_IF_ERROR(state_->memory()->Link(from, to));
  state_->Note([&](SimulatedDisk* disk) { disk->Link(disk->Find(source), target); });
  return Status::Ok();
}

Status SimulatedFileSystem::SyncDirectory(const std::string& directory) {
  RETURN_IF_ERROR(state_->Before(FileOp::kSyncDirectory, directory));
  RETURN_IF_ERROR(state_->memory()->SyncDirectory(directory));
  state_->SyncDirectory(NormalPath(directory));
  return Status::Ok();
}

Result<std::unique_ptr<FileLock>> SimulatedFileSystem::Lock(const std::string& path,
                                                            LockMode mode) {
  RETURN_IF_ERROR(state_->Before(FileOp::kLock, path));
  ASSIGN_OR_RETURN(auto base, state_->memory()->Lock(path, mode));
  if (mode == LockMode::kExclusive)
    state_->Note([&](SimulatedDisk* disk) { disk->Create(NormalPath(path)); });
  return SimulatedFiles::NewLock(state_, std::move(base));
}

Result<uint64_t> SimulatedFileSystem::FreeBytes(const std::string& path) {
  RETURN_IF_ERROR(state_->Before(FileOp::kSize, path));
  ASSIGN_OR_RETURN(const bool exists, state_->memory()->Exists(path));
  if (!exists) return state_->memory()->FreeBytes(path);
  return state_->FreeBytes();
}

}  // namespace logwood
