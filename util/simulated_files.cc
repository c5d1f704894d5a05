// Open files of a simulated file system: each asks first, does it in memory, and notes it.
#include "util/simulated_state.h"
#include "util/status_macros.h"

namespace logwood {

class SimulatedFiles::Reader final : public RandomAccessFile {
 public:
  Reader(StatePtr state, std::string path, std::unique_ptr<RandomAccessFile> base)
      : state_(std::move(state)), path_(std::move(path)), base_(std::move(base)) {}
  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    RETURN_IF_ERROR(state_->Before(FileOp::kRead, path_));
    return base_->Read(offset, size, buffer);
  }
  Result<uint64_t> Size() const override {
    RETURN_IF_ERROR(state_->Before(FileOp::kSize, path_));
    return base_->Size();
  }
  void Advise(Access access) const override { base_->Advise(access); }

 private:
  const StatePtr state_;
  const std::string path_;
  const std::unique_ptr<RandomAccessFile> base_;
};

class SimulatedFiles::Writer final : public WritableFile {
 public:
  Writer(StatePtr state, std::string path, State::Inode inode, std::unique_ptr<WritableFile> base)
      : state_(std::move(state)),
        path_(std::move(path)),
        inode_(std::move(inode)),
        base_(std::move(base)) {}
  Status Append(std::string_view data) override {
    const auto store = [&](SimulatedDisk* disk) { disk->Store(inode_.get(), end_, data, true); };
    RETURN_IF_ERROR(state_->Before(FileOp::kAppend, path_, store));
    const uint64_t room = state_->RoomFor(end_, end_, end_ + data.size());
    const bool fits = room == data.size();
    data = data.substr(0, room);
    if (data.empty() && !fits) return State::Full(FileOp::kAppend, path_);
    RETURN_IF_ERROR(base_->Append(data));
    state_->Note(store);
    end_ += data.size();
    state_->NoteSize(path_, end_);
    return fits ? Status::Ok() : State::Full(FileOp::kAppend, path_);
  }
  Status Sync() override {
    RETURN_IF_ERROR(state_->Sync(inode_, path_, state_->Before(FileOp::kSync, path_)));
    return base_->Sync();
  }
  Status Close() override { return base_->Close(); }

 private:
  const StatePtr state_;
  const std::string path_;
  const State::Inode inode_;
  const std::unique_ptr<WritableFile> base_;
  uint64_t end_ = 0;
};

class SimulatedFiles::Log final : public LogFile {
 public:
  Log(StatePtr state, std::string path, State::Inode inode, uint64_t size,
      std::unique_ptr<LogFile> base)
      : state_(std::move(state)),
        path_(std::move(path)),
        inode_(std::move(inode)),
        base_(std::move(base)),
        stored_end_(size),
        file_end_(size) {}
  ~Log() override {
    if (!closed_) static_cast<void>(Close());
  }

  Status Reserve(uint64_t end) override {
    const uint64_t step = state_->settings().reserve_step_bytes;
    uint64_t grown = step == 0 ? 0 : (end + step - 1) / step * step;
    const auto grow = [&](SimulatedDisk* disk) {
      if (grown > file_end_) disk->Resize(inode_.get(), grown);
    };
    RETURN_IF_ERROR(state_->Before(FileOp::kReserve, path_, grow));
    RETURN_IF_ERROR(base_->Reserve(end));
    MutexLock lock(mutex_);
    // With no room for a whole step, what is needed will do.
    if (state_->RoomFor(file_end_, 0, grown) < grown) grown = end;
    if (state_->RoomFor(file_end_, 0, end) < end) return State::Full(FileOp::kReserve, path_);
    if (grown <= file_end_) return Status::Ok();
    RETURN_IF_ERROR(base_->Store(grown - 1, std::string_view("\0", 1)));
    state_->Note(grow);
    file_end_ = grown;
    state_->NoteSize(path_, grown);
    return Status::Ok();
  }
  Status Store(uint64_t offset, std::string_view data) override {
    const auto store = [&](SimulatedDisk* disk) { disk->Store(inode_.get(), offset, data, false); };
    RETURN_IF_ERROR(state_->Before(FileOp::kStore, path_, store));
    MutexLock lock(mutex_);
    const uint64_t room = state_->RoomFor(file_end_, offset, offset + data.size());
    Status status = room == data.size() ? Status() : State::Full(FileOp::kStore, path_);
    data = data.substr(0, room);
    if (data.empty()) return status;
    RETURN_IF_ERROR(base_->Store(offset, data));
    state_->Note(store);
    const uint64_t end = offset + data.size();
    stored_end_ = std::max(stored_end_, end);
    if (end <= file_end_) return status;
    file_end_ = end;
    state_->NoteSize(path_, end);
    return status;
  }
  Status Sync() override {
    RETURN_IF_ERROR(state_->Sync(inode_, path_, state_->Before(FileOp::kSync, path_)));
    return base_->Sync();
  }
  Status Truncate(uint64_t size) override {
    RETURN_IF_ERROR(state_->Before(FileOp::kTruncate, path_,
                                   [&](SimulatedDisk* disk) { disk->Resize(inode_.get(), size); }));
    MutexLock lock(mutex_);
    return Resize(size);
  }
  // Cuts off what was reserved and not used.
  Status Close() override {
    MutexLock lock(mutex_);
    closed_ = true;
    if (stored_end_ < file_end_ && !state_->cut()) static_cast<void>(Resize(stored_end_));
    return base_->Close();
  }

 private:
  Status Resize(uint64_t size) REQUIRES(mutex_) {
    RETURN_IF_ERROR(base_->Truncate(size));
    state_->Note([&](SimulatedDisk* disk) { disk->Resize(inode_.get(), size); });
    stored_end_ = file_end_ = size;
    state_->NoteSize(path_, size);
    return Status::Ok();
  }

  const StatePtr state_;
  const std::string path_;
  const State::Inode inode_;
  const std::unique_ptr<LogFile> base_;
  Mutex mutex_;
  uint64_t stored_end_;
  uint64_t file_end_;
  bool closed_ = false;
};

class SimulatedFiles::Held final : public FileLock {
 public:
  Held(StatePtr state, std::unique_ptr<FileLock> base)
      : state_(std::move(state)), base_(std::move(base)) {}

 private:
  const StatePtr state_;
  const std::unique_ptr<FileLock> base_;
};

std::unique_ptr<RandomAccessFile> SimulatedFiles::NewReader(
    StatePtr state, std::string path, std::unique_ptr<RandomAccessFile> base) {
  return std::make_unique<Reader>(std::move(state), std::move(path), std::move(base));
}

std::unique_ptr<WritableFile> SimulatedFiles::NewWriter(StatePtr state, std::string path,
                                                        State::Inode inode,
                                                        std::unique_ptr<WritableFile> base) {
  return std::make_unique<Writer>(std::move(state), std::move(path), std::move(inode),
                                  std::move(base));
}

std::unique_ptr<LogFile> SimulatedFiles::NewLog(StatePtr state, std::string path,
                                                State::Inode inode, uint64_t size,
                                                std::unique_ptr<LogFile> base) {
  return std::make_unique<Log>(std::move(state), std::move(path), std::move(inode), size,
                               std::move(base));
}

std::unique_ptr<FileLock> SimulatedFiles::NewLock(StatePtr state, std::unique_ptr<FileLock> base) {
  return std::make_unique<Held>(std::move(state), std::move(base));
}

}  // namespace logwood
