// HeldFiles: a file system that keeps chosen files open, so that they stay readable when a writer
// removes them. For who reads a directory beside its writer.
//
// Hold is for one thread, before others read; the rest is safe to call from several threads. The
// base must outlive it, and it the files it opens.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "util/forwarding_file_system.h"
#include "util/status_macros.h"

namespace logwood {

class HeldFiles final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  // Opens the file for good; kNotFound: it is not there. Ok, too, when a fair share of the
  // process's descriptors is used up: then it stays readable only as long as it is there.
  Status Hold(const std::string& path) {
    if (held_.contains(path)) return Status::Ok();
    if (held_.size() >= base()->OpenFilesMax() / 4) {
      return base()->FileSize(path).status();  // whether it is there
    }
    ASSIGN_OR_RETURN(std::shared_ptr<const RandomAccessFile> file, base()->OpenRandomAccess(path));
    held_[path] = std::move(file);
    return Status::Ok();
  }
  // The same of a file that may be gone already; says whether it is there.
  Result<bool> HoldIfThere(const std::string& path) {
    Status status = Hold(path);
    if (status.Is(StatusCode::kNotFound)) return false;
    RETURN_IF_ERROR(status);
    return true;
  }

  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override {
    auto held = held_.find(path);
    if (held == held_.end()) return base()->OpenRandomAccess(path);
    return std::make_unique<Shared>(held->second);
  }
  Result<uint64_t> FileSize(const std::string& path) override {
    auto held = held_.find(path);
    return held == held_.end() ? base()->FileSize(path) : held->second->Size();
  }

 private:
  class Shared final : public RandomAccessFile {
   public:
    explicit Shared(std::shared_ptr<const RandomAccessFile> file) : file_(std::move(file)) {}
    Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
      return file_->Read(offset, size, buffer);
    }
    Result<uint64_t> Size() const override { return file_->Size(); }
    void Advise(Access access) const override { file_->Advise(access); }

   private:
    const std::shared_ptr<const RandomAccessFile> file_;
  };

  std::map<std::string, std::shared_ptr<const RandomAccessFile>> held_;
};

}  // namespace logwood
