// Session: operations that read.
#include <utility>

#include "tests/metamorphic/session.h"

namespace logwood::test {

namespace {

constexpr size_t kHeldValuesMax = 8;

// Adds what was read to the model's answer in a message.
std::string Compared(std::string_view what, std::string_view key, const Status& status,
                     const std::string* expected) {
  return std::string(what) + " of " + Shown(key) + " is " + status.ToString() + ", expected " +
         (expected == nullptr ? "nothing" : Shown(*expected));
}

}  // namespace

ModelMoment Session::ReadMoment(int snapshot_slot) const {
  if (snapshot_slot < 0) return model_->now();
  const HeldSnapshot& held = snapshots_[static_cast<size_t>(snapshot_slot)];
  return held.snapshot ? held.at : model_->now();
}

ReadOptions Session::ReadingAs(const Operation& operation) const {
  ReadOptions options;
  if (operation.snapshot >= 0)
    options.snapshot = snapshots_[static_cast<size_t>(operation.snapshot)].snapshot.get();
  options.fill_cache = !operation.flag;
  if (options.snapshot == nullptr && operation.flag) options.at_least = model_->last();
  return options;
}

const std::string* Session::Expected(const Operation& operation, std::string_view key) const {
  return model_->current(operation.keyspace)->Get(key, ReadMoment(operation.snapshot));
}

void Session::Get(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const ReadOptions options = ReadingAs(operation);
  const std::string key = operation.key.bytes();
  HeldValue held;
  const Status status = db_->Get(options, *handle, key, &held.pinned);
  if (!IsLive(operation.keyspace)) {
    Expect(options.snapshot != nullptr || !status.ok(), "a dropped keyspace still has values");
    return;
  }
  const std::string* expected = Expected(operation, key);
  const bool right = expected == nullptr ? status.Is(StatusCode::kNotFound)
                                         : status.ok() && held.pinned.view() == *expected;
  if (!Expect(right, Compared("Get", key, status, expected) +
                         (status.ok() ? ", got " + Shown(held.pinned.view()) : "")))
    return;
  Observe(status.ok() ? held.pinned.view() : std::string_view("\0none", 5));
  std::string copied;
  const Status again = db_->Get(options, *handle, key, &copied);
  Expect(again.code() == status.code() && (!again.ok() || copied == *expected),
         Compared("Get into a string", key, again, expected));
  if (expected == nullptr || operations_run_ % 4 != 0) return;
  Expect(db_->Get(options, *handle, key, HoldValue(*expected)).ok(), "the same Get again");
}

PinnedValue* Session::HoldValue(const std::string& expected) {
  if (values_.size() == kHeldValuesMax) values_.pop_front();
  values_.emplace_back();
  values_.back().expected = expected;
  return &values_.back().pinned;
}

void Session::CheckHeldValues() {
  for (const HeldValue& held : values_)
    Expect(
        held.pinned.view() == held.expected,
        "a pinned value changed: " + Shown(held.pinned.view()) + ", was " + Shown(held.expected));
}

void Session::MultiGet(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || !IsLive(operation.keyspace)) return;
  const ReadOptions options = ReadingAs(operation);
  std::vector<std::string> keys;
  for (const KeyRef& key : operation.keys) keys.push_back(key.bytes());
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<PinnedValue> values(keys.size());
  const std::vector<Status> statuses = db_->MultiGet(options, *handle, views, values);
  if (!Expect(statuses.size() == keys.size(), "MultiGet: wrong number of answers")) return;
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string* expected = Expected(operation, keys[i]);
    const bool right = expected == nullptr ? statuses[i].Is(StatusCode::kNotFound)
                                           : statuses[i].ok() && values[i].view() == *expected;
    Expect(right, Compared("MultiGet", keys[i], statuses[i], expected));
    Observe(static_cast<uint64_t>(statuses[i].code()));
  }
}

void Session::Contains(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || !IsLive(operation.keyspace)) return;
  const ReadOptions options = ReadingAs(operation);
  const std::string key = operation.key.bytes();
  const Result<bool> contained = db_->Contains(options, *handle, key);
  const std::string* expected = Expected(operation, key);
  if (!Expect(contained.ok() && *contained == (expected != nullptr),
              Compared("Contains", key, contained.status(), expected)))
    return;
  Observe(*contained ? 1 : 0);
}

