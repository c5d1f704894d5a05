// Users of a site come and go (session_cache.h): several threads log in, use some sessions again
// and again, log out of some, and leave the others lying. Each looks, too, for the lease of a job
// that only one may do at a time; now and then a holder goes away without letting go of it.
//
// Holds what is found against what each thread remembers: a session that was used in time is there,
// one that was not is gone, one that was logged out stays so, and of the jobs each counts once. At
// the end all have expired: it opens the database again, and prints what they took on disk, what of
// it compaction gave back, and how fast it went.
//
//   ./session_cache [--sessions N] [--threads N] [--lifetime MS] [--dir DIR]
#include "session_cache.h"

#include <getopt.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

using logwood::Status;
using logwood::StatusCode;

namespace {

constexpr const char* kUsage =
    R"(usage: session_cache [options]

  --sessions N   so many are begun; 8,000 without it
  --threads N    threads of users; 4
  --lifetime MS  how long a session lasts from its last use; 400
  --dir DIR      the database; "sessions.db"
  --help
)";

struct Arguments {
  std::string directory = "sessions.db";
  uint64_t sessions = 8'000, threads = 4, lifetime_ms = 400;
  SessionCache::Lifetime lifetime() const { return std::chrono::milliseconds(lifetime_ms); }
};

enum class Parsed { kRun, kHelp, kWrong };

Parsed Parse(int argc, char** argv, Arguments* arguments) {
  static const option kOptions[] = {
      {"sessions", required_argument, nullptr, 's'}, {"threads", required_argument, nullptr, 't'},
      {"lifetime", required_argument, nullptr, 'l'}, {"dir", required_argument, nullptr, 'd'},
      {"help", no_argument, nullptr, 'h'},           {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    if (c == 'h') return Parsed::kHelp;
    if (c == '?') return Parsed::kWrong;
    if (c == 'd') {
      arguments->directory = optarg;
      continue;
    }
    uint64_t& number = c == 's'   ? arguments->sessions
                       : c == 't' ? arguments->threads
                                  : arguments->lifetime_ms;
    number = std::strtoull(optarg, nullptr, 10);
    if (number == 0) return Parsed::kWrong;
  }
  return optind == argc ? Parsed::kRun : Parsed::kWrong;
}

// The clock that the database goes by: where somebody sets it, both see that.
using Clock = std::chrono::system_clock;

// A session as its user remembers it. The put of its last use lies between the two times.
struct Remembered {
  std::string token, user;
  Clock::time_point before, after;
  bool logged_out = false;
};

struct Counts {
  uint64_t log_ins = 0, uses = 0, expired = 0, logged_out = 0;
  uint64_t jobs = 0, leases_left_lying = 0, leases_lost = 0;

  void Add(const Counts& more) {
    log_ins += more.log_ins;
    uses += more.uses;
    expired += more.expired;
    logged_out += more.logged_out;
    jobs += more.jobs;
    leases_left_lying += more.leases_left_lying;
    leases_lost += more.leases_lost;
  }
};

// One thread's users.
class Users {
 public:
  Users(SessionCache* cache, const Arguments& arguments, uint64_t number)
      : cache_(*cache), arguments_(arguments), number_(number), dice_(number + 1) {}

  Status Run() {
    Status status;
    for (uint64_t i = number_; status.ok() && i < arguments_.sessions; i += arguments_.threads) {
      status = LogIn(i);
      for (int uses = 0; status.ok() && uses < 3; ++uses) status = UseOne();
      if (status.ok() && Random(50) == 0) status = WorkUnderLease();
      if (status.ok() && Random(100) == 0) std::this_thread::sleep_for(arguments_.lifetime() / 20);
    }
    return status;
  }
  const Counts& counts() const { return counts_; }
  const std::vector<Remembered>& sessions() const { return sessions_; }

 private:
  uint64_t Random(uint64_t below) {
    dice_ = dice_ * 6364136223846793005 + 1442695040888963407;
    return (dice_ >> 33) % below;
  }

  Status LogIn(uint64_t i) {
    Remembered session;
    session.user = "user-" + std::to_string(i % 1000);
    session.before = Clock::now();
    auto token = cache_.LogIn(session.user);
    if (!token.ok()) return token.status();
    session.after = Clock::now();
    session.token = std::move(*token);
    sessions_.push_back(std::move(session));
    ++counts_.log_ins;
    return Status::Ok();
  }

  // Mostly one of the newest; older ones lie until they have expired.
  Status UseOne() {
    const uint64_t back =
        Random(Random(4) == 0 ? sessions_.size() : std::min<uint64_t>(sessions_.size(), 8));
    Remembered& session = sessions_[sessions_.size() - 1 - back];
    if (!session.logged_out && Random(40) == 0) {
      const Status status = cache_.LogOut(session.token);
      session.logged_out = true;
      ++counts_.logged_out;
      return status;
    }
    const Clock::time_point before = Clock::now();
    const auto user = cache_.Use(session.token);
    const Clock::time_point after = Clock::now();
    const bool is_gone = user.status().Is(StatusCode::kNotFound);
    if (!user.ok() && !is_gone) return user.status();
    if (user.ok() && *user != session.user) return Status::Corruption("another user's session");
    if (session.logged_out) {
      return is_gone ? Status::Ok() : Status::Corruption("a session that was logged out is back");
    }
    // What nobody can know from here, both are right: the time had come meanwhile, or not.
    if (is_gone && after < session.before + arguments_.lifetime())
      return Status::Corruption("a session is gone too early");
    if (!is_gone && before >= session.after + arguments_.lifetime())
      return Status::Corruption("a session outlived its time");
    if (is_gone) {
      ++counts_.expired;
      session.logged_out = true;  // and so it stays
      return Status::Ok();
    }
    session.before = before;
    session.after = after;
    ++counts_.uses;
    return Status::Ok();
  }

  Status WorkUnderLease() {
    const std::string holder = "thread-" + std::to_string(number_);
    const auto taken = cache_.Take("tidy up", holder, arguments_.lifetime() / 8);
    if (!taken.ok()) return taken.status();
    if (!*taken) return Status::Ok();
    if (Random(8) == 0) std::this_thread::sleep_for(arguments_.lifetime() / 4);  // too long
    const auto finished = cache_.FinishJob("tidy up", holder);
    if (!finished.ok()) return finished.status();
    *finished ? ++counts_.jobs : ++counts_.leases_lost;
    if (Random(4) == 0) {  // as if it died here: who comes later gets it all the same
      ++counts_.leases_left_lying;
      return Status::Ok();
    }
    return cache_.LetGo("tidy up", holder).status();
  }

  SessionCache& cache_;
  const Arguments& arguments_;
  const uint64_t number_;
  uint64_t dice_;
  std::vector<Remembered> sessions_;
  Counts counts_;
};

Status RunUsers(SessionCache& cache, const Arguments& arguments, std::vector<Users>* users) {
  for (uint64_t i = 0; i < arguments.threads; ++i) users->emplace_back(&cache, arguments, i);
  std::vector<Status> ended(arguments.threads);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < arguments.threads; ++i)
    threads.emplace_back([&, i] { ended[i] = (*users)[i].Run(); });
  for (std::thread& thread : threads) thread.join();
  for (Status& end : ended) {
    if (!end.ok()) return std::move(end);
  }
  return Status::Ok();
}

