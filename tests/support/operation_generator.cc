// Random operation lists. Each list has a temper of its own (how many keys, how big values, how
// much is deleted, how often it is reopened), because a uniform mixture never reaches the corners.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "tests/support/generators.h"
#include "tests/support/operation.h"
#include "util/random.h"

namespace logwood::test {

namespace {

constexpr size_t kBatchBytesOfTest = 200 * 1024;  // below a quarter of the smallest budget

struct Weight {
  OperationKind kind;
  uint32_t weight;
};

class Generator {
 public:
  Generator(uint64_t seed, size_t count) : random_(MixSeeds(seed, 0)), count_(count) {
    constexpr std::array<uint32_t, 5> kKeyCounts = {8, 60, 400, 2000, 6000};
    constexpr std::array<uint32_t, 4> kValueBytes = {8, 100, 100, 2000};
    key_count_ = kKeyCounts[random_.Uniform(kKeyCounts.size())];
    key_first_ = static_cast<uint32_t>(random_.OneIn(2) ? 0 : random_.Uniform(20'000));
    value_bytes_ = kValueBytes[random_.Uniform(kValueBytes.size())];
    deletes_ = static_cast<uint32_t>(5 + random_.Uniform(40));
    skewed_ = random_.OneIn(3);
    // None in some lists, most of all writes in others, and wide ones, which leave little to find.
    constexpr std::array<uint32_t, 4> kRangeDeletes = {0, 6, 30, 120};
    range_deletes_ = kRangeDeletes[random_.Uniform(kRangeDeletes.size())];
    wide_one_in_ = random_.OneIn(4) ? 4 : 60;
    constexpr std::array<uint32_t, 4> kMerges = {0, 40, 160, 500};
    merges_ = kMerges[random_.Uniform(kMerges.size())];
    constexpr std::array<uint32_t, 4> kTransactions = {0, 20, 60, 200};
    transactions_ = kTransactions[random_.Uniform(kTransactions.size())];
    // What is said of times is of a quarter of this: often something expires just now.
    constexpr std::array<uint32_t, 4> kExpiring = {0, 10, 40, 80};
    expiring_percent_ = kExpiring[random_.Uniform(kExpiring.size())];
    constexpr std::array<int64_t, 3> kTimes = {4'000, 4'000'000, 7'200'000'000};
    time_us_ = kTimes[random_.Uniform(kTimes.size())];
    SetWeights();
  }

  OperationList Run() {
    OperationList list;
    list.reserve(count_);
    for (int slot = 1; slot <= 2; ++slot) {
      Operation create{.kind = OperationKind::kCreateKeyspace};
      create.keyspace = slot;
      list.push_back(create);
    }
    while (list.size() + 1 < count_) list.push_back(Next());
    list.push_back({.kind = OperationKind::kCheckAll});
    return list;
  }

 private:
  void SetWeights() {
    using K = OperationKind;
    weights_ = {{K::kPut, 320},
                {K::kDelete, deletes_ * 4},
                {K::kBatch, 90},
                {K::kGet, 140},
                {K::kDeleteRange, range_deletes_},
                {K::kMerge, merges_},
                {K::kMultiGet, 30},
                {K::kContains, 40},
                {K::kOpenIterator, 25 + transactions_ / 4},
                {K::kWalk, 90},
                {K::kCloseIterator, 12},
                {K::kTakeSnapshot, 12},
                {K::kReleaseSnapshot, 9},
                {K::kPutIfAbsent, 8 + expiring_percent_ / 2},
                {K::kCompareAndPut, 12},
                {K::kDeleteIf, 8},
                {K::kBegin, transactions_},
                {K::kCommit, transactions_},
                {K::kRollback, transactions_ / 10},
                {K::kSetSavepoint, transactions_},
                {K::kRollbackTo, transactions_ / 2},
                {K::kExpect, transactions_ / 4},
                {K::kWaitDurable, 2},
                {K::kClock, expiring_percent_}};
    // Rare ones in some lists more often than in others; reopening costs most.
    const auto some = [this](uint32_t weight) {
      return static_cast<uint32_t>(weight * (1 + random_.Uniform(3)));
    };
    const std::array<Weight, 15> rare = {{{K::kCreateKeyspace, some(1)},
                                          {K::kOpenOrCreateKeyspace, 1},
                                          {K::kDropKeyspace, some(1)},
                                          {K::kListKeyspaces, 1},
                                          {K::kFlush, some(2)},
                                          {K::kCompactRange, some(2)},
                                          {K::kCompactAll, some(1)},
                                          {K::kWaitForCompaction, 1},
                                          {K::kEstimate, 1},
                                          {K::kStats, 1},
                                          {K::kVerify, random_.OneIn(4) ? 2u : 0u},
                                          {K::kReopen, random_.OneIn(2) ? 2u : 0u},
                                          {K::kCrash, random_.OneIn(2) ? 1u : 0u},
                                          {K::kReadOnly, random_.OneIn(4) ? 1u : 0u},
                                          {K::kCheckAll, 1}}};
    weights_.insert(weights_.end(), rare.begin(), rare.end());
    for (const Weight& weight : weights_) weight_sum_ += weight.weight;
  }

  OperationKind Kind() {
    uint64_t at = random_.Uniform(weight_sum_);
    for (const Weight& weight : weights_) {
      if (at < weight.weight) return weight.kind;
      at -= weight.weight;
    }
    return OperationKind::kPut;
  }

  KeyRef Key() {
    const uint64_t n = skewed_ ? random_.Skewed(12) % key_count_ : random_.Uniform(key_count_);
    return {.id = key_first_ + static_cast<uint32_t>(n)};
  }
  // A key, or something between keys.
  KeyRef Bound() {
    KeyRef key = Key();
    if (random_.OneIn(3)) key.cut = static_cast<int32_t>(random_.Uniform(16));
    key.after = random_.OneIn(12);
    return key;
  }
  // Most are narrow: a key, the next few, those of a prefix.
  BatchItem Range() {
    BatchItem range{.kind = BatchItem::Kind::kDeleteRange, .key = Key(), .end = KeyRef()};
    if (random_.OneIn(wide_one_in_)) {
      FillWideRange(&range);
    } else if (random_.OneIn(3)) {
      *range.end = range.key;
      range.end->after = true;
    } else if (random_.OneIn(3)) {
      range.kind = BatchItem::Kind::kDeletePrefix;
      range.key.cut = static_cast<int32_t>(3 + random_.Uniform(60));
      range.end.reset();
    } else {
      // Of the same kind, where those are ordered by their numbers (KeyOf).
      *range.end = range.key;
      range.end->id += 8 * static_cast<uint32_t>(1 + random_.Uniform(20));
      if (random_.OneIn(4)) range.key.after = true;
      if (random_.OneIn(4)) range.end->after = true;
      if (random_.OneIn(8)) range.end->cut = static_cast<int32_t>(random_.Uniform(16));
      SetInOrder(&range);
    }
    return range;
  }
  void FillWideRange(BatchItem* range) {
    range->key = Bound();
    *range->end = Bound();
    // Beyond all keys of the list, perhaps.
    if (random_.OneIn(6)) range->end->id = static_cast<uint32_t>(random_.Uniform(20'000));
    if (random_.OneIn(6)) range->key = {};
    if (random_.OneIn(6)) range->end.reset();
    if (random_.OneIn(12)) range->end = range->key;
    if (!random_.OneIn(12)) SetInOrder(range);  // else a misuse, perhaps
    if (!random_.OneIn(6)) return;
    range->kind = BatchItem::Kind::kDeletePrefix;
    range->key.cut = static_cast<int32_t>(random_.Uniform(4));
    range->end.reset();
  }
  static void SetInOrder(BatchItem* range) {
    if (range->bounds().is_backward()) std::swap(range->key, *range->end);
  }
  ValueRef Value() {
    ValueRef value{.id = static_cast<uint32_t>(random_.Uniform(1u << 20))};
    if (random_.OneIn(500)) {
      value.size = static_cast<uint32_t>(random_.Uniform(64 * 1024));
    } else if (!random_.OneIn(20)) {
      value.size = static_cast<uint32_t>(random_.Uniform(value_bytes_ * 2));
    }
    return value;
  }
  // Most are short: a list of them is as long as they are together.
  ValueRef Operand() {
    if (random_.OneIn(30)) return Value();
    return {.id = static_cast<uint32_t>(random_.Uniform(1u << 20)),
            .size = static_cast<uint32_t>(random_.Uniform(12))};
  }
  int64_t Time() {
    const auto quarters = static_cast<int64_t>(1 + random_.Uniform(random_.OneIn(10) ? 40 : 8));
    return quarters * (time_us_ / 4) + (random_.OneIn(8) ? 1 : 0);
  }
  // Of what is put; mostly by itself, in some lists never.
  int64_t Ttl() {
    if (random_.Uniform(100) >= expiring_percent_) return random_.OneIn(20) ? kTtlForEver : 0;
    if (random_.OneIn(12)) return kTtlForEver;
    return random_.OneIn(30) ? kTtlMax.count() : Time();
  }
  // Of a write that may hold none: then of what it puts.
  int64_t TtlOfWrite() { return random_.OneIn(3) ? Ttl() : 0; }
  // Mostly one that is likely to be there.
  int KeyspaceSlot() {
    if (random_.OneIn(2)) return 0;
    return static_cast<int>(random_.Uniform(random_.OneIn(10) ? kKeyspaceSlots : 3));
  }
  int SnapshotSlot() {
    return random_.OneIn(3) ? static_cast<int>(random_.Uniform(kSnapshotSlots)) : -1;
  }
  Durability SomeDurability() {
    if (random_.OneIn(40)) return Durability::kPower;
    return random_.OneIn(4) ? Durability::kProcess : Durability::kDefault;
  }

  // Mostly one that is likely to have begun; -1: none.
  int TransactionSlot() {
    if (transactions_ == 0) return -1;
    const auto slot = static_cast<int>(random_.Uniform(kTransactionSlots));
    for (int i = 0; i < kTransactionSlots; ++i) {
      const int next = (slot + i) % kTransactionSlots;
      if (begun_[static_cast<size_t>(next)]) return next;
    }
    return random_.OneIn(20) ? slot : -1;
  }
  bool MayBeInTransaction(OperationKind kind) {
    using K = OperationKind;
    const bool may = kind == K::kPut || kind == K::kDelete || kind == K::kDeleteRange ||
                     kind == K::kMerge || kind == K::kGet || kind == K::kOpenIterator;
    return may && (random_.OneIn(2) || kind == K::kOpenIterator);
  }
  void FillTransaction(Operation* operation) {
    using K = OperationKind;
    if (operation->kind == K::kBegin) {
      operation->transaction = static_cast<int>(random_.Uniform(kTransactionSlots));
      operation->flag = random_.OneIn(3);
    } else {
      operation->transaction = std::max(TransactionSlot(), 0);
    }
    begun_[static_cast<size_t>(operation->transaction)] =
        operation->kind != K::kCommit && operation->kind != K::kRollback;
    if (operation->kind == K::kRollbackTo)
      operation->savepoint = static_cast<uint32_t>(random_.Uniform(4));
    if (operation->kind == K::kExpect) operation->key = Key();
    if (operation->kind != K::kCommit) return;
    operation->durability = SomeDurability();
    operation->ttl_us = TtlOfWrite();
    if (random_.OneIn(6)) operation->note_bytes = static_cast<uint32_t>(random_.Uniform(300));
  }

  void FillBatch(Operation* operation) {
    operation->ttl_us = TtlOfWrite();
    size_t count = 1 + random_.Uniform(12);
    if (random_.OneIn(30)) count = 100;
    if (random_.OneIn(50)) count = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < count && bytes < kBatchBytesOfTest / 2; ++i) {
      BatchItem item{.keyspace = KeyspaceSlot(), .key = Key()};
      // The same key again, that later operations must win.
      if (i > 0 && random_.OneIn(4)) {
        item.key = operation->items.back().key;
        item.keyspace = operation->items.back().keyspace;
      }
      if (random_.Uniform(500) < range_deletes_) {
        const int keyspace = item.keyspace;
        item = Range();
        item.keyspace = keyspace;
        bytes += kRangeDeleteMemoryBytes + (item.end && item.end->id % 997 == 0 ? kKeyBytesMax : 0);
      } else if (random_.Uniform(100) < deletes_) {
        item.kind = BatchItem::Kind::kDelete;
      } else if (random_.Uniform(700) < merges_) {
        item.kind = BatchItem::Kind::kMerge;
        item.value = Operand();
      } else {
        item.value = Value();
        item.ttl_us = random_.OneIn(2) ? Ttl() : 0;
      }
      bytes += 100 + item.value.size + (item.key.id % 997 == 0 ? kKeyBytesMax : 0);
      operation->items.push_back(item);
    }
    if (random_.OneIn(4)) operation->note_bytes = static_cast<uint32_t>(random_.Uniform(300));
  }

  Step OneStep() {
    Step step;
    constexpr std::array<Step::Kind, 10> kKinds = {
        Step::Kind::kFirst, Step::Kind::kLast, Step::Kind::kSeek, Step::Kind::kSeekForPrev,
        Step::Kind::kNext,  Step::Kind::kPrev, Step::Kind::kNext, Step::Kind::kPrev,
        Step::Kind::kNext,  Step::Kind::kPrev};
    step.kind = kKinds[random_.Uniform(kKinds.size())];
    if (step.kind == Step::Kind::kSeek || step.kind == Step::Kind::kSeekForPrev) step.key = Bound();
    if (step.kind == Step::Kind::kNext || step.kind == Step::Kind::kPrev)
      step.count = static_cast<uint32_t>(1 + random_.Uniform(random_.OneIn(8) ? 60 : 4));
    return step;
  }

  void FillIterator(Operation* operation) {
    operation->slot = static_cast<int>(random_.Uniform(kIteratorSlots));
    operation->snapshot = SnapshotSlot();
    if (random_.OneIn(3)) operation->lower = Bound();
    if (random_.OneIn(3)) operation->upper = Bound();
    if (random_.OneIn(5)) {
      operation->prefix = Key();
      operation->prefix->cut = static_cast<int32_t>(random_.Uniform(12));
    }
  }

  static bool IsOfOneKey(OperationKind kind) {
    using K = OperationKind;
    return kind == K::kPut || kind == K::kDelete || kind == K::kMerge || kind == K::kPutIfAbsent ||
           kind == K::kCompareAndPut || kind == K::kDeleteIf || kind == K::kGet;
  }
  // Often of a key that was put to expire.
  void MeetWhatExpires(Operation* operation) {
    if (!IsOfOneKey(operation->kind)) return;
    if (!expiring_.empty() && random_.OneIn(4)) {
      const auto& [keyspace, key] = expiring_[random_.Uniform(expiring_.size())];
      operation->keyspace = keyspace;
      operation->key = key;
    }
    if (operation->ttl_us <= 0 || !random_.OneIn(3)) return;
    constexpr size_t kRememberedMax = 10;
    if (expiring_.size() == kRememberedMax) expiring_.erase(expiring_.begin());
    expiring_.emplace_back(operation->keyspace, operation->key);
  }

  static bool Expects(OperationKind kind) {
    return kind == OperationKind::kCompareAndPut || kind == OperationKind::kDeleteIf;
  }
  static bool UsesKeyspace(OperationKind kind) {
    using K = OperationKind;
    return kind == K::kPut || kind == K::kDelete || kind == K::kDeleteRange || kind == K::kMerge ||
           kind == K::kPutIfAbsent || kind == K::kCompareAndPut || kind == K::kDeleteIf ||
           kind == K::kExpect || kind == K::kGet || kind == K::kMultiGet || kind == K::kContains ||
           kind == K::kOpenIterator || kind == K::kCompactRange || kind == K::kEstimate;
  }

  void FillDeleteRange(Operation* operation) {
    const BatchItem range = Range();
    operation->durability = SomeDurability();
    if (range.kind == BatchItem::Kind::kDeletePrefix) {
      operation->prefix = range.key;
    } else {
      operation->lower = range.key;
      operation->upper = range.end;
    }
  }

  // Of keyspaces and of what costs most.
  void FillRest(Operation* operation) {
    using K = OperationKind;
    switch (operation->kind) {
      case K::kOpenOrCreateKeyspace:
        operation->durability = SomeDurability();
        [[fallthrough]];
      case K::kCreateKeyspace:
      case K::kDropKeyspace:
        operation->keyspace = static_cast<int>(random_.Uniform(kKeyspaceSlots));
        break;
      case K::kCompactRange:
      case K::kEstimate:
        if (random_.OneIn(2)) operation->lower = Bound();
        if (random_.OneIn(2)) operation->upper = Bound();
        [[fallthrough]];
      case K::kCompactAll:
        operation->flag = random_.OneIn(3);
        break;
      case K::kReopen:
      case K::kCrash:
        begun_ = {};
        break;
      case K::kClock:
        set_back_ = random_.OneIn(4);
        operation->clock_us = set_back_ ? -Time() : Time() / (random_.OneIn(2) ? 4 : 1);
        break;
      default:
        break;
    }
  }

  Operation Next() {
    using K = OperationKind;
    Operation operation{.kind = Kind()};
    if (std::exchange(set_back_, false) && random_.OneIn(5))
      operation.kind = random_.OneIn(2) ? K::kReopen : K::kCrash;
    if (UsesKeyspace(operation.kind)) operation.keyspace = KeyspaceSlot();
    if (MayBeInTransaction(operation.kind)) operation.transaction = TransactionSlot();
    switch (operation.kind) {
      case K::kPut:
      case K::kPutIfAbsent:
      case K::kCompareAndPut:
      case K::kMerge:
        operation.value = operation.kind == K::kMerge ? Operand() : Value();
        operation.ttl_us = operation.kind == K::kMerge ? TtlOfWrite() : Ttl();
        [[fallthrough]];
      case K::kDelete:
      case K::kDeleteIf:
        operation.flag = Expects(operation.kind) && !random_.OneIn(3);
        operation.durability = SomeDurability();
        operation.key = Key();
        break;
      case K::kDeleteRange:
        FillDeleteRange(&operation);
        break;
      case K::kBegin:
      case K::kCommit:
      case K::kRollback:
      case K::kSetSavepoint:
      case K::kRollbackTo:
      case K::kExpect:
        FillTransaction(&operation);
        break;
      case K::kBatch:
        operation.durability = SomeDurability();
        FillBatch(&operation);
        break;
      case K::kGet:
      case K::kContains:
        operation.key = random_.OneIn(8) ? Bound() : Key();
        operation.snapshot = SnapshotSlot();
        operation.flag = random_.OneIn(5);
        break;
      case K::kMultiGet:
        operation.snapshot = SnapshotSlot();
        for (uint64_t i = random_.Uniform(20); i > 0; --i) operation.keys.push_back(Key());
        break;
      case K::kOpenIterator:
        FillIterator(&operation);
        [[fallthrough]];
      case K::kWalk:
        if (operation.kind == K::kWalk)
          operation.slot = static_cast<int>(random_.Uniform(kIteratorSlots));
        for (uint64_t i = 1 + random_.Uniform(8); i > 0; --i) operation.steps.push_back(OneStep());
        break;
      case K::kCloseIterator:
        operation.slot = static_cast<int>(random_.Uniform(kIteratorSlots));
        break;
      case K::kTakeSnapshot:
      case K::kReleaseSnapshot:
        operation.slot = static_cast<int>(random_.Uniform(kSnapshotSlots));
        break;
      default:
        FillRest(&operation);
        break;
    }
    if (expiring_percent_ != 0) MeetWhatExpires(&operation);
    return operation;
  }

  Random random_;
  size_t count_;
  uint32_t key_count_ = 0, key_first_ = 0, value_bytes_ = 0, deletes_ = 0;
  uint32_t range_deletes_ = 0, wide_one_in_ = 1, merges_ = 0;
  uint32_t transactions_ = 0;
  uint32_t expiring_percent_ = 0;
  int64_t time_us_ = 0;
  std::vector<std::pair<int, KeyRef>> expiring_;  // of those put last
  bool skewed_ = false, set_back_ = false;
  std::array<bool, kTransactionSlots> begun_{};
  std::vector<Weight> weights_;
  uint64_t weight_sum_ = 0;
};

}  // namespace

OperationList GenerateOperations(uint64_t seed, size_t count) {
  return Generator(seed, count).Run();
}

}  // namespace logwood::test
