// The manifest and ROOT: what is read back, what counts as a torn last append, what as damage.
#include "db/manifest.h"

#include <gtest/gtest.h>

#include "db/file_names.h"
#include "db/manifest_frame.h"
#include "db/manifest_scan.h"
#include "tests/db/db_test_support.h"
#include "tests/support/written_by.h"
#include "util/coding.h"
#include "util/faulty_file_system.h"
#include "util/file_header.h"

namespace logwood {
namespace {

using test::FullEdit;
using test::MetaOf;
using test::Same;

constexpr uint64_t kNumber = 12;

Edit Numbered(uint64_t n) {
  Edit edit;
  edit.next_file_number = 100 + n;
  edit.added = {{0, MetaOf(n, "a" + std::to_string(n), "b" + std::to_string(n))}};
  return edit;
}

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() { EXPECT_OK(fs_->CreateDirectory("db")); }

  // `count` edits, the first a whole state; remembers where each ends.
  void Write(size_t count) {
    auto writer = ManifestWriter::Create(fs_.get(), "db", kNumber, FullEdit());
    ASSERT_OK(writer);
    edits_ = {FullEdit()};
    ends_ = {(*writer)->bytes()};
    states_ = {(*writer)->state()};
    for (size_t n = 1; n < count; ++n) {
      edits_.push_back(Numbered(n));
      ASSERT_OK((*writer)->Append(edits_.back()));
      ends_.push_back((*writer)->bytes());
      states_.push_back((*writer)->state());
    }
    ASSERT_OK((*writer)->Close());
    ASSERT_OK_AND_ASSIGN(bytes_, test::ReadFile(fs_.get(), Path()));
  }
  std::string Path() const { return JoinPath("db", ManifestFileName(kNumber)); }
  Result<ManifestContents> Read() { return ReadManifest(fs_.get(), "db", kNumber); }
  Result<ManifestContents> ReadWith(const std::string& bytes) {
    EXPECT_OK(test::WriteFile(fs_.get(), Path(), bytes));
    return Read();
  }
  size_t begin(size_t edit) const { return edit == 0 ? kFileHeaderBytes : ends_[edit - 1]; }