void Session::OpenIterator(const Operation& operation) {
  HeldIterator& held = iterators_[static_cast<size_t>(operation.slot) % kIteratorSlots];
  held = {};
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle) return;
  const ReadOptions reading = ReadingAs(operation);
  IteratorOptions options{
      .snapshot = reading.snapshot, .fill_cache = reading.fill_cache, .at_least = reading.at_least};
  if (operation.lower) options.lower = operation.lower->bytes();
  if (operation.upper) options.upper = operation.upper->bytes();
  if (operation.prefix) options.prefix = operation.prefix->bytes();
  held.iterator = db_->NewIterator(options, *handle);
  if (!Expect(held.iterator != nullptr, "NewIterator returned null")) return;
  Expect(!held.iterator->Valid(), "a new iterator is valid before it is positioned");
  if (!IsLive(operation.keyspace)) {
    held.iterator->SeekToFirst();
    Expect(options.snapshot != nullptr || !held.iterator->Valid(),
           "a dropped keyspace still has entries");
    held = {};
    return;
  }
  held.at = ReadMoment(operation.snapshot);
  Expect(held.iterator->position() == held.at.position, "Iterator::position");
  const ModelCursor::Bounds bounds{options.lower, options.upper, options.prefix};
  held.model.emplace(*model_->current(operation.keyspace), held.at, bounds);
  Walk(&held, operation.steps);
}

void Session::Walk(HeldIterator* held, const std::vector<Step>& steps) {
  if (!held->iterator) return;
  for (const Step& step : steps) {
    if (failed()) return;
    held->transaction < 0 ? TakeStep(held, step) : TakeStepInTransaction(held, step);
  }
}

void Session::TakeStep(HeldIterator* held, const Step& step) {
  Iterator& iterator = *held->iterator;
  ModelCursor& model = *held->model;
  const std::string key = step.key.bytes();
  switch (step.kind) {
    case Step::Kind::kFirst:
      iterator.SeekToFirst();
      model.SeekToFirst();
      return CompareIterators(*held, "SeekToFirst");
    case Step::Kind::kLast:
      iterator.SeekToLast();
      model.SeekToLast();
      return CompareIterators(*held, "SeekToLast");
    case Step::Kind::kSeek:
      iterator.Seek(key);
      model.Seek(key);
      return CompareIterators(*held, "Seek(" + Shown(key) + ")");
    case Step::Kind::kSeekForPrev:
      iterator.SeekForPrev(key);
      model.SeekForPrev(key);
      return CompareIterators(*held, "SeekForPrev(" + Shown(key) + ")");
    case Step::Kind::kNext:
      for (uint32_t i = 0; i < step.count && model.Valid() && !failed(); ++i) {
        iterator.Next();
        model.Next();
        CompareIterators(*held, "Next");
      }
      return;
    case Step::Kind::kPrev:
      for (uint32_t i = 0; i < step.count && model.Valid() && !failed(); ++i) {
        iterator.Prev();
        model.Prev();
        CompareIterators(*held, "Prev");
      }
      return;
  }
}

void Session::CompareIterators(const HeldIterator& held, std::string_view after) {
  const Iterator& iterator = *held.iterator;
  const std::string at =
      " after " + std::string(after) + " at position " + std::to_string(held.at.position) + ": ";
  if (!ExpectOk(iterator.status(), "iterator" + at)) return;
  const bool valid = held.model->Valid();
  if (iterator.Valid() != valid) {
    return Fail("iterator" + at +
                (valid ? "not valid, expected " + Shown(held.model->key())
                       : "at " + Shown(iterator.key()) + ", expected its end"));
  }
  if (!valid) return Observe(0);
  Expect(iterator.key() == held.model->key(), "iterator" + at + "at " + Shown(iterator.key()) +
                                                  ", expected " + Shown(held.model->key()));
  Expect(iterator.value() == held.model->value(),
         "iterator" + at + "value of " + Shown(iterator.key()) + " is " + Shown(iterator.value()) +
             ", expected " + Shown(held.model->value()));
  Observe(iterator.key());
}

void Session::CheckEnds(const BatchItem& range) {
  const KeyBounds bounds = range.bounds();
  std::vector<HeldSnapshot> moments(1);  // now
  // And in one of the snapshots: which one the range says alone, so that a list can be reduced.
  for (size_t i = 0; i < kSnapshotSlots && moments.size() == 1; ++i) {
    const HeldSnapshot& held = snapshots_[(range.key.id + i) % kSnapshotSlots];
    if (held.snapshot) moments.push_back(held);
  }
  for (const HeldSnapshot& at : moments) {
    CheckEnd(range, bounds.begin, at);
    if (bounds.end) CheckEnd(range, *bounds.end, at);
  }
}

