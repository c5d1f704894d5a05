// What the preloaded library (faults_preload.cc) and who starts programs under it agree on: which
// system call fails how, and what the library counted.
//
//   LD_PRELOAD=build/release/lib/liblogwood_faults.so LOGWOOD_FAULTS_UNDER=/tmp/x
//   LOGWOOD_FAULTS=change:17:EIO:once logwood_probe run /tmp/x/db 1 50 2
//
// LOGWOOD_FAULTS: CLASS:INDEX:WAY:once|ever. The INDEX-th call of the class (1: the first) on a
// path or a descriptor below LOGWOOD_FAULTS_UNDER; `ever`: it and all after it. Without it, and
// with LOGWOOD_FAULTS_REPORT only, calls are counted. WAY: EIO ENOSPC EDQUOT EROFS EMFILE EAGAIN
// EINTR short kill tear. EINTR for ever interrupts every call once, `short` moves half of the
// bytes; kill sends SIGKILL in front of the call, tear behind half of its bytes.
// LOGWOOD_FAULTS_REPORT names a file of sizeof(FaultReport) bytes.
//
// A program that runs under the library can plan anew, for one run after another in one process.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace logwood::test {

enum class CallClass : uint8_t {
  kChange =
      0,      // what changes the disk, or may: opens that create or cut, writes, syncs, names, ...
  kRead = 1,  // what only looks: opens for reading, reads, sizes, lists
  kSync = 2,  // of those that change: fsync and fdatasync
  kOpen = 3,  // whatever makes a descriptor
  kThread = 4,    // pthread_create, wherever
  kTransfer = 5,  // reads and writes of bytes: what can be short
};
inline constexpr size_t kCallClasses = 6;
inline constexpr std::array<std::string_view, kCallClasses> kCallClassNames = {
    "change", "read", "sync", "open", "thread", "transfer"};

// In memory that both processes share. The call that failed first is told in words.
struct FaultReport {
  std::atomic<uint64_t> counts[kCallClasses];
  std::atomic<uint64_t> failed;      // or were interrupted, or made short
  std::atomic<uint64_t> left_whole;  // were to be short, but have no half
  // Lines by which logwood_probe acknowledges a durable batch ("A 7 9 1"), behind the first failed
  // sync of a log segment.
  std::atomic<uint64_t> log_syncs_failed;
  // Of any file or directory, but of tables and manifests for want of room.
  std::atomic<uint64_t> ending_syncs_failed;
  std::atomic<uint64_t> durable_after_failed_sync;
  // All such lines, of either durability, behind a failed sync of any file or directory (but of
  // tables and manifests for want of room, which is waited for): of the thread whose sync it was;
  // and of others since that thread made another call. One of those may have been under way.
  std::atomic<uint64_t> acknowledged_by_failed;
  std::atomic<uint64_t> failed_sync_told;
  std::atomic<uint64_t> acknowledged_after_told;
  char first[192];
};

// logwood_faults_plan(faults), found by dlsym: `faults` (as in LOGWOOD_FAULTS; empty: nothing
// fails) from now on, and all counts anew in what it returns. While no other thread makes calls.
using PlanFaults = FaultReport*(const char* faults);
inline constexpr char kPlanFaultsName[] = "logwood_faults_plan";

}  // namespace logwood::test