  void ExpectFirst(const Result<ManifestContents>& contents, size_t count) {
    ASSERT_OK(contents);
    ASSERT_EQ(contents->edits.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(Same(contents->edits[i], edits_[i]));
      EXPECT_EQ(contents->states[i], states_[i]);
    }
    EXPECT_EQ(contents->state, states_[count - 1]);
  }
  // kCorruption naming the file and the offset.
  void ExpectDamageAt(const Status& status, uint64_t offset) {
    EXPECT_STATUS(kCorruption, status);
    const std::string where = Path() + ":" + std::to_string(offset) + ":";
    EXPECT_NE(status.message().find(where), std::string_view::npos) << status.ToString();
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::vector<Edit> edits_;
  std::vector<uint64_t> ends_;
  std::vector<ManifestState> states_;
  std::string bytes_;
};

TEST_F(ManifestTest, EditsComeBackInOrderWithTheirStates) {
  Write(4);
  auto contents = Read();
  ExpectFirst(contents, 4);
  EXPECT_EQ(contents->tail_bytes, 0u);
  EXPECT_EQ(contents->state.number, kNumber);
  EXPECT_EQ(contents->state.edits, 4u);
}

TEST_F(ManifestTest, TheChainDependsOnEveryEditBefore) {
  Write(3);
  const uint64_t chain = states_[2].chain;
  auto writer = ManifestWriter::Create(fs_.get(), "db", kNumber, Numbered(9));
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Append(edits_[1]));
  ASSERT_OK((*writer)->Append(edits_[2]));
  EXPECT_NE((*writer)->state().chain, chain);
}

TEST_F(ManifestTest, TornTailAtEachByteKeepsTheEditsBefore) {
  Write(4);
  for (uint64_t length = ends_[2]; length < bytes_.size(); ++length) {
    auto contents = ReadWith(bytes_.substr(0, length));
    ExpectFirst(contents, 3);
    EXPECT_EQ(contents->tail_bytes, length - ends_[2]);
    if (length > ends_[2]) {
      EXPECT_EQ(contents->tail_offset, ends_[2]);
    }
  }
}

TEST_F(ManifestTest, TornTailOfZerosOrNoiseKeepsTheEditsBefore) {
  Write(4);
  Random random(1);
  for (uint64_t from = ends_[2]; from < bytes_.size(); ++from) {
    std::string zeros = bytes_, noise = bytes_;
    for (uint64_t i = from; i < bytes_.size(); ++i) {
      zeros[i] = 0;
      noise[i] = static_cast<char>(random.Next());
    }
    if (zeros != bytes_) ExpectFirst(ReadWith(zeros), 3);
    if (noise != bytes_) ExpectFirst(ReadWith(noise), 3);
  }
}

TEST_F(ManifestTest, CutBeforeTheFirstEditsEndIsDamage) {
  Write(1);
  for (uint64_t length = 0; length < bytes_.size(); ++length) {
    auto contents = ReadWith(bytes_.substr(0, length));
    EXPECT_STATUS(kCorruption, contents) << length;
  }
}

// The rule that matters: a flip is either in the last edit, which then is taken for torn, or it is
// damage with its place. What comes back is never something that was not written, and never less.
TEST_F(ManifestTest, EveryByteFlippedIsATornLastEditOrDamage) {
  Write(5);
  for (size_t at = 0; at < bytes_.size(); ++at) {
    for (int mask : {0x01, 0x80, 0xff}) {
      SCOPED_TRACE("byte " + std::to_string(at) + " mask " + std::to_string(mask));
      std::string flipped = bytes_;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      auto contents = ReadWith(flipped);
      if (at >= begin(4)) {
        ExpectFirst(contents, 4);
        continue;
      }
      ASSERT_FALSE(contents.ok());
      if (at < kFileHeaderBytes) {
        EXPECT_TRUE(contents.status().Is(StatusCode::kCorruption) ||
                    contents.status().Is(StatusCode::kNotSupported));
        continue;
      }
      size_t edit = 0;
      while (at >= ends_[edit]) ++edit;
      ExpectDamageAt(contents.status(), begin(edit));
    }
  }
}

TEST_F(ManifestTest, TwoEditsAreEnoughToTellDamageFromATornTail) {
  Write(3);
  for (size_t at = begin(1); at < begin(2); ++at) {
    std::string flipped = bytes_;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    ExpectDamageAt(ReadWith(flipped).status(), begin(1));
  }
}

// What a torn append leaves may be stale bytes of the same file.
TEST_F(ManifestTest, ACopyOfItsOwnEditsBehindTheLastIsATornTail) {
  Write(4);
  const size_t end = bytes_.size();
  for (const size_t torn : {size_t{0}, size_t{1}, size_t{5}, size_t{21}}) {
    for (size_t from = begin(0) - 3; from < begin(2); ++from) {
      const std::string copied = bytes_ + std::string(torn, 'e') + bytes_.substr(from, end - from);
      ASSERT_OK_AND_ASSIGN(const ManifestContents contents, ReadWith(copied));
      EXPECT_EQ(contents.edits.size(), 4u);
      EXPECT_EQ(contents.tail_offset, end);
    }
  }
}

TEST_F(ManifestTest, RunsOfDamageInAnEarlierEditAreDamage) {
  Write(5);
  for (size_t from = begin(1); from < begin(2); ++from) {
    std::string zeroed = bytes_;
    std::fill(zeroed.begin() + static_cast<ptrdiff_t>(from),
              zeroed.begin() + static_cast<ptrdiff_t>(begin(2)), '\0');
    if (zeroed != bytes_) ExpectDamageAt(ReadWith(zeroed).status(), begin(1));
  }
}

// Nothing of the damaged edit is left, and only one follows.
TEST_F(ManifestTest, AnEditOfZerosOrNoiseBeforeTheLastIsDamage) {
  Write(3);
  Random random(5);
  for (const bool noise : {false, true}) {
    std::string lost = bytes_;
    for (size_t at = begin(1); at < begin(2); ++at)
      lost[at] = noise ? static_cast<char>(random.Next()) : '\0';
    ExpectDamageAt(ReadWith(lost).status(), begin(1));
  }
}

TEST_F(ManifestTest, AnEditTakenOutIsDamage) {
  Write(5);
  // At least two must follow: one alone cannot be told from a torn append.
  for (size_t gone = 0; gone < 3; ++gone) {
    std::string spliced = bytes_;
    spliced.erase(begin(gone), ends_[gone] - begin(gone));
    EXPECT_STATUS(kCorruption, ReadWith(spliced)) << gone;
  }
}

TEST_F(ManifestTest, EditsOfAnotherManifestAreNotTakenOver) {
  Write(3);
  const std::string first = bytes_;
  const uint64_t split = ends_[0];
  Write(3);
  auto contents = ReadWith(first.substr(0, split) + bytes_.substr(split));
  // Whole, valid frames follow that do not belong here: no torn append looks like that.
  ExpectDamageAt(contents.status(), split);
}

// A hostile file whose every word is a plausible length must not cost the square of its size.
TEST_F(ManifestTest, HostileTailEndsSoon) {
  Write(2);
  constexpr size_t kBytes = 17u << 20;
  std::string words, fields;
  while (words.size() < kBytes) PutFixed32(&words, 1u << 20);
  while (fields.size() < kBytes) fields.append("\1\1\1", 4);
  // Of the second each offset begins a frame of millions of fields, of which the last one is cut.
  for (const std::string& tail : {words, std::string(kBytes, '\1'), fields}) {
    auto contents = ReadWith(bytes_ + tail);
    if (!contents.ok()) {
      EXPECT_STATUS(kCorruption, contents);
    }
    EXPECT_OK(ScanManifest(fs_.get(), "db", kNumber));
  }
}

TEST_F(ManifestTest, MissingManifestIsDamageOfTheDatabase) {
  const Status status = Read().status();
  ExpectDamageAt(status, 0);
  EXPECT_NE(status.message().find("ROOT"), std::string_view::npos);
}

TEST_F(ManifestTest, EachFailedOperationOfCreateIsReported) {
  for (uint64_t n = 1; n <= 5; ++n) {
    FaultyFileSystem faulty(fs_.get());
    faulty.FailOperation(n);
    auto writer = ManifestWriter::Create(&faulty, "db", kNumber, FullEdit());
    const uint64_t operations = faulty.total();
    if (n > 4) {
      EXPECT_EQ(operations, 4u);  // create, header, edit, sync
      EXPECT_OK(writer);
    } else {
      EXPECT_STATUS(kIoError, writer);
    }
  }
}

TEST_F(ManifestTest, FailedAppendSticks) {
  for (FileOp broken : {FileOp::kAppend, FileOp::kSync}) {
    FaultyFileSystem faulty(fs_.get());
    auto writer = ManifestWriter::Create(&faulty, "db", kNumber, FullEdit());
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->Append(Numbered(1)));
    const ManifestState before = (*writer)->state();
    faulty.SetFault([broken](FileOp op, const std::string& path) {
      return op == broken ? Status::NoSpace("injected " + path) : Status();
    });
    const Status failed = (*writer)->Append(Numbered(2));
    EXPECT_STATUS(kNoSpace, failed);
    faulty.SetFault({});
    faulty.ResetCounts();
    const Status later = (*writer)->Append(Numbered(3));
    EXPECT_EQ(later.ToString(), failed.ToString());
    EXPECT_EQ(faulty.total(), 0u) << "the file was touched again";
    EXPECT_EQ((*writer)->state(), before);
    ASSERT_OK_AND_ASSIGN(ManifestContents contents, Read());
    // A sync that failed may well have written the edit; nothing behind it exists.
    ASSERT_GE(contents.edits.size(), 2u);
    ASSERT_LE(contents.edits.size(), broken == FileOp::kSync ? 3u : 2u);
  }
}

