#include "tests/support/crash_workload.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "tests/support/generators.h"
#include "util/check.h"
#include "util/escape.h"
#include "util/random.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr char kLeftName[] = "left";
constexpr char kRightName[] = "right";
constexpr uint32_t kKeysOfStream = 500;

Result<std::optional<Keyspace>> OpenIfThere(DB* db, const char* name) {
  Result<Keyspace> opened = db->OpenKeyspace(name);
  if (opened.ok()) return std::optional<Keyspace>(*opened);
  if (opened.status().Is(StatusCode::kNotFound)) return std::optional<Keyspace>();
  return opened.status();
}

// A code that the database itself never answers a read with.
Status Bad(const std::string& what) { return Status::Conflict(what); }

// One keyspace against the expected content of all streams.
Status CompareContent(DB* db, Keyspace keyspace, const std::string& name,
                      const std::map<std::string, std::string>& expected) {
  const std::unique_ptr<Iterator> iterator = db->NewIterator({}, keyspace);
  auto wanted = expected.begin();
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    if (wanted == expected.end() || wanted->first != iterator->key())
      return Bad(name + ": has key " + Escape(iterator->key()) + ", expected " +
                 (wanted == expected.end() ? "the end" : Escape(wanted->first)));
    if (wanted->second != iterator->value())
      return Bad(name + ": wrong value of key " + Escape(iterator->key()));
    ++wanted;
  }
  RETURN_IF_ERROR(iterator->status());
  if (wanted != expected.end()) return Bad(name + ": lacks key " + Escape(wanted->first));
  PinnedValue value;
  for (const auto& [key, bytes] : expected) {
    RETURN_IF_ERROR(db->Get({}, keyspace, key, &value).WithContext(name + "/" + Escape(key)));
    if (value.view() != bytes) return Bad(name + ": Get differs from the scan at " + Escape(key));
  }
  return Status::Ok();
}

}  // namespace

std::map<std::string, KeyspaceOptions> CrashKeyspaces::OptionsOfBoth() {
  const auto merge_operator = MergeOperator::Append();
  return {{kLeftName, {merge_operator}}, {kRightName, {merge_operator}}};
}

Result<CrashKeyspaces> CrashKeyspaces::Open(DB* db) {
  CrashKeyspaces keyspaces;
  ASSIGN_OR_RETURN(keyspaces.left, OpenIfThere(db, kLeftName));
  ASSIGN_OR_RETURN(keyspaces.right, OpenIfThere(db, kRightName));
  return keyspaces;
}

Result<CrashKeyspaces> CrashKeyspaces::OpenOrCreate(DB* db) {
  CrashKeyspaces keyspaces;
  ASSIGN_OR_RETURN(keyspaces.left, db->OpenOrCreateKeyspace({}, kLeftName));
  ASSIGN_OR_RETURN(keyspaces.right, db->OpenOrCreateKeyspace({}, kRightName));
  return keyspaces;
}

std::string CrashStream::prefix() const {
  char text[16];
  std::snprintf(text, sizeof text, "%03u/", stream_);
  return text;
}

std::string CrashStream::KeyOfStream(uint64_t number) const {
  char key[16];
  std::snprintf(key, sizeof key, "k%06u", static_cast<uint32_t>(number));
  return prefix() + key;
}

