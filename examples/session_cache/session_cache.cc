#include "session_cache.h"

#include <random>
#include <utility>

using logwood::Keyspace;
using logwood::Result;
using logwood::Status;
using logwood::StatusCode;

namespace {

// Nobody guesses it. A real one has its randomness from the system, as this has.
std::string NewToken() {
  static constexpr char kDigits[] = "0123456789abcdef";
  thread_local std::random_device device;
  std::string token;
  for (int word = 0; word < 4; ++word) {
    uint32_t bits = device();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) token += kDigits[bits & 15];
  }
  return token;
}

// Of a write under a condition: whether that held.
Result<bool> Held(const Result<logwood::LogPos>& position) {
  if (position.ok()) return true;
  if (position.status().Is(StatusCode::kConflict)) return false;
  return position.status();
}

}  // namespace

Result<std::unique_ptr<SessionCache>> SessionCache::Open(const std::string& directory,
                                                         Lifetime lifetime) {
  logwood::Options options;
  options.keyspaces["sessions"].ttl = lifetime;  // of each put there that does not say another
  options.keyspaces["jobs"].merge_operator = logwood::MergeOperator::AddInt64();
  auto db = logwood::DB::Open(options, directory);
  if (!db.ok()) return db.status();
  Keyspace keyspaces[3];
  const char* const names[] = {"sessions", "leases", "jobs"};
  for (int i = 0; i < 3; ++i) {
    const auto keyspace = (*db)->OpenOrCreateKeyspace({}, names[i]);
    if (!keyspace.ok()) return keyspace.status();
    keyspaces[i] = *keyspace;
  }
  return std::unique_ptr<SessionCache>(
      new SessionCache(std::move(*db), keyspaces[0], keyspaces[1], keyspaces[2]));
}

Result<std::string> SessionCache::LogIn(std::string_view user) {
  std::string token = NewToken();
  const auto position = db_->Put({}, sessions_, token, user);
  if (!position.ok()) return position.status();
  return token;
}

Result<std::string> SessionCache::Use(std::string_view token) {
  // The same value once more, for its time. Under the condition that it is there still: a put
  // without one would bring back what is logged out between the two lines.
  for (;;) {
    const auto user = Look(token);
    if (!user.ok()) return user.status();
    const auto put = Held(db_->CompareAndPut({}, sessions_, token, *user, *user));
    if (!put.ok()) return put.status();
    if (*put) return user;
  }
}

Result<std::string> SessionCache::Look(std::string_view token) const {
  std::string user;
  const Status status = db_->Get({}, sessions_, token, &user);
  if (!status.ok()) return status;
  return user;
}

Status SessionCache::LogOut(std::string_view token) {
  return db_->Delete({}, sessions_, token).status();
}

Result<bool> SessionCache::Take(std::string_view lease, std::string_view holder, Lifetime lasts) {
  return Held(db_->PutIfAbsent({.ttl = lasts}, leases_, lease, holder));
}

Result<bool> SessionCache::Renew(std::string_view lease, std::string_view holder, Lifetime lasts) {
  return Held(db_->CompareAndPut({.ttl = lasts}, leases_, lease, holder, holder));
}

Result<bool> SessionCache::LetGo(std::string_view lease, std::string_view holder) {
  return Held(db_->DeleteIf({}, leases_, lease, holder));
}

// The commit is refused where somebody wrote what was read. A lease that has just expired and that
// nobody took since does no harm.
Result<bool> SessionCache::FinishJob(std::string_view lease, std::string_view holder) {
  auto transaction = db_->BeginTransaction({});
  if (!transaction.ok()) return transaction.status();
  std::string found;
  Status status = (*transaction)->Get(leases_, lease, &found);
  if (status.Is(StatusCode::kNotFound) || (status.ok() && found != holder)) return false;
  if (status.ok()) status = (*transaction)->Merge(jobs_, lease, logwood::EncodeInt64(1));
  if (!status.ok()) return status;
  return Held((*transaction)->Commit({}));
}

Result<uint64_t> SessionCache::Jobs(std::string_view lease) const {
  std::string value;
  const Status status = db_->Get({}, jobs_, lease, &value);
  if (status.Is(StatusCode::kNotFound)) return uint64_t{0};
  if (!status.ok()) return status;
  return static_cast<uint64_t>(logwood::DecodeInt64(value).value_or(0));
}

Result<SessionCache::Capacity> SessionCache::Measure() const {
  Capacity capacity;
  const auto it = db_->NewIterator({}, sessions_);
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++capacity.sessions;
  if (!it->status().ok()) return it->status();
  const logwood::Stats stats = db_->GetStats();
  for (const logwood::LevelStats& level : stats.levels) {
    capacity.entries += level.entries;
    capacity.expiring += level.expiring;
  }
  capacity.table_bytes = stats.table_bytes;
  capacity.expired = stats.expired;
  capacity.stepped_over = stats.tombstones_skipped;
  return capacity;
}
