// The steps of crash stories.
#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "tests/support/crash_story.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr const char* kSide = CrashStory::kMergingKeyspace;
constexpr Durability kProcess = Durability::kProcess;
constexpr Durability kPower = Durability::kPower;

Status PutOne(CrashStory* story, size_t bytes, Durability durability) {
  return story->Commit({.changes = {story->Put(bytes)}}, durability);
}

// A key that is there, where there is one.
Status DeleteOne(CrashStory* story) {
  const CrashContentPtr content = story->expected().content();
  const auto& rows = content->at("");
  const std::string key = rows.empty() ? story->Key() : rows.begin()->first;
  return story->Commit({.changes = {{"", key, std::nullopt}}}, kProcess);
}

// Puts and a delete in all keyspaces, with a note.
Status WriteBatchOf(CrashStory* story, Durability durability, bool in_transaction = false) {
  CrashCommit commit;
  commit.in_transaction = in_transaction;
  for (size_t n = 0; n < 3; ++n) commit.changes.push_back(story->Put(30, n));
  commit.changes.push_back({"", story->Key(1), std::nullopt});
  if (story->HasKeyspace(kSide)) {
    commit.changes.push_back({kSide, story->Key(), story->Value(30, 9)});
  }
  commit.note = "note of " + story->Key();
  return story->Commit(commit, durability);
}

// Of some of the five keys, and of no other.
CrashCommit::Change RangeOf(const CrashStory& story, size_t keys) {
  const std::string begin = story.Key();
  std::string end = begin;
  end.back() = static_cast<char>(end.back() + keys);
  return {"", begin, std::nullopt, true, end};
}

Status DeleteRange(CrashStory* story) {
  return story->Commit({.changes = {RangeOf(*story, 3)}}, kPower);
}

// What comes before it in the batch is deleted, what comes behind stays; in both keyspaces.
Status WriteRangeBatch(CrashStory* story) {
  CrashCommit commit;
  for (size_t n = 0; n < 3; ++n) commit.changes.push_back(story->Put(30, n));
  commit.changes.push_back({"", "key1", std::nullopt, true, std::nullopt});
  commit.changes.push_back(story->Put(30, 1));
  if (story->HasKeyspace(kSide)) {
    commit.changes.push_back({kSide, "a", story->Value(30, 8)});
    commit.changes.push_back({kSide, "", std::nullopt, true, std::nullopt});
    commit.changes.push_back({kSide, story->Key(), story->Value(30, 9)});
  }
  return story->Commit(commit, kProcess);
}

Status DeleteRangeAndSpill(CrashStory* story) {
  RETURN_IF_ERROR(PutOne(story, 30, kProcess));
  RETURN_IF_ERROR(story->Commit({.changes = {RangeOf(*story, 1)}}, kProcess));
  RETURN_IF_ERROR(story->Commit({.changes = {story->Put(30, 1)}}, kProcess));
  return story->Kill(CrashProfiles().size() - 1);
}

Status CreateOrDrop(CrashStory* story) {
  return story->HasKeyspace(kSide) ? story->Commit({.drops = kSide}, kProcess)
                                   : story->Commit({.creates = kSide}, kProcess);
}

// The name comes back as another keyspace, which must not show what the old one held. Each of the
// two is durable when it is acknowledged.
Status Recreate(CrashStory* story) {
  if (story->HasKeyspace(kSide)) RETURN_IF_ERROR(story->Commit({.drops = kSide}, kPower));
  RETURN_IF_ERROR(story->Commit({.creates = kSide}, kPower));
  return story->Commit({.changes = {{kSide, "again", story->Value(20)}}}, kProcess);
}

// Onto what is there or nothing, and one onto another. Each `n` of the step, a multiple of 20, is
// of the same keys.
Status MergeSome(CrashStory* story, size_t n = 0) {
  if (!story->HasKeyspace(kSide)) RETURN_IF_ERROR(story->Commit({.creates = kSide}, kProcess));
  CrashCommit commit;
  commit.changes = {story->Merge(kSide, 20, n), story->Merge(kSide, 20, n + 1),
                    story->Merge(kSide, 20, n + 5)};
  return story->Commit(commit, kProcess);
}

Status MergeAndSpill(CrashStory* story) {
  RETURN_IF_ERROR(MergeSome(story));
  RETURN_IF_ERROR(story->Commit({.changes = {{kSide, story->Key(1), "put"}}}, kProcess));
  RETURN_IF_ERROR(story->Commit({.changes = {story->Merge(kSide, 200, 11)}}, kPower));
  RETURN_IF_ERROR(MergeSome(story, 20));
  return story->Kill(CrashProfiles().size() - 1);
}

