#include "tests/support/history_workload.h"

#include <algorithm>
#include <thread>

#include "tests/support/generators.h"
#include "util/random.h"

namespace logwood::test {
namespace {

// What one session does, a step at a time.
class SessionScript {
 public:
  SessionScript(const HistoryWorkload& workload, uint32_t number, TransactionalStore* store,
                HistoryRecorder::Session* session)
      : workload_(workload),
        store_(*store),
        session_(*session),
        random_(MixSeeds(workload.seed, number)),
        rest_(workload.transactions) {}

  // False: it has ended.
  bool Step();

 private:
  void Begin();
  void Operate();
  void Read(uint64_t key);
  void Change(uint64_t key);
  void End();
  uint64_t Key() { return random_.Uniform(workload_.keys); }

  const HistoryWorkload& workload_;
  TransactionalStore& store_;
  HistoryRecorder::Session& session_;
  Random random_;
  uint32_t rest_;
  uint64_t operations_ = 0;
  std::unique_ptr<TransactionalStore::Transaction> transaction_;
};

bool SessionScript::Step() {
  if (transaction_ != nullptr) {
    if (operations_-- > 0) {
      Operate();
    } else {
      End();
    }
    return true;
  }
  if (rest_ == 0) return false;
  --rest_;
  Begin();
  return true;
}

void SessionScript::Begin() {
  const HistoryLevel level = workload_.level.value_or(
      random_.OneIn(2) ? HistoryLevel::kSnapshot : HistoryLevel::kSerializable);
  operations_ = 1 + random_.Uniform(workload_.operations_max);
  session_.Begin(level);
  transaction_ = store_.Begin(level);
  session_.SetSnapshot(transaction_->snapshot());
}

void SessionScript::Operate() {
  const uint64_t begin = Key();
  const uint64_t end = begin + 1 + random_.Uniform(workload_.keys);
  const uint64_t dice = random_.Uniform(20);
  if (dice < 3 && workload_.scans) {
    session_.Scan(begin, end, transaction_->Scan(begin, end));
  } else if (dice == 3 && workload_.deletes) {
    transaction_->Delete(begin);
    session_.Delete(begin);
  } else if (dice == 4 && workload_.deletes) {
    const uint64_t near = std::min(end, begin + 3);
    transaction_->DeleteRange(begin, near);
    session_.DeleteRange(begin, near);
  } else if (dice < 11) {
    Read(begin);
  } else if (dice < 17) {
    Read(begin);
    Change(begin);
  } else {
    Change(begin);
  }
}

void SessionScript::Read(uint64_t key) { session_.Read(key, transaction_->Get(key)); }

void SessionScript::Change(uint64_t key) {
  const uint64_t value = session_.NextValue();
  if (key % 2 == 0) {
    transaction_->Write(key, value);
    session_.Write(key, value);
  } else {
    transaction_->Append(key, value);
    session_.Append(key, value);
  }
}

void SessionScript::End() {
  LogPos position = 0;
  HistoryOutcome outcome = HistoryOutcome::kAborted;
  if (random_.OneIn(workload_.rollback_one_in)) {
    transaction_->Rollback();
  } else {
    outcome = transaction_->Commit(&position);
  }
  transaction_.reset();
  switch (outcome) {
    case HistoryOutcome::kCommitted:
      return session_.Commit(position);
    case HistoryOutcome::kAborted:
      return session_.Abort();
    case HistoryOutcome::kUnknown:
      return session_.Unknown();
  }
}

}  // namespace

TransactionHistory RunWorkload(const HistoryWorkload& workload, TransactionalStore* store) {
  HistoryRecorder recorder(workload.sessions);
  std::vector<std::unique_ptr<SessionScript>> scripts;
  for (uint32_t number = 0; number < workload.sessions; ++number) {
    scripts.push_back(
        std::make_unique<SessionScript>(workload, number, store, &recorder.session(number)));
  }
  if (workload.threads) {
    std::vector<std::jthread> threads;
    for (const auto& script : scripts) {
      threads.emplace_back([&script] {
        while (script->Step()) std::this_thread::yield();
      });
    }
  } else {
    Random random(workload.seed);
    while (!scripts.empty()) {
      const auto turn = scripts.begin() + static_cast<ptrdiff_t>(random.Uniform(scripts.size()));
      if (!(*turn)->Step()) scripts.erase(turn);
    }
  }
  return recorder.Take();
}

}  // namespace logwood::test
