#include "tests/support/history_checker.h"
#include "util/check.h"

namespace logwood::test {

using Kind = TransactionHistory::Kind;

HistoryRecorder::HistoryRecorder(uint32_t sessions) {
  for (uint32_t number = 0; number < sessions; ++number) sessions_.emplace_back(clock_, number);
}

void HistoryRecorder::Session::Begin(HistoryLevel level) {
  if (open_) Unknown();
  open_ = true;
  TransactionHistory::Transaction& transaction = history_.transactions.emplace_back();
  transaction.session = number_;
  transaction.level = level;
  transaction.operations_begin = history_.operations.size();
  // One order for all: a commit that ended has its number before any that begins behind it.
  transaction.begun = clock_.fetch_add(1, std::memory_order_seq_cst);
}

void HistoryRecorder::Session::SetSnapshot(LogPos position) {
  CHECK(open_);
  history_.transactions.back().snapshot = position;
}

TransactionHistory::Operation& HistoryRecorder::Session::Add(Kind kind, uint64_t key,
                                                             uint64_t end) {
  CHECK(open_);
  history_.operations.push_back(
      {.kind = kind, .key = key, .end = end, .data_begin = history_.data.size()});
  return history_.operations.back();
}

void HistoryRecorder::Session::Read(uint64_t key, std::span<const uint64_t> elements) {
  Add(Kind::kRead, key, 0).data_size = elements.size();
  history_.data.insert(history_.data.end(), elements.begin(), elements.end());
}

void HistoryRecorder::Session::Scan(uint64_t begin, uint64_t end, std::span<const Row> rows) {
  Add(Kind::kScan, begin, end).data_size = 2 * rows.size();
  for (const auto& [key, last] : rows) {
    history_.data.push_back(key);
    history_.data.push_back(last);
  }
}

void HistoryRecorder::Session::Write(uint64_t key, uint64_t value) {
  Add(Kind::kWrite, key, 0).value = value;
}

void HistoryRecorder::Session::Append(uint64_t key, uint64_t value) {
  Add(Kind::kAppend, key, 0).value = value;
}

void HistoryRecorder::Session::Delete(uint64_t key) { Add(Kind::kDelete, key, 0); }

void HistoryRecorder::Session::DeleteRange(uint64_t begin, uint64_t end) {
  Add(Kind::kDeleteRange, begin, end);
}

void HistoryRecorder::Session::End(HistoryOutcome outcome, LogPos position) {
  CHECK(open_);
  open_ = false;
  TransactionHistory::Transaction& transaction = history_.transactions.back();
  transaction.outcome = outcome;
  transaction.position = position;
  transaction.operations_size = history_.operations.size() - transaction.operations_begin;
  if (outcome != HistoryOutcome::kUnknown) {
    transaction.ended = clock_.fetch_add(1, std::memory_order_seq_cst);
  }
}

void HistoryRecorder::Session::Commit(LogPos position) {
  End(HistoryOutcome::kCommitted, position);
}
void HistoryRecorder::Session::Abort() { End(HistoryOutcome::kAborted, 0); }
void HistoryRecorder::Session::Unknown() { End(HistoryOutcome::kUnknown, 0); }

TransactionHistory HistoryRecorder::Take() {
  TransactionHistory all;
  for (Session& session : sessions_) {
    if (session.open_) session.Unknown();
    TransactionHistory part = std::exchange(session.history_, {});
    for (TransactionHistory::Transaction& transaction : part.transactions) {
      transaction.operations_begin += all.operations.size();
      all.transactions.push_back(transaction);
    }
    for (TransactionHistory::Operation& operation : part.operations) {
      operation.data_begin += all.data.size();
      all.operations.push_back(operation);
    }
    all.data.insert(all.data.end(), part.data.begin(), part.data.end());
  }
  return all;
}

}  // namespace logwood::test