TEST_F(ManifestTest, ReadErrorsAreReportedAsWhatTheyAre) {
  Write(3);
  for (uint64_t n = 1; n <= 3; ++n) {
    FaultyFileSystem faulty(fs_.get());
    faulty.FailOperation(n);
    EXPECT_STATUS(kIoError, ReadManifest(&faulty, "db", kNumber));
  }
}

// No file of its kind is like this: nothing is read of one that is too large.
TEST_F(ManifestTest, AFileTooLargeOrShorterThanItWasHasAPlace) {
  Write(3);
  EXPECT_OK(ReadWholeFile(fs_.get(), Path(), bytes_.size()));
  FaultyFileSystem counting(fs_.get());
  ExpectDamageAt(ReadWholeFile(&counting, Path(), bytes_.size() - 1).status(), 0);
  EXPECT_EQ(counting.count(FileOp::kRead), 0u);
  counting.SetFault([this](FileOp op, const std::string&) {
    return op == FileOp::kRead
               ? test::WriteFile(fs_.get(), Path(), bytes_.substr(0, bytes_.size() - 9))
               : Status::Ok();
  });
  ExpectDamageAt(ReadManifest(&counting, "db", kNumber).status(), bytes_.size() - 9);
}

// A whole frame that follows, of bytes that are no edit.
TEST_F(ManifestTest, AnEditThatCannotBeReadHasItsPlace) {
  Write(2);
  std::string length, chain;
  const std::string body = "\xff\xff no edit";
  PutFixed32(&length, static_cast<uint32_t>(body.size()));
  PutFixed64(&chain, NextManifestChain(states_[1].chain, length, body));
  const Status status = ReadWith(bytes_ + length + chain + body).status();
  EXPECT_FALSE(status.ok());
  const std::string where = Path() + ":" + std::to_string(ends_[1]) + ": edit";
  EXPECT_NE(status.message().find(where), std::string_view::npos) << status.ToString();
}