Status PrintCapacity(const SessionCache& cache, const char* when) {
  const auto now = cache.Measure();
  if (!now.ok()) return now.status();
  std::printf("%-20s %7llu sessions; tables: %7llu entries, %7llu expire, %9llu bytes; %llu went\n",
              when, static_cast<unsigned long long>(now->sessions),
              static_cast<unsigned long long>(now->entries),
              static_cast<unsigned long long>(now->expiring),
              static_cast<unsigned long long>(now->table_bytes),
              static_cast<unsigned long long>(now->expired));
  return Status::Ok();
}

// All have expired: nothing is there, whoever looks, and compaction leaves nothing of it.
Status CheckEnd(SessionCache& cache, const std::vector<Users>& users, const Counts& counts,
                uint64_t jobs_before) {
  for (const Users& of_one : users) {
    for (const Remembered& session : of_one.sessions()) {
      if (!cache.Look(session.token).status().Is(StatusCode::kNotFound))
        return Status::Corruption("a session is there at the end");
    }
  }
  const auto jobs = cache.Jobs("tidy up");
  if (!jobs.ok()) return jobs.status();
  if (*jobs != jobs_before + counts.jobs)
    return Status::Corruption("other jobs were counted than done");
  Status status = PrintCapacity(cache, "all have expired:");
  if (status.ok()) status = cache.Reclaim();
  if (status.ok()) status = PrintCapacity(cache, "after a compaction:");
  if (!status.ok()) return status;
  const auto left = cache.Measure();
  if (!left.ok()) return left.status();
  if (left->sessions != 0 || left->expiring != 0)
    return Status::Corruption("something is left of what has expired");
  return Status::Ok();
}

Status Run(const Arguments& arguments) {
  auto cache = SessionCache::Open(arguments.directory, arguments.lifetime());
  if (!cache.ok()) return cache.status();
  const auto jobs_before = (*cache)->Jobs("tidy up");  // an earlier run's
  if (!jobs_before.ok()) return jobs_before.status();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<Users> users;
  Status status = RunUsers(**cache, arguments, &users);
  if (!status.ok()) return status;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  Counts counts;
  for (const Users& of_one : users) counts.Add(of_one.counts());
  status = (*cache)->Flush();
  if (status.ok()) status = PrintCapacity(**cache, "when the last came:");
  if (status.ok()) status = (*cache)->Close();
  if (!status.ok()) return status;

  // Time passes also while nobody has it open. What recovery reads is of its own record's time.
  std::this_thread::sleep_for(arguments.lifetime());
  cache = SessionCache::Open(arguments.directory, arguments.lifetime());
  if (!cache.ok()) return cache.status();
  status = CheckEnd(**cache, users, counts, *jobs_before);
  if (status.ok()) status = (*cache)->Close();
  if (!status.ok()) return status;
  const double writes = static_cast<double>(counts.log_ins + counts.uses + counts.logged_out);
  std::printf(
      "%llu log-ins, %llu uses, %llu logged out, %llu met as expired; %llu jobs, %llu leases left "
      "lying, %llu lost; %.0f writes/s by %llu threads\n",
      static_cast<unsigned long long>(counts.log_ins), static_cast<unsigned long long>(counts.uses),
      static_cast<unsigned long long>(counts.logged_out),
      static_cast<unsigned long long>(counts.expired), static_cast<unsigned long long>(counts.jobs),
      static_cast<unsigned long long>(counts.leases_left_lying),
      static_cast<unsigned long long>(counts.leases_lost), writes / std::max(taken.count(), 1e-9),
      static_cast<unsigned long long>(arguments.threads));
  return Status::Ok();
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  switch (Parse(argc, argv, &arguments)) {
    case Parsed::kHelp:
      std::fputs(kUsage, stdout);
      return 0;
    case Parsed::kWrong:
      std::fputs(kUsage, stderr);
      return 2;
    case Parsed::kRun:
      break;
  }
  const Status status = Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "session_cache: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