// The default keyspace gets an operator when it has rows already.
Status MergeOntoWhatWas(CrashStory* story) {
  RETURN_IF_ERROR(PutOne(story, 30, kProcess));
  RETURN_IF_ERROR(story->ReopenWithOperator());
  CrashCommit commit;
  for (size_t n = 5; n < 8; ++n) commit.changes.push_back(story->Merge("", 30, n));
  commit.changes.push_back({"", story->Key(1), std::nullopt});
  commit.changes.push_back(story->Merge("", 30, 11));
  return story->Commit(commit, kProcess);
}

// The order of the operands is that of the positions.
Status MergeConcurrently(CrashStory* story) {
  RETURN_IF_ERROR(MergeSome(story, 40));
  CrashOracle::Writers writers(3);
  for (size_t writer = 0; writer < writers.size(); ++writer) {
    for (size_t n = 0; n < 2; ++n) {
      CrashCommit::Change shared = story->Merge(kSide, 20);
      shared.value = story->Value(20, 10 * writer + n);
      writers[writer].push_back({.changes = {shared, {"", "writer", shared.value}}});
    }
  }
  return story->CommitConcurrently(writers, [](size_t writer, size_t n) {
    return writer == 1 || (writer == 2 && n == 1) ? kPower : kProcess;
  });
}

Status IsRefused(CrashStory* story, const Status& answer) {
  if (answer.Is(StatusCode::kConflict) && story->db()->LastPosition() == story->expected().last())
    return Status::Ok();
  return Status::Corruption("a write that must be refused says " + answer.ToString());
}

// One is refused, since what it read was written meanwhile; the next one commits.
Status Transact(CrashStory* story, Durability durability) {
  ASSIGN_OR_RETURN(const auto refused, story->db()->BeginTransaction({}));
  PinnedValue read;
  const Status found = refused->Get(Keyspace(), story->Key(), &read);
  if (!found.ok() && !found.Is(StatusCode::kNotFound)) return found;
  RETURN_IF_ERROR(refused->Put("never", "written"));
  // The same key, and a value that the batch below does not write.
  RETURN_IF_ERROR(story->Commit({.changes = {story->Put(30, 5)}}, kProcess));
  RETURN_IF_ERROR(IsRefused(story, refused->Commit({.durability = durability}).status()));
  return WriteBatchOf(story, durability, true);
}

// Each form of one call, as it commits and as it is refused.
Status WriteIf(CrashStory* story) {
  DB* const db = story->db();
  const std::string key = story->Key(), first = story->Value(30), second = story->Value(30, 1),
                    third = story->Value(30, 2);
  RETURN_IF_ERROR(story->Commit({.changes = {{"", key, first}}}, kProcess));
  RETURN_IF_ERROR(IsRefused(story, db->PutIfAbsent({}, {}, key, second).status()));
  RETURN_IF_ERROR(IsRefused(story, db->CompareAndPut({}, {}, key, second, second).status()));
  RETURN_IF_ERROR(IsRefused(story, db->DeleteIf({}, {}, key, second).status()));
  RETURN_IF_ERROR(
      story->CommitBy({.changes = {{"", key, second}}}, kProcess, [&](const WriteOptions& options) {
        return db->CompareAndPut(options, {}, key, first, second);
      }));
  RETURN_IF_ERROR(story->CommitBy(
      {.changes = {{"", key, std::nullopt}}}, kProcess,
      [&](const WriteOptions& options) { return db->DeleteIf(options, {}, key, second); }));
  return story->CommitBy({.changes = {{"", key, third}}}, kPower, [&](const WriteOptions& options) {
    return db->PutIfAbsent(options, {}, key, third);
  });
}

// Two threads write the same key in transactions, one without.
Status TransactConcurrently(CrashStory* story) {
  CrashOracle::Writers writers(3);
  for (size_t writer = 0; writer < writers.size(); ++writer) {
    for (size_t n = 0; n < 2; ++n) {
      const std::string value = story->Value(20, 10 * writer + n);
      writers[writer].push_back(
          {.changes = {{"", "shared", value}, {"", "writer" + std::to_string(writer), value}}});
      writers[writer].back().in_transaction = writer != 0;
    }
  }
  return story->CommitConcurrently(writers, [](size_t writer, size_t n) {
    return writer == 1 || (writer == 2 && n == 1) ? kPower : kProcess;
  });
}

