// VersionSet: the current version and the manifest that records how it came to be.
//
// Commit is the only way to change the version: it writes the edit, syncs it, and only then lets
// the caller install the result (invariant 5). One commit at a time; its lock is held over I/O and
// is not the engine's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "db/manifest.h"
#include "db/version.h"
#include "util/sync.h"

namespace logwood {

class VersionSet {
 public:
  struct Start {
    FileSystem* fs = nullptr;
    std::string directory;
    Root root;  // its manifest number is chosen anew
    std::string settings;
    std::vector<Epoch> epochs;
    TablesState tables;
    uint64_t first_segment = 0;
    std::optional<uint64_t> durable_segment;
    uint64_t next_file_number = 1;
    LogPos durable = 0;       // the log is durable up to here
    uint64_t expired_us = 0;  // what expired by then may be gone
    std::shared_ptr<const Version> version;
  };
  // Writes a new manifest with the whole state and switches ROOT to it.
  // `may_show`: after a failure, whether ROOT may name the manifest that this began.
  static Result<std::unique_ptr<VersionSet>> Create(Start start, bool* may_show = nullptr);

  uint64_t NewFileNumber() { return next_file_number_.fetch_add(1, std::memory_order_relaxed); }

  // Adds the file number to the edit, commits it, and calls `install` with the new version before
  // another commit can begin. After a failure the manifest's end is unknown: it is not appended to
  // again; the next commit writes a new manifest first. Until ROOT names that one durably, the old
  // and the new say the same.
  // An exception (there is no memory) ends the program: the manifest may already say what the tree
  // does not (invariant 28).
  Status Commit(Edit edit,
                const std::function<void(std::shared_ptr<const Version>)>& install) noexcept;

  // Why a disk that took a new file could not shorten the manifest behind the last commit, once.
  Status TakeShorteningFailure();

  std::shared_ptr<const Version> current() const;
  ManifestState manifest_state() const;
  TablesState tables_state() const;
  // The oldest segment recovery relies on; 0: none.
  uint64_t first_segment() const;
  // The segment whose name and header the manifest says are durable; 0: none.
  uint64_t durable_segment() const;
  const std::vector<Epoch>& epochs() const { return start_.epochs; }
  uint64_t current_epoch() const { return start_.epochs.back().number; }
  uint64_t current_epoch_tag() const { return start_.epochs.back().tag; }

  // Tables that no version contains and no reader uses any more; the caller removes their files.
  std::vector<uint64_t> TakeUnusedTables();
  // Bytes of tables that are only kept for readers.
  uint64_t obsolete_bytes() const;
  // Manifests that ROOT names no more, each once; the caller removes their files.
  std::vector<uint64_t> TakeObsoleteManifests();

 private:
  struct Removed {
    uint64_t number, bytes;
    std::weak_ptr<LiveTable> users;
  };

  explicit VersionSet(Start start)
      : start_(std::move(start)), next_file_number_(start_.next_file_number) {}
  Edit WholeState() const REQUIRES(mutex_);
  static std::vector<Removed> MadeTables(const Edit& edit);
  // `began`: for a failure, whether the file it is about could be made at least.
  Status NewManifest(bool* began = nullptr) REQUIRES(commit_mutex_);

  Start start_;  // fields below `version` are the state at start; kept for WholeState
  std::atomic<uint64_t> next_file_number_;

  Mutex commit_mutex_;  // before mutex_
  std::unique_ptr<ManifestWriter> manifest_ GUARDED_BY(commit_mutex_);
  uint64_t manifest_base_bytes_ GUARDED_BY(commit_mutex_) = 0;
  bool manifest_broken_ GUARDED_BY(commit_mutex_) = false;
  // What failed appends and switches may have named all the same: they go when the next manifest is
  // in place.
  std::vector<Removed> doubtful_tables_ GUARDED_BY(commit_mutex_);
  std::vector<uint64_t> doubtful_manifests_ GUARDED_BY(commit_mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<const Version> current_ GUARDED_BY(mutex_);
  TablesState tables_ GUARDED_BY(mutex_);
  uint64_t first_segment_ GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> durable_segment_ GUARDED_BY(mutex_);
  ManifestState manifest_state_ GUARDED_BY(mutex_);
  std::vector<uint64_t> obsolete_manifests_ GUARDED_BY(mutex_);
  std::vector<Removed> removed_ GUARDED_BY(mutex_);
  Status shortening_failure_ GUARDED_BY(mutex_);
};

}  // namespace logwood
