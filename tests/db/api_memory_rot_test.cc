// Memory that changes by itself between a write and its flush: no table gets it, and the log still
// has what was written.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "db/flush_job.h"
#include "logwood/db.h"
#include "memtable/record.h"
#include "tests/support/database_fixture.h"
#include "util/merge_value.h"

namespace logwood::test {
namespace {

class MemoryRot : public DatabaseTest {
 protected:
  static void Flip(const char* byte, int bit) {
    *const_cast<char*>(byte) = static_cast<char>(*byte ^ (1 << bit));
  }
};

TEST_F(MemoryRot, IsMetByTheFlushAndAnOpenReadsTheLog) {
  const std::string written(8192, 'v');
  options_.tuning.memtable_bytes = 1 << 20;
  Open();
  ASSERT_OK(db_->Put({}, "before", "1"));
  ASSERT_OK(db_->Put({}, "large", written));
  {
    PinnedValue pinned;
    ASSERT_OK(db_->Get({}, "large", &pinned));
    Flip(pinned.view().data() + 4000, 3);  // the memtable's own bytes
  }
  const Status flushed = db_->Flush();
  EXPECT_NE(flushed.message().find("changed in memory"), std::string_view::npos)
      << flushed.ToString();
  EXPECT_STATUS(kReadOnly, db_->Put({}, "after", "1"));
  EXPECT_EQ(Value("before"), "1");
  for (const LevelStats& level : db_->GetStats().levels) EXPECT_EQ(level.tables, 0u);
  EXPECT_FALSE(db_->Close().ok());
  Open();
  EXPECT_EQ(Value("large"), written);
  EXPECT_EQ(Value("before"), "1");
  ASSERT_OK(db_->Flush());
  EXPECT_EQ(Value("large"), written);
  EXPECT_OK(db_->Verify({}));
}

class MemoryRotOf : public MemoryRot, public testing::WithParamInterface<EntryKind> {};

TEST_P(MemoryRotOf, AnyBitOfTrailerKeyAndValueIsMet) {
  std::string value = "value";
  if (GetParam() == EntryKind::kMerge) {
    value.clear();
    AppendMergeBase(&value, {.kind = MergeBase::kValue, .value = "base"});
    AppendMergeOperand(&value, "operand");
  }
  SealedMemtable sealed{std::make_shared<Memtable>(), {}};
  for (LogPos position = 1; position <= 3; ++position) {
    sealed.memtable->Insert("\x01key" + std::to_string(position), PackTrailer(position, GetParam()),
                            value);
  }
  uint64_t number = 1;
  SinkOptions sink;
  sink.fs = options_.file_system;
  sink.directory = path_;
  sink.next_number = [&number] { return number++; };
  ASSERT_OK(sink.fs->CreateDirectory(path_));
  const auto it = sealed.memtable->NewIterator();
  it->SeekToFirst();
  it->Next();
  const Entry& entry = it->entry();
  // Not of the sizes between them: a reader of such a one may die of it, before the flush comes to
  // it.
  for (const std::string_view part :
       {std::string_view(entry.key.data() - kRecordHeaderBytes, sizeof(uint64_t)), entry.key,
        entry.value}) {
    for (const char& byte : part) {
      for (int bit = 0; bit < 8; ++bit) {
        Flip(&byte, bit);
        const Status flushed = RunFlush({&sealed, 1}, {}, sink).status();
        EXPECT_NE(flushed.message().find("changed in memory"), std::string_view::npos)
            << (&byte - part.data()) << " " << bit << ": " << flushed.ToString();
        Flip(&byte, bit);
      }
    }
  }
  ASSERT_OK_AND_ASSIGN(const SinkResult whole, RunFlush({&sealed, 1}, {}, sink));
  EXPECT_EQ(whole.entries, 3u);
}
INSTANTIATE_TEST_SUITE_P(Each, MemoryRotOf, testing::Values(EntryKind::kPut, EntryKind::kMerge));

}  // namespace
}  // namespace logwood::test