// Many small commits: several segments, where those are tiny, and no sync.
Status Fill(CrashStory* story) {
  for (size_t n = 0; n < 9; ++n)
    RETURN_IF_ERROR(story->Commit({.changes = {story->Put(1000, n)}}, kProcess));
  return Status::Ok();
}

// Three threads: one never waits for a sync, one always, one does both.
Status WriteConcurrently(CrashStory* story) {
  CrashOracle::Writers writers(3);
  for (size_t writer = 0; writer < writers.size(); ++writer) {
    for (size_t n = 0; n < 2; ++n) {
      const std::string mine = "writer" + std::to_string(writer);
      const std::string value = story->Value(20, 10 * writer + n);
      writers[writer].push_back({.changes = {{"", mine, value}, {"", "shared", value}}});
    }
  }
  return story->CommitConcurrently(writers, [](size_t writer, size_t n) {
    return writer == 1 || (writer == 2 && n == 1) ? kPower : kProcess;
  });
}

// A keyspace goes, or comes, while others write.
Status WriteBesideDrop(CrashStory* story) {
  CrashOracle::Writers writers(3);
  for (size_t n = 0; n < 3; ++n) {
    writers[n % 2].push_back({.changes = {{"", "beside", story->Value(20, n)}}});
  }
  if (story->HasKeyspace(kSide)) {
    writers[2] = {{.drops = kSide}, {.creates = kSide}};
  } else {
    writers[2] = {{.creates = kSide}};
  }
  return story->CommitConcurrently(
      writers, [](size_t writer, size_t /*n*/) { return writer == 1 ? kPower : kProcess; });
}

Status WaitDurable(CrashStory* story) {
  const LogPos position = story->db()->LastPosition();
  RETURN_IF_ERROR(story->db()->WaitDurable(position));
  story->NoteDurable(position);
  return Status::Ok();
}

// What comes into tables is durable before.
Status ToTables(CrashStory* story, Status (*work)(DB* db)) {
  const LogPos position = story->db()->LastPosition();
  RETURN_IF_ERROR(work(story->db()));
  story->NoteDurable(position);
  return Status::Ok();
}

Status FlushAll(DB* db) { return db->Flush(); }
Status CompactAll(DB* db) { return db->CompactAll({.force_last_level = true}); }
Status CompactRange(DB* db) {
  return db->CompactRange({}, Keyspace(), {.begin = "key1", .end = "key4"});
}

// Reads the same through flush and compaction.
Status ReadAtSnapshot(CrashStory* story) {
  ASSIGN_OR_RETURN(CrashStory::Held held, story->TakeSnapshot());
  RETURN_IF_ERROR(PutOne(story, 30, kProcess));
  RETURN_IF_ERROR(DeleteOne(story));
  RETURN_IF_ERROR(ToTables(story, CompactAll));
  RETURN_IF_ERROR(story->CheckSnapshot(held));
  held.snapshot.reset();
  return ToTables(story, CompactAll);
}

// A snapshot sees what a range delete took away, and what was put into it before.
Status DeleteRangeAtSnapshot(CrashStory* story) {
  RETURN_IF_ERROR(PutOne(story, 30, kProcess));
  ASSIGN_OR_RETURN(const CrashStory::Held held, story->TakeSnapshot());
  RETURN_IF_ERROR(story->Commit({.changes = {RangeOf(*story, 2)}}, kProcess));
  RETURN_IF_ERROR(ToTables(story, FlushAll));
  RETURN_IF_ERROR(story->Commit({.changes = {story->Put(30, 1)}}, kProcess));
  RETURN_IF_ERROR(story->CheckSnapshot(held));
  RETURN_IF_ERROR(ToTables(story, CompactAll));
  RETURN_IF_ERROR(story->CheckSnapshot(held));
  return story->CheckReader(story->db());
}

