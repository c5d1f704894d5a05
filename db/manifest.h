// The manifest (docs/format/manifest.md): edits in a checksum chain; and ROOT, which names it.
//
// Frame: fixed 4 length | 8 chain | edit bytes. chain = Hash64(length field + edit bytes, seed =
// previous chain); the first is seeded by the file id. So an edit proves all before it, and a lost
// or spliced one is noticed by the next; the very last by the log's segment headers, which name the
// manifest state they follow, and by the tables and segments that must be there.
//
// Order (invariant 5): files an edit refers to are synced, and their names, before Append; Append
// returns after its own sync; only then may the caller delete what the edit made obsolete.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "db/edit.h"
#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

class ManifestWriter {
 public:
  // Creates the file, writes `first` (a whole state) and syncs the file; not the directory.
  // `began`: set once the file is made; what fails then is the disk.
  static Result<std::unique_ptr<ManifestWriter>> Create(FileSystem* fs,
                                                        const std::string& directory,
                                                        uint64_t number, const Edit& first,
                                                        bool* began = nullptr);
  // Writes and syncs. After a failure the file's end is unknown: every later call returns the
  // first failure.
  Status Append(const Edit& edit);
  Status Close() { return file_->Close(); }

  const ManifestState& state() const { return state_; }
  uint64_t bytes() const { return bytes_; }

 private:
  ManifestWriter(std::unique_ptr<WritableFile> file, const std::string& path)
      : file_(std::move(file)), path_(path) {}
  Status AppendFrame(const Edit& edit);

  std::unique_ptr<WritableFile> file_;
  std::string path_;
  ManifestState state_;
  uint64_t bytes_ = 0;
  Status failure_;
};

struct ManifestContents {
  uint32_t writer = 0;  // the Logwood that wrote the file, for messages; 0: not said
  ManifestState state;  // after the last good edit
  std::vector<Edit> edits;
  std::vector<uint64_t> offsets;      // where each edit begins in the file
  std::vector<ManifestState> states;  // after each edit
  uint64_t tail_offset = 0;           // where a torn tail begins
  uint64_t tail_bytes = 0;            // 0: none
};

// kCorruption with file:offset for damage that cannot be a torn last append (something valid
// follows, or the first edit is bad); kNotSupported for a newer format. A torn tail is reported in
// the result: an append that nothing proves durable.
Result<ManifestContents> ReadManifest(FileSystem* fs, const std::string& directory, uint64_t number,
                                      bool for_writing = true);

struct Root {
  uint64_t manifest = 0;
  Id128 history_id, instance_id;
};

// Write-new, sync, rename, sync-directory.
Status WriteRoot(FileSystem* fs, const std::string& directory, const Root& root,
                 bool* may_show = nullptr, bool* began = nullptr);
// kNotFound when there is none.
Result<Root> ReadRoot(FileSystem* fs, const std::string& directory, bool for_writing = true);

// The whole file in memory; for small files. At most `bytes_max`, else kCorruption.
Result<std::string> ReadWholeFile(FileSystem* fs, const std::string& path, uint64_t bytes_max);

}  // namespace logwood
