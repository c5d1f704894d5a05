// The first two steps of CheckHistory: who wrote what, and each transaction by itself.
#include <algorithm>
#include <unordered_set>

#include "tests/support/history_model.h"

namespace logwood::test::history {

using Kind = TransactionHistory::Kind;
using Operation = TransactionHistory::Operation;

namespace {

bool IsWrite(Kind kind) { return kind != Kind::kRead && kind != Kind::kScan; }

void ListKeys(Model* model) {
  std::vector<uint64_t> numbers;
  numbers.reserve(model->history.operations.size());
  for (const Operation& operation : model->history.operations) {
    if (operation.kind == Kind::kScan) {
      const std::span<const uint64_t> rows = model->history.DataOf(operation);
      for (size_t i = 0; i < rows.size(); i += 2) numbers.push_back(rows[i]);
    } else if (operation.kind != Kind::kDeleteRange) {
      numbers.push_back(operation.key);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  for (const uint64_t number : numbers) model->keys.push_back({.number = number});
}

bool Unusable(Model* model, std::string why) {
  if (model->Count(HistoryAnomaly::kUnusable)) {
    model->Tell(HistoryAnomaly::kUnusable, std::move(why));
  }
  return false;
}

void NoteReplaced(Model* model, uint32_t transaction, uint32_t key, bool deleted) {
  const TransactionHistory::Transaction& of = model->Of(transaction);
  if (of.outcome == HistoryOutcome::kAborted) return;
  const bool unsure = of.outcome == HistoryOutcome::kUnknown && of.position == 0;
  Key& at = model->keys[key];
  at.replaced = true;
  at.unsure |= unsure;
  at.unsure_deleted |= unsure && deleted;
}

bool IndexWrite(Model* model, uint32_t transaction, const Operation& operation) {
  const uint32_t first = model->KeyOfNumber(operation.key);
  if (operation.kind == Kind::kDeleteRange) {
    const uint32_t end = model->KeyOfNumber(operation.end);
    for (uint32_t key = first; key < end; ++key) NoteReplaced(model, transaction, key, true);
    return true;
  }
  Key& key = model->keys[first];
  if (operation.kind != Kind::kAppend) {
    NoteReplaced(model, transaction, first, operation.kind == Kind::kDelete);
  } else if (model->Of(transaction).outcome == HistoryOutcome::kUnknown) {
    key.unsure |= model->Of(transaction).position == 0;
  }
  if (operation.kind == Kind::kDelete) return true;
  key.written = true;
  if (operation.value == 0) return Unusable(model, "the value 0 is none");
  const auto [at, is_new] =
      model->writers.try_emplace({first, operation.value}, Writer{.transaction = transaction});
  if (is_new) return true;
  return Unusable(model, "T" + std::to_string(at->second.transaction) + " and T" +
                             std::to_string(transaction) + " both wrote " +
                             std::to_string(operation.value) + " to key " +
                             std::to_string(operation.key));
}

// Walks through one transaction after the other.
class Walker {
 public:
  explicit Walker(Model* model) : model_(*model), cells_(model->keys.size()) {}

  void Walk(uint32_t transaction);

 private:
  // A key as the transaction must see it: what it wrote itself, behind what it read before.
  struct Cell {
    uint32_t transaction = kNone;  // whose; of any other it says nothing
    bool written = false;
    bool replaced = false;
    bool base_known = false, base_has_list = false;
    uint64_t base_last = 0;
    std::span<const uint64_t> base = {};
    std::vector<uint64_t> own = {};  // elements
  };

  Cell& At(uint32_t key);
  void Own(uint32_t key, bool replaces, uint64_t value);
  void Read(uint32_t key, std::span<const uint64_t> list);
  void Scan(const Operation& operation);
  void ScanKey(uint32_t key, uint64_t last);
  void Complain(uint32_t key, const char* what);
  void Observe(uint32_t key, const Observation& observation);
  void Leave();

  Model& model_;
  std::vector<Cell> cells_;  // by key
  uint32_t transaction_ = 0;
  std::vector<uint32_t> owned_;  // keys
};

Walker::Cell& Walker::At(uint32_t key) {
  Cell& cell = cells_[key];
  if (cell.transaction != transaction_) {
    cell.own.clear();
    std::vector<uint64_t> own = std::move(cell.own);
    cell = {.transaction = transaction_, .own = std::move(own)};
  }
  return cell;
}

void Walker::Own(uint32_t key, bool replaces, uint64_t value) {
  Cell& cell = At(key);
  if (!cell.written) owned_.push_back(key);
  cell.written = true;
  if (replaces) {
    cell.replaced = true;
    cell.own.clear();
  }
  if (value != 0) cell.own.push_back(value);
}

void Walker::Complain(uint32_t key, const char* what) {
  if (!model_.Count(HistoryAnomaly::kInternal)) return;
  model_.Tell(HistoryAnomaly::kInternal, model_.Told(transaction_) + ", key " +
                                             std::to_string(model_.keys[key].number) + ": " + what);
}

void Walker::Observe(uint32_t key, const Observation& observation) {
  if (!model_.keys[key].written && observation.last == 0) return;  // there was never anything
  model_.observations.push_back(observation);
}

void Walker::Read(uint32_t key, std::span<const uint64_t> list) {
  Cell& cell = At(key);
  if (list.size() < cell.own.size() ||
      !std::equal(cell.own.begin(), cell.own.end(),
                  list.end() - static_cast<ptrdiff_t>(cell.own.size()))) {
    return Complain(key, "its own writes are not in what it read");
  }
  const std::span<const uint64_t> base = list.first(list.size() - cell.own.size());
  const uint64_t last = base.empty() ? 0 : base.back();
  if (cell.replaced) {
    if (!base.empty()) Complain(key, "read what it had replaced or deleted itself");
    return;
  }
  if (cell.base_known) {
    if (last != cell.base_last ||
        (cell.base_has_list &&
         !std::equal(base.begin(), base.end(), cell.base.begin(), cell.base.end()))) {
      return Complain(key, "read twice, with another answer");
    }
    if (cell.base_has_list) return;
  }
  cell.base_known = cell.base_has_list = true;
  cell.base_last = last;
  cell.base = base;
  Observe(key,
          {.transaction = transaction_, .key = key, .has_list = true, .last = last, .list = base});
}

void Walker::ScanKey(uint32_t key, uint64_t last) {
  Cell& cell = At(key);
  if (!cell.own.empty()) {
    if (last != cell.own.back()) Complain(key, "a scan did not show its own write");
    return;
  }
  if (cell.replaced) {
    if (last != 0) Complain(key, "a scan showed what it had deleted itself");
    return;
  }
  if (cell.base_known) {
    if (last != cell.base_last) Complain(key, "a scan and a read before it differ");
    return;
  }
  cell.base_known = true;
  cell.base_last = last;
  Observe(key, {.transaction = transaction_, .key = key, .scan = true, .last = last});
}

void Walker::Scan(const Operation& operation) {
  const std::span<const uint64_t> rows = model_.history.DataOf(operation);
  const uint32_t end = model_.KeyOfNumber(operation.end);
  size_t row = 0;
  for (uint32_t key = model_.KeyOfNumber(operation.key); key < end; ++key) {
    const bool there = row < rows.size() && rows[row] == model_.keys[key].number;
    if (there || model_.keys[key].written) ScanKey(key, there ? rows[row + 1] : 0);
    if (there) row += 2;
  }
  if (row < rows.size()) {
    Complain(model_.KeyOfNumber(rows[row]), "a scan showed it out of order or beyond its range");
  }
}

// Makes versions of what the transaction wrote.
void Walker::Leave() {
  std::sort(owned_.begin(), owned_.end());
  for (const uint32_t key : owned_) {
    const Cell& cell = cells_[key];
    const auto id = static_cast<uint32_t>(model_.versions.size());
    model_.versions.push_back({.transaction = transaction_,
                               .key = key,
                               .replaces = cell.replaced,
                               .last = cell.own.empty() ? 0 : cell.own.back(),
                               .elements_begin = model_.elements.size(),
                               .elements_size = cell.own.size()});
    for (const uint64_t value : cell.own) {
      model_.elements.push_back(value);
      model_.writers.find({key, value})->second.version = id;
    }
  }
  owned_.clear();
}

void Walker::Walk(uint32_t transaction) {
  transaction_ = transaction;
  model_.observations_begin.push_back(model_.observations.size());
  model_.versions_begin.push_back(model_.versions.size());
  for (const Operation& operation : model_.history.OperationsOf(model_.Of(transaction))) {
    const uint32_t key = model_.KeyOfNumber(operation.key);
    switch (operation.kind) {
      case Kind::kRead:
        Read(key, model_.history.DataOf(operation));
        break;
      case Kind::kScan:
        Scan(operation);
        break;
      case Kind::kWrite:
      case Kind::kAppend:
        Own(key, operation.kind == Kind::kWrite, operation.value);
        break;
      case Kind::kDelete:
        Own(key, true, 0);
        break;
      case Kind::kDeleteRange:
        for (uint32_t k = key; k < model_.KeyOfNumber(operation.end); ++k) {
          if (model_.keys[k].written) Own(k, true, 0);
        }
        break;
    }
  }
  if (model_.Of(transaction).outcome == HistoryOutcome::kAborted) {
    owned_.clear();
  } else {
    Leave();
  }
}

}  // namespace

bool IndexWrites(Model* model) {
  ListKeys(model);
  model->writers.reserve(model->history.operations.size());
  std::unordered_set<LogPos> positions;
  bool usable = true;
  for (uint32_t t = 0; t < model->history.transactions.size(); ++t) {
    const TransactionHistory::Transaction& of = model->Of(t);
    bool writes = false;
    for (const Operation& operation : model->history.OperationsOf(of)) {
      if (!IsWrite(operation.kind)) continue;
      writes = true;
      usable = IndexWrite(model, t, operation) && usable;
    }
    if (writes && of.outcome == HistoryOutcome::kCommitted && of.position == 0) {
      usable = Unusable(model, model->Told(t) + " has no position");
    }
    if (of.position > 0 && !positions.insert(of.position).second) {
      usable = Unusable(model, "another one was given the position of " + model->Told(t));
    }
  }
  return usable;
}

void WalkTransactions(Model* model) {
  Walker walker(model);
  for (uint32_t t = 0; t < model->history.transactions.size(); ++t) walker.Walk(t);
  model->observations_begin.push_back(model->observations.size());
  model->versions_begin.push_back(model->versions.size());
}

}  // namespace logwood::test::history