// A snapshot sees the operands up to it, whatever they were folded into, and what they were
// merged with, which is deleted since.
Status MergeAtSnapshot(CrashStory* story) {
  RETURN_IF_ERROR(MergeSome(story));
  ASSIGN_OR_RETURN(const CrashStory::Held held, story->TakeSnapshot());
  RETURN_IF_ERROR(MergeSome(story, 20));
  RETURN_IF_ERROR(ToTables(story, FlushAll));
  ASSIGN_OR_RETURN(const CrashStory::Held later, story->TakeSnapshot());
  RETURN_IF_ERROR(
      story->Commit({.changes = {{kSide, story->Key(), std::nullopt, true, std::nullopt},
                                 story->Merge(kSide, 20, 40)}},
                    kProcess));
  RETURN_IF_ERROR(MergeSome(story, 60));
  for (const auto work : {FlushAll, CompactAll}) {
    RETURN_IF_ERROR(ToTables(story, work));
    RETURN_IF_ERROR(story->CheckSnapshot(held));
    RETURN_IF_ERROR(story->CheckSnapshot(later));
  }
  return story->CheckReader(story->db());
}

// Puts expire, onto what was there, below a merge, and beside what stays; a snapshot still sees
// them when a compaction let go of them. Then the clock is set back: they do not come back, and
// what is put now lasts as long as from the later time.
Status Expire(CrashStory* story) {
  if (!story->HasKeyspace(kSide)) RETURN_IF_ERROR(story->Commit({.creates = kSide}, kProcess));
  const auto lasting = [&](CrashCommit::Change change, std::chrono::hours ttl) {
    change.ttl = ttl;
    return change;
  };
  constexpr std::chrono::hours kHour(1), kLong(100'000);
  RETURN_IF_ERROR(story->Commit({.changes = {story->Put(30)}}, kProcess));
  CrashCommit commit{.changes = {lasting(story->Put(30, 5), kHour), story->Put(30, 1),
                                 lasting(story->Put(30, 2), kLong)}};
  commit.in_transaction = story->steps_done() % 2 == 1;
  commit.changes.push_back(lasting({kSide, "base", story->Value(30, 6)}, kHour));
  RETURN_IF_ERROR(story->Commit(commit, kProcess));
  const LogPos since = story->expected().last();
  CrashCommit::Change merge = story->Merge(kSide, 20, 3);
  merge.key = "base";
  RETURN_IF_ERROR(story->Commit({.changes = {merge}}, kProcess));
  ASSIGN_OR_RETURN(CrashStory::Held held, story->TakeSnapshot());
  const CrashCommit::Change gone{"", story->Key(), std::nullopt};
  RETURN_IF_ERROR(story->PassTime({{since, {gone, {kSide, "base", std::nullopt}}},
                                   {since + 1, {gone, {kSide, "base", merge.value}}}}));
  RETURN_IF_ERROR(ToTables(story, CompactAll));
  RETURN_IF_ERROR(story->CheckSnapshot(held));
  held.snapshot.reset();
  RETURN_IF_ERROR(ToTables(story, CompactAll));
  story->SetTimeBack();
  RETURN_IF_ERROR(story->CheckReader(story->db()));
  return story->Commit({.changes = {lasting(story->Put(30, 8), kLong)}}, kProcess);
}

// The same, but that the process dies at once, and the next one sees the earlier time.
Status ExpireAndSpill(CrashStory* story) {
  RETURN_IF_ERROR(Expire(story));
  return story->Kill(CrashProfiles().size() - 1);
}

// No commit is of the later time, but a compaction went by it and let go of one of two keys: the
// other one is gone, too, for whoever opens next and sees the earlier time.
Status ExpireAndReclaim(CrashStory* story) {
  CrashCommit::Change first{"", "a", story->Value(30)}, second{"", "z", story->Value(30, 1)};
  first.ttl = second.ttl = std::chrono::hours(1);
  RETURN_IF_ERROR(story->Commit({.changes = {first}}, kProcess));
  const LogPos since = story->expected().last();
  RETURN_IF_ERROR(ToTables(story, FlushAll));
  RETURN_IF_ERROR(story->Commit({.changes = {second}}, kPower));
  const CrashCommit::Change no_first{"", "a", std::nullopt}, no_second{"", "z", std::nullopt};
  story->LetTimePass({{since, {no_first}}, {since + 1, {no_first, no_second}}});
  RETURN_IF_ERROR(
      story->db()->CompactRange({.force_last_level = true}, Keyspace(), {.begin = "", .end = "b"}));
  story->SetTimeBack();
  RETURN_IF_ERROR(story->Kill(story->script().profile));
  const std::string key = story->Key(2), value = story->Value(30, 2);
  RETURN_IF_ERROR(story->CommitBy(
      {.changes = {no_first, no_second, {"", key, value}}}, kPower,
      [&](const WriteOptions& options) { return story->db()->Put(options, key, value); }));
  return story->CheckReader(story->db());
}

// Sees the same until the database closes or dies, whatever comes.
Status Hold(CrashStory* story) {
  RETURN_IF_ERROR(story->HoldSnapshot());
  return DeleteOne(story);
}

// Another process reads beside this one.
Status ReadOnly(CrashStory* story) {
  ReadOnlyOptions options;
  options.memory_budget_bytes = 2 << 20;
  options.file_system = story->disk();
  options.ignore_writer = true;
  ASSIGN_OR_RETURN(std::unique_ptr<DB> reader, DB::OpenReadOnly(options, CrashStory::kPath));
  return story->CheckReader(reader.get());
}

// Nothing is acknowledged after a failed sync, reads go on, and the next open may be trusted.
Status FailSync(CrashStory* story) {
  story->FailNextSync(".log");
  if (story->CommitUnsure({.changes = {story->Put(20)}}, kPower).ok())
    return Status::Corruption("a failed sync says ok");
  if (story->db()->Put({}, "never", "written").ok())
    return Status::Corruption("a write behind a failed sync says ok");
  return story->CheckReader(story->db());
}

Status FailSyncAndReopen(CrashStory* story) {
  RETURN_IF_ERROR(FailSync(story));
  return story->ReopenAfterFailure();
}

Status FailSyncAndKill(CrashStory* story) {
  RETURN_IF_ERROR(FailSync(story));
  return story->Kill(story->script().profile);
}

void FillDisk(CrashStory* story, bool full) {
  constexpr uint64_t kCapacity = uint64_t{1} << 40;
  story->disk()->SetCapacity(kCapacity);
  if (!full) return;
  story->disk()->SetCapacity(kCapacity - *story->disk()->FreeBytes(CrashStory::kPath));
}

// Writes fail while the disk is full, reads go on; with room again writes do, too.
Status FullDisk(CrashStory* story) {
  RETURN_IF_ERROR(story->db()->WaitForCompaction());
  FillDisk(story, true);
  RETURN_IF_ERROR(story->CommitFails({.changes = {story->Put(20'000)}}, StatusCode::kNoSpace));
  RETURN_IF_ERROR(story->CheckReader(story->db()));
  FillDisk(story, false);
  return PutOne(story, 20'000, kProcess);
}

// ---- Slow ones.

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

// The log falls idle: it is synced, and then the mark that proves it.
Status Idle(CrashStory* story) {
  RETURN_IF_ERROR(story->db()->WaitForCompaction());
  RETURN_IF_ERROR(PutOne(story, 20, kProcess));
  const LogPos position = story->db()->LastPosition();
  while (!story->LogIsMarked(position)) Pause();
  story->NoteDurable(position);
  story->NoteProven(position);
  return Status::Ok();
}

// The first time since it was opened, the manifest then says so, too.
Status OpenAndIdle(CrashStory* story) {
  RETURN_IF_ERROR(story->Reopen(story->script().profile));
  const uint64_t syncs = story->manifest_syncs();
  RETURN_IF_ERROR(Idle(story));
  while (story->manifest_syncs() == syncs) Pause();
  story->NoteProvenBesideLog(story->db()->LastPosition());
  return Status::Ok();
}

// An edit of the manifest does not fit on the disk; with room the manifest is written anew.
Status FullDiskAtFlush(CrashStory* story) {
  Status flushed;
  // What is put may be in tables before the disk is full.
  for (int attempt = 0; flushed.ok(); ++attempt) {
    if (attempt == 5) return Status::Corruption("a flush to a full disk says ok");
    FillDisk(story, false);
    RETURN_IF_ERROR(PutOne(story, 30, kPower));
    FillDisk(story, true);
    flushed = story->db()->Flush();
  }
  FillDisk(story, false);
  while (!flushed.ok()) {
    if (!flushed.Is(StatusCode::kNoSpace)) return flushed;
    Pause();
    flushed = story->db()->Flush();
  }
  return Status::Ok();
}

// So many segments without a sync that rotation makes one.
Status Rotate(CrashStory* story) {
  for (size_t n = 0; n < 70; ++n)
    RETURN_IF_ERROR(story->Commit({.changes = {story->Put(4500, n)}}, kProcess));
  return Status::Ok();
}

using Told = CrashStep::Told;
// Those that are told in all stories come first.
constexpr auto kSteps = std::to_array<CrashStep>({
    {"put", [](CrashStory* s) { return PutOne(s, 20, kProcess); }},
    {"power-put", [](CrashStory* s) { return PutOne(s, 20, kPower); }},
    {"big-put", [](CrashStory* s) { return PutOne(s, 5000, kProcess); }},
    {"delete", DeleteOne},
    {"batch", [](CrashStory* s) { return WriteBatchOf(s, kProcess); }},
    {"keyspace", CreateOrDrop},
    {"recreate", Recreate},
    {"writers", WriteConcurrently},
    {"wait-durable", WaitDurable},
    {"flush", [](CrashStory* s) { return ToTables(s, FlushAll); }},
    {"compact", [](CrashStory* s) { return ToTables(s, CompactAll); }},
    {"reopen", [](CrashStory* s) { return s->Reopen(s->script().profile); }},
    {"kill", [](CrashStory* s) { return s->Kill(s->script().profile); }},
    // Whoever opens next has less memory than the log needs.
    {"kill-spill", [](CrashStory* s) { return s->Kill(CrashProfiles().size() - 1); }},
    {"failed-sync", FailSyncAndReopen},
    {"full-disk", FullDisk},
    {"huge-put", [](CrashStory* s) { return PutOne(s, 20'000, kProcess); }, Told::kInThrees},
    {"power-batch", [](CrashStory* s) { return WriteBatchOf(s, kPower); }, Told::kInThrees},
    {"fill", Fill, Told::kInThrees},
    {"compact-range", [](CrashStory* s) { return ToTables(s, CompactRange); }, Told::kInThrees},
    {"snapshot", ReadAtSnapshot, Told::kInThrees},
    {"hold", Hold, Told::kInThrees},
    {"write-beside-drop", WriteBesideDrop, Told::kInThrees},
    // Settings change.
    {"retune",
     [](CrashStory* s) { return s->Reopen((s->script().profile + 1) % CrashProfiles().size()); },
     Told::kInThrees},
    {"read-only", ReadOnly, Told::kInThrees},
    {"failed-sync-kill", FailSyncAndKill, Told::kInThrees},
    {"delete-range", DeleteRange, Told::kInPairs},
    {"range-batch", WriteRangeBatch, Told::kInPairs},
    {"merge", [](CrashStory* s) { return MergeSome(s); }, Told::kInPairs},
    {"range-kill-spill", DeleteRangeAndSpill, Told::kAlone},
    {"range-snapshot", DeleteRangeAtSnapshot, Told::kAlone},
    {"transaction", [](CrashStory* s) { return Transact(s, kProcess); }, Told::kAlone},
    {"power-transaction", [](CrashStory* s) { return Transact(s, kPower); }, Told::kWhereAsked},
    {"write-if", WriteIf, Told::kWhereAsked},
    {"transaction-writers", TransactConcurrently, Told::kWhereAsked},
    {"merge-kill-spill", MergeAndSpill, Told::kWhereAsked},
    {"merge-snapshot", MergeAtSnapshot, Told::kWhereAsked},
    {"merge-operator", MergeOntoWhatWas, Told::kWhereAsked},
    {"merge-writers", MergeConcurrently, Told::kWhereAsked},
    {"expire", Expire, Told::kWhereAsked},
    {"expire-reclaim", ExpireAndReclaim, Told::kWhereAsked},
    {"expire-kill-spill", ExpireAndSpill, Told::kWhereAsked},
    {"idle", Idle, Told::kWhereAsked},
    {"open-and-idle", OpenAndIdle, Told::kWhereAsked},
    {"full-disk-flush", FullDiskAtFlush, Told::kWhereAsked},
    {"rotate", Rotate, Told::kWhereAsked},
});
static_assert(std::is_sorted(kSteps.begin(), kSteps.end(),
                             [](const CrashStep& a, const CrashStep& b) {
                               return a.told < b.told;
                             }),
              "the steps stand in the order of `told`: CrashStepsToldIn takes the first");

}  // namespace

const std::vector<CrashStep>& CrashSteps() {
  static const std::vector<CrashStep> steps(kSteps.begin(), kSteps.end());
  return steps;
}

size_t CrashStepsToldIn(size_t length) {
  constexpr Told kMost[] = {Told::kAlone, Told::kInPairs, Told::kInThrees, Told::kInFours};
  const Told most = kMost[std::clamp<size_t>(length, 1, 4) - 1];
  size_t told = 0;
  while (told < kSteps.size() && kSteps[told].told <= most) ++told;
  return told;
}

}  // namespace logwood::test
