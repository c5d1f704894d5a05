// FileSystem: the seam between Logwood and the disk. Every file Logwood touches goes through it, so
// that a test, a simulator or a tracer can stand in between.
//
//   logwood::Options options;
//   options.file_system = logwood::FileSystem::Posix();   // the default
//
// Durability contract that every implementation must state and Logwood relies on:
//   * bytes written are readable at once by this process, and survive its death;
//   * bytes survive power loss only after Sync() of their file returned ok;
//   * a created, renamed or removed name survives power loss only after SyncDirectory(parent);
//   * after a failed Sync nothing is known about the bytes written since the last good one, and a
//     second Sync that succeeds proves nothing.
// Errors carry operation and path; ENOSPC and EDQUOT are kNoSpace, ENOENT is kNotFound, EEXIST is
// kAlreadyExists, the rest kIoError; a file used after Close() answers kClosed. EINTR and short
// transfers are handled inside. After a failed Sync a file refuses further ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/export.h"
#include "logwood/status.h"

namespace logwood {

// Reads at offsets. Safe to call from several threads.
class LOGWOOD_EXPORT RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Reads up to `size` bytes at `offset` into `buffer`; fewer only where the file ends.
  virtual Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const = 0;
  virtual Result<uint64_t> Size() const = 0;
  // Says how the file will be read next; a hint.
  enum class Access : uint8_t { kRandom, kSequential };
  virtual void Advise(Access access) const = 0;
};

// Writes a file once, from beginning to end. One thread at a time.
class LOGWOOD_EXPORT WritableFile {
 public:
  virtual ~WritableFile() = default;  // closes; an error is lost, so call Close()
  virtual Status Append(std::string_view data) = 0;
  // Everything appended survives power loss when this returns ok.
  virtual Status Sync() = 0;
  virtual Status Close() = 0;
};

// A log segment's file: reserve, store, sync. Store at any offset below the reserved end; Sync may
// run on one thread while Store runs on another and covers at least what was stored before it
// began. A written and a mapped log are two implementations of this one contract.
class LOGWOOD_EXPORT LogFile {
 public:
  virtual ~LogFile() = default;
  // Makes room so that stores below `end` cannot fail for lack of space, as far as the backend can
  // promise it. The file may become longer by that, even beyond `end`, and reads as zeros there;
  // Close cuts it to what was stored, a process that dies does not.
  virtual Status Reserve(uint64_t end) = 0;
  virtual Status Store(uint64_t offset, std::string_view data) = 0;
  virtual Status Sync() = 0;
  // Cuts the file to `size` bytes.
  virtual Status Truncate(uint64_t size) = 0;
  virtual Status Close() = 0;
};

// An open directory. Safe to call from several threads.
class LOGWOOD_EXPORT Directory {
 public:
  virtual ~Directory() = default;
  // As FileSystem::SyncDirectory of its path.
  virtual Status Sync() = 0;
  // kIoError: the path it was opened by leads elsewhere by now; somebody moved or replaced it. File
  // systems that cannot tell say ok.
  virtual Status CheckPath() const;
};

// Holds a lock file; releases it when destroyed.
class LOGWOOD_EXPORT FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class LockMode : uint8_t { kShared, kExclusive };

// Paths are plain strings with '/' between parts. Safe to call from several threads.
class LOGWOOD_EXPORT FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The machine's own file system. Lives for ever.
  static FileSystem* Posix();
  // A file system in memory, empty; nothing outlives the object. For tests and caches.
  static std::unique_ptr<FileSystem> InMemory();

  virtual Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) = 0;
  // Creates the file, or empties the one that is there.
  virtual Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) = 0;
  // Opens a log segment for storing, creating it where it is missing; keeps what it holds.
  virtual Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) = 0;

  virtual Result<bool> Exists(const std::string& path) = 0;
  virtual Result<uint64_t> FileSize(const std::string& path) = 0;
  // Names (not paths) in the directory, without "." and "..", in bytewise order.
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;
  // Creates the directory and missing parents; ok when it is there. Its name, and those of parents
  // it created, survive power loss: the caller cannot know which were missing, nor whether who made
  // it came to sync it.
  virtual Status CreateDirectory(const std::string& path) = 0;
  // A file, or an empty directory. Open files stay readable.
  virtual Status Remove(const std::string& path) = 0;
  // Replaces `to` where it is there, atomically.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Link(const std::string& from, const std::string& to) = 0;
  virtual Status SyncDirectory(const std::string& directory) = 0;
  // For who syncs one directory again and again: once it is open, syncing it needs no descriptor
  // that could be refused. Here: calls SyncDirectory. The file system must outlive the result.
  virtual Result<std::unique_ptr<Directory>> OpenDirectory(const std::string& path);

  // The same path from wherever the process goes: a database stays where it was opened. Here: as it
  // is, for file systems that know no working directory.
  virtual Result<std::string> AbsolutePath(const std::string& path) { return path; }
  // The directories that `path` lies in, or would lie in once it is made, nearest first, whatever
  // links and ".." lead there; without links and ".." in them. Empty where nobody can tell. Here:
  // what stands before each slash between its parts, for file systems that know neither.
  virtual std::vector<std::string> DirectoriesAbove(const std::string& path);

  // Takes the lock or returns kBusy at once. Refuses a second holder in this process, too, and one
  // inherited through fork. The file is created where missing (kExclusive only) and never removed.
  // Should somebody else remove it, who comes next is refused all the same, where the system can
  // lock directories: so one lock file a directory.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) = 0;
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;
  // How many files this process may have open at a time. Here: as many as it likes.
  virtual uint64_t OpenFilesMax() const { return ~uint64_t{0}; }
};

}  // namespace logwood
