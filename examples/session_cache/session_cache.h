// SessionCache: who is logged in, as tokens that expire. A session lasts so long from its last use:
// each use puts it anew. Nobody sweeps: what has expired is not there, and compaction takes it
// away. Beside them leases: locks that go by themselves where their holder does not come back.
//
//   auto cache = SessionCache::Open("sessions.db", std::chrono::minutes(20));
//   auto token = (*cache)->LogIn("anna");
//   auto user = (*cache)->Use(*token);           // "anna", and twenty minutes more; or kNotFound
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/db.h"
#include "logwood/transaction.h"

// Any thread.
class SessionCache {
 public:
  using Lifetime = std::chrono::microseconds;

  static logwood::Result<std::unique_ptr<SessionCache>> Open(const std::string& directory,
                                                             Lifetime lifetime);
  logwood::Status Close() { return db_->Close(); }

  // A new session's token.
  logwood::Result<std::string> LogIn(std::string_view user);
  // Whose it is; from now on it lasts its lifetime again. kNotFound: it has expired, or was logged
  // out, also where that happens at the same time: a use never brings a session back.
  logwood::Result<std::string> Use(std::string_view token);
  // The same without making it last longer.
  logwood::Result<std::string> Look(std::string_view token) const;
  logwood::Status LogOut(std::string_view token);

  // True: `holder` has the lease from now on for so long, or until it lets go.
  logwood::Result<bool> Take(std::string_view lease, std::string_view holder, Lifetime lasts);
  // False: it is not the holder's any more.
  logwood::Result<bool> Renew(std::string_view lease, std::string_view holder, Lifetime lasts);
  logwood::Result<bool> LetGo(std::string_view lease, std::string_view holder);
  // Counts one job more under the lease's name, if the holder still has it: at the moment of the
  // commit nobody else does, however long the holder slept before.
  logwood::Result<bool> FinishJob(std::string_view lease, std::string_view holder);
  logwood::Result<uint64_t> Jobs(std::string_view lease) const;

  struct Capacity {
    uint64_t sessions = 0;      // that are there now
    uint64_t entries = 0;       // in tables
    uint64_t expiring = 0;      // of those
    uint64_t table_bytes = 0;   // on disk
    uint64_t expired = 0;       // let go of by flushes and compactions since the open
    uint64_t stepped_over = 0;  // by iterators since the open: what has expired among them
  };
  logwood::Result<Capacity> Measure() const;
  // Memory becomes tables, which Measure counts. By itself that comes when there is enough of it.
  logwood::Status Flush() { return db_->Flush(); }
  // As compaction does by itself where much of a table has expired, at most a minute later.
  logwood::Status Reclaim() { return db_->CompactAll({.force_last_level = true}); }

 private:
  SessionCache(std::unique_ptr<logwood::DB> db, logwood::Keyspace sessions,
               logwood::Keyspace leases, logwood::Keyspace jobs)
      : db_(std::move(db)), sessions_(sessions), leases_(leases), jobs_(jobs) {}

  const std::unique_ptr<logwood::DB> db_;
  const logwood::Keyspace sessions_, leases_, jobs_;
};