std::vector<CrashStream::Write> CrashStream::WritesOf(uint64_t i) const {
  Random random(MixSeeds(MixSeeds(seed_, stream_), i));
  std::vector<Write> writes;
  writes.push_back({prefix() + "last", std::to_string(i)});
  for (uint64_t n = 1 + random.Uniform(5); n > 0; --n) {
    const uint64_t number = random.Uniform(kKeysOfStream);
    Write write{KeyOfStream(number), std::nullopt};
    const auto bytes =
        static_cast<uint32_t>(random.OneIn(200) ? random.Uniform(20'000) : random.Uniform(200));
    if (!random.OneIn(4)) {
      write.value = ValueOf(static_cast<uint32_t>(random.Next()), bytes);
      // Where there is a put and now and then a delete, none becomes a long list.
      write.is_merge = random.OneIn(4);
    } else if (random.OneIn(4)) {
      // Few keys, as a rule: else there would soon be none.
      const uint64_t keys = 1 + random.Uniform(random.OneIn(20) ? kKeysOfStream / 4 : 10);
      write.end = KeyOfStream(number + keys);
    }
    writes.push_back(std::move(write));
  }
  return writes;
}

void CrashStream::AdvanceTo(uint64_t i) {
  CHECK(i >= last_);
  while (last_ < i) {
    for (Write& write : WritesOf(++last_)) {
      if (write.is_merge) {
        content_[write.key] += *write.value;
      } else if (write.value) {
        content_[write.key] = std::move(*write.value);
      } else if (write.end) {
        content_.erase(content_.lower_bound(write.key), content_.lower_bound(*write.end));
      } else {
        content_.erase(write.key);
      }
    }
  }
}

void CrashStream::Fill(uint64_t i, const CrashKeyspaces& keyspaces, WriteBatch* batch) const {
  const std::vector<Write> writes = WritesOf(i);
  for (const Keyspace keyspace : {*keyspaces.left, *keyspaces.right}) {
    for (const Write& write : writes) {
      if (write.is_merge) {
        batch->Merge(keyspace, write.key, *write.value);
      } else if (write.value) {
        batch->Put(keyspace, write.key, *write.value);
      } else if (write.end) {
        batch->DeleteRange(keyspace, write.key, *write.end);
      } else {
        batch->Delete(keyspace, write.key);
      }
    }
  }
}

bool CrashStream::IsDurable(uint64_t i, int sync) const {
  if (sync != 2) return sync == 1;
  return MixSeeds(MixSeeds(seed_, stream_), ~i) % 8 == 0;
}

Result<uint64_t> LastBatchOf(DB* db, Keyspace keyspace, const CrashStream& stream) {
  std::string value;
  const Status status = db->Get({}, keyspace, stream.prefix() + "last", &value);
  if (status.Is(StatusCode::kNotFound)) return uint64_t{0};
  RETURN_IF_ERROR(status);
  return uint64_t{std::strtoull(value.c_str(), nullptr, 10)};
}

Status CheckCrashContent(DB* db, std::vector<CrashStream>* streams) {
  ASSIGN_OR_RETURN(const CrashKeyspaces keyspaces, CrashKeyspaces::Open(db));
  if (keyspaces.right && !keyspaces.left) return Bad("the second keyspace without the first");
  LogPos commits = keyspaces.commits();
  std::map<std::string, std::string> expected;
  for (CrashStream& stream : *streams) {
    uint64_t left = 0, right = 0;
    if (keyspaces.left) {
      ASSIGN_OR_RETURN(left, LastBatchOf(db, *keyspaces.left, stream));
    }
    if (keyspaces.right) {
      ASSIGN_OR_RETURN(right, LastBatchOf(db, *keyspaces.right, stream));
    }
    if (left != right)
      return Bad("half a batch: stream " + stream.prefix() + " left has " + std::to_string(left) +
                 ", right " + std::to_string(right));
    if (left < stream.last())
      return Bad("stream " + stream.prefix() + " went back to batch " + std::to_string(left) +
                 " from " + std::to_string(stream.last()));
    stream.AdvanceTo(left);
    expected.insert(stream.content().begin(), stream.content().end());
    commits += left;
  }
  if (keyspaces.left) RETURN_IF_ERROR(CompareContent(db, *keyspaces.left, kLeftName, expected));
  if (keyspaces.right) RETURN_IF_ERROR(CompareContent(db, *keyspaces.right, kRightName, expected));
  if (db->LastPosition() != commits)
    return Bad("position " + std::to_string(db->LastPosition()) + " after " +
               std::to_string(commits) + " commits");
  return Status::Ok();
}

}  // namespace logwood::test