TEST_F(ManifestTest, AFieldOfALaterVersionIsRefusedNamingWhatWroteIt) {
  Write(2);
  const std::string body("\x1b\x01x", 3);  // 27, one byte
  std::string length, chain;
  PutFixed32(&length, static_cast<uint32_t>(body.size()));
  PutFixed64(&chain, NextManifestChain(states_[1].chain, length, body));
  const std::string bytes = bytes_ + length + chain + body;
  const std::string what = Path() + ":" + std::to_string(ends_[1]) +
                           ": edit: edit: field 27 is not known to this version";
  const Status named = ReadWith(test::WrittenBy(test::kOtherWriter, bytes)).status();
  EXPECT_STATUS(kNotSupported, named);
  EXPECT_EQ(named.message(), what + test::NamesOtherWriter());
  const Status not_said = ReadWith(test::WrittenBy(0, bytes)).status();
  EXPECT_EQ(not_said.message(), what + std::string(test::kNamesNoWriter));
  // Around which check and salvage read, where ROOT is gone.
  EXPECT_OK(test::WriteFile(fs_.get(), Path(), test::WrittenBy(test::kOtherWriter, bytes)));
  ASSERT_OK_AND_ASSIGN(const ManifestScan scan, ScanManifest(fs_.get(), "db", kNumber));
  ASSERT_EQ(scan.gaps.size(), 1u);
  EXPECT_EQ(scan.gaps[0].what,
            "edit: field 27 is not known to this version" + test::NamesOtherWriter());
}

class RootTest : public testing::Test {
 protected:
  RootTest() { EXPECT_OK(fs_->CreateDirectory("db")); }
  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  const Root root_{77, {1, 2}, {3, 4}};
};

TEST_F(RootTest, RoundTrip) {
  ASSERT_OK(WriteRoot(fs_.get(), "db", root_));
  ASSERT_OK_AND_ASSIGN(const Root back, ReadRoot(fs_.get(), "db"));
  EXPECT_EQ(back.manifest, 77u);
  EXPECT_EQ(back.history_id, root_.history_id);
  EXPECT_EQ(back.instance_id, root_.instance_id);
  ASSERT_OK_AND_ASSIGN(const bool leftover, fs_->Exists("db/ROOT.new"));
  EXPECT_FALSE(leftover);
}

TEST_F(RootTest, AbsentIsNotFound) { EXPECT_STATUS(kNotFound, ReadRoot(fs_.get(), "db")); }

TEST_F(RootTest, EveryByteFlippedIsRefused) {
  ASSERT_OK(WriteRoot(fs_.get(), "db", root_));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, test::ReadFile(fs_.get(), "db/ROOT"));
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int mask : {0x01, 0x80, 0xff}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      ASSERT_OK(test::WriteFile(fs_.get(), "db/ROOT", flipped));
      const Status status = ReadRoot(fs_.get(), "db").status();
      EXPECT_STATUS(kCorruption, status) << at;
      EXPECT_NE(status.message().find("db/ROOT"), std::string_view::npos) << status.ToString();
    }
  }
}

TEST_F(RootTest, EveryOtherLengthIsRefused) {
  ASSERT_OK(WriteRoot(fs_.get(), "db", root_));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, test::ReadFile(fs_.get(), "db/ROOT"));
  for (size_t length = 0; length <= bytes.size() + 2; ++length) {
    if (length == bytes.size()) continue;
    std::string other = bytes;
    other.resize(length, '\0');
    ASSERT_OK(test::WriteFile(fs_.get(), "db/ROOT", other));
    EXPECT_STATUS(kCorruption, ReadRoot(fs_.get(), "db")) << length;
  }
}

TEST_F(RootTest, OneOfManyMegabytesIsNotRead) {
  ASSERT_OK(test::WriteFile(fs_.get(), "db/ROOT", std::string((1 << 20) + 1, '\0')));
  FaultyFileSystem counting(fs_.get());
  const Status status = ReadRoot(&counting, "db").status();
  EXPECT_STATUS(kCorruption, status);
  EXPECT_NE(status.message().find("db/ROOT:0: "), std::string_view::npos) << status.ToString();
  EXPECT_EQ(counting.count(FileOp::kRead), 0u);
}

TEST_F(RootTest, CutShortAtEachOperationNamesTheOldOrTheNewManifest) {
  ASSERT_OK(WriteRoot(fs_.get(), "db", root_));
  Root next = root_;
  next.manifest = 78;
  for (uint64_t n = 1;; ++n) {
    ASSERT_OK(WriteRoot(fs_.get(), "db", root_));
    FaultyFileSystem faulty(fs_.get());
    faulty.FailFromOperation(n);
    const Status status = WriteRoot(&faulty, "db", next);
    ASSERT_OK_AND_ASSIGN(const Root found, ReadRoot(fs_.get(), "db"));
    if (status.ok()) {
      EXPECT_EQ(found.manifest, 78u);
      EXPECT_EQ(n, 7u);  // create, append, sync, sync directory, rename, sync directory
      break;
    }
    EXPECT_STATUS(kIoError, status);
    EXPECT_EQ(found.manifest, n <= 5 ? 77u : 78u);
  }
}

}  // namespace
}  // namespace logwood