void Session::CheckEnd(const BatchItem& range, const std::string& end, const HeldSnapshot& at) {
  const Keyspace keyspace = *handles_[static_cast<size_t>(range.keyspace)];
  const ModelKeyspace& content = *model_->current(range.keyspace);
  HeldIterator held;
  held.at = at.snapshot ? at.at : model_->now();
  const std::string* expected = content.Get(end, held.at);
  const Result<bool> contained = db_->Contains({.snapshot = at.snapshot.get()}, keyspace, end);
  Expect(contained.ok() && *contained == (expected != nullptr),
         Compared("at the end of a range, Contains", end, contained.status(), expected));
  held.iterator = db_->NewIterator({.snapshot = at.snapshot.get()}, keyspace);
  held.model.emplace(content, held.at, ModelCursor::Bounds());
  held.iterator->Seek(end);
  held.model->Seek(end);
  CompareIterators(held, "Seek to the end of a range, " + Shown(end));
  if (held.model->Valid() && !failed()) TakeStep(&held, {.kind = Step::Kind::kPrev});
  held.iterator->SeekForPrev(end);
  held.model->SeekForPrev(end);
  CompareIterators(held, "SeekForPrev to the end of a range, " + Shown(end));
  if (held.model->Valid() && !failed()) TakeStep(&held, {.kind = Step::Kind::kNext});
}

void Session::CheckExpired(size_t most) {
  if (db_ == nullptr) return;
  for (const Model::Expired& expired : model_->LastExpired(most)) {
    for (int slot = 0; slot < kKeyspaceSlots && !failed(); ++slot) {
      if (model_->current(slot) == expired.keyspace)
        CheckExpiredKey(*handles_[static_cast<size_t>(slot)], *expired.keyspace, expired.key);
    }
  }
}

void Session::CheckExpiredKey(Keyspace handle, const ModelKeyspace& content,
                              const std::string& key) {
  const auto check = [&](const Snapshot* snapshot, const ModelMoment& at) {
    const std::string* expected = content.Get(key, at);
    std::string value;
    const Status status = db_->Get({.snapshot = snapshot}, handle, key, &value);
    const bool right =
        expected == nullptr ? status.Is(StatusCode::kNotFound) : status.ok() && value == *expected;
    Expect(right, Compared("Get of what expired, at position " + std::to_string(at.position), key,
                           status, expected));
  };
  check(nullptr, model_->now());
  for (const HeldSnapshot& held : snapshots_)
    if (held.snapshot) check(held.snapshot.get(), held.at);
  for (HeldIterator& held : iterators_) {
    if (!held.iterator || held.transaction >= 0 || &held.model->keyspace() != &content) continue;
    held.iterator->Seek(key);
    held.model->Seek(key);
    CompareIterators(held, "Seek to what expired");
  }
}

void Session::TakeSnapshot(int slot) {
  HeldSnapshot& held = snapshots_[static_cast<size_t>(slot)];
  Result<std::shared_ptr<const Snapshot>> taken = db_->GetSnapshot("model");
  if (!ExpectOk(taken.status(), "GetSnapshot")) return;
  held = {std::move(taken).value(), model_->now()};
  Expect(held.snapshot->position() == held.at.position, "Snapshot::position");
  Expect(held.snapshot->owner() == "model", "Snapshot::owner");
}

void Session::CompareScan(std::string_view what, Iterator* iterator, ModelCursor model,
                          bool forward) {
  forward ? iterator->SeekToFirst() : iterator->SeekToLast();
  forward ? model.SeekToFirst() : model.SeekToLast();
  while (iterator->Valid() && model.Valid()) {
    if (iterator->key() != model.key() || iterator->value() != model.value()) break;
    forward ? iterator->Next() : iterator->Prev();
    forward ? model.Next() : model.Prev();
  }
  if (!ExpectOk(iterator->status(), what)) return;
  if (!iterator->Valid() && !model.Valid()) return;
  Fail(std::string(what) + (forward ? " forward: at " : " backward: at ") +
       (iterator->Valid() ? Shown(iterator->key()) + " = " + Shown(iterator->value()) : "the end") +
       ", expected " +
       (model.Valid() ? Shown(model.key()) + " = " + Shown(model.value()) : "the end"));
}

void Session::CheckKeyspace(DB* db, int slot, const Snapshot* snapshot, const ModelMoment& at) {
  const Result<Keyspace> keyspace = db->OpenKeyspace(KeyspaceNameOf(slot));
  if (!ExpectOk(keyspace.status(), "OpenKeyspace")) return;
  IteratorOptions options;
  options.snapshot = snapshot;
  const std::unique_ptr<Iterator> iterator = db->NewIterator(options, *keyspace);
  const ModelCursor model(*model_->current(slot), at, {});
  const std::string what =
      "scan of keyspace " + std::to_string(slot) + " at position " + std::to_string(at.position);
  CompareScan(what, iterator.get(), model, true);
  CompareScan(what, iterator.get(), model, false);
}

void Session::CheckAll() {
  for (int slot = 0; slot < kKeyspaceSlots; ++slot) {
    if (!IsLive(slot)) continue;
    CheckKeyspace(db_.get(), slot, nullptr, model_->now());
    for (const HeldSnapshot& held : snapshots_)
      if (held.snapshot) CheckKeyspace(db_.get(), slot, held.snapshot.get(), held.at);
  }
  CheckHeldValues();
}

}  // namespace logwood::test
