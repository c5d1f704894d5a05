#include "tools/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>

#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "tests/tools/descriptors.h"
#include "tools/interrupt.h"

namespace logwood::tools {
namespace {

// An empty file that an Output can borrow.
class OpenedFile {
 public:
  explicit OpenedFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    EXPECT_GE(descriptor_, 0);
  }
  ~OpenedFile() { close(descriptor_); }
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

class OutputTest : public testing::Test {
 protected:
  std::string BytesOf(const std::string& path) {
    Result<std::string> bytes = test::ReadFile(FileSystem::Posix(), path);
    EXPECT_OK(bytes);
    return bytes.ok() ? *bytes : "";
  }

  static std::unique_ptr<Output> Created(const std::string& path) {
    Result<std::unique_ptr<Output>> output = Output::Create(path);
    EXPECT_OK(output);
    return output.ok() ? std::move(*output) : nullptr;
  }

  // Finishes; what that printed on standard error goes to `said`.
  static ExitCode FinishOf(Output& output, ExitCode code, std::string* said) {
    Pipe pipe;
    ExitCode answer;
    {
      const Replaced standard_error(STDERR_FILENO, pipe.writer());
      answer = output.Finish(code);
    }
    *said = pipe.ReadRest();
    return answer;
  }

  test::TempDirectory directory_{test::TempDirectory::Speed::kFast};
  const std::string path_ = directory_.Join("file");
};

TEST_F(OutputTest, AFileHoldsWhatWasAppendedAndNothingOfWhatWasThere) {
  ASSERT_OK(test::WriteFile(FileSystem::Posix(), path_, "something longer that was there before"));
  const auto output = Created(path_);
  ASSERT_NE(output, nullptr);
  output->Append("one ");
  output->Append(std::string("t\0o", 3));
  output->buffer()->append(" three");
  output->MaybeFlush();
  EXPECT_TRUE(output->open());
  EXPECT_EQ(output->Finish(ExitCode::kOk), ExitCode::kOk);
  EXPECT_EQ(BytesOf(path_), std::string("one t\0o three", 13));
}

TEST_F(OutputTest, FlushWritesWhatIsThereOnce) {
  const OpenedFile file(path_);
  Output output(file.descriptor());
  output.Append("one");
  output.Flush();
  EXPECT_EQ(BytesOf(path_), "one");
  output.Flush();
  output.Append(" two");
  output.Finish(ExitCode::kOk);
  EXPECT_EQ(BytesOf(path_), "one two");
}

TEST_F(OutputTest, AFileIsAsItWasUntilAllIsWritten) {
  ASSERT_OK(test::WriteFile(FileSystem::Posix(), path_, "old"));
  const auto names = [this] { return FileSystem::Posix()->List(directory_.path())->size(); };
  for (const ExitCode code : {ExitCode::kProblem, ExitCode::kIo, ExitCode::kInterrupted}) {
    for (const std::string& path : {path_, directory_.Join("new")}) {
      const auto output = Created(path);
      ASSERT_NE(output, nullptr);
      output->Append("one");
      output->Flush();
      EXPECT_EQ(BytesOf(path_), "old");
      EXPECT_EQ(output->Finish(code), code);
      EXPECT_EQ(BytesOf(path_), "old");
      EXPECT_EQ(names(), 1U) << "nothing is left beside it";
    }
  }
  const auto output = Created(path_);
  ASSERT_NE(output, nullptr);
  const auto beside = Created(path_);
  ASSERT_NE(beside, nullptr) << "two at a time have two names";
  output->Append("one");
  EXPECT_EQ(output->Finish(ExitCode::kOk), ExitCode::kOk);
  EXPECT_EQ(BytesOf(path_), "one");
}

TEST_F(OutputTest, AFullBufferIsWrittenWithoutBeingTold) {
  const std::string most(kOutputBufferBytes - 1, 'x');
  {
    const OpenedFile file(path_);
    Output appended(file.descriptor());
    appended.Append(most);
    EXPECT_EQ(BytesOf(path_), "") << "a write for each line would be slow";
    appended.Append("y");
    EXPECT_TRUE(BytesOf(path_) == most + "y");
    EXPECT_TRUE(appended.buffer()->empty());
  }
  const OpenedFile file(path_);
  Output formatted(file.descriptor());
  formatted.buffer()->append(most);
  formatted.MaybeFlush();
  EXPECT_EQ(BytesOf(path_), "");
  formatted.buffer()->append("z");
  formatted.MaybeFlush();
  EXPECT_TRUE(BytesOf(path_) == most + "z");
}

TEST_F(OutputTest, FinishAnswersWhatItIsGivenWhenNothingWasLost) {
  for (const ExitCode code : {ExitCode::kOk, ExitCode::kProblem, ExitCode::kInterrupted}) {
    const auto output = Created(path_);
    ASSERT_NE(output, nullptr);
    output->Append("bytes");
    std::string said;
    EXPECT_EQ(FinishOf(*output, code, &said), code);
    EXPECT_EQ(said, "");
    EXPECT_FALSE(output->open()) << "nothing more can arrive";
  }
}

TEST_F(OutputTest, AFullDiskIsAnErrorThatFinishPrintsWhateverItIsGiven) {
  for (const ExitCode code : {ExitCode::kOk, ExitCode::kProblem}) {
    const auto output = Created("/dev/full");
    ASSERT_NE(output, nullptr);
    output->Append("bytes");
    EXPECT_TRUE(output->open());
    output->Flush();
    EXPECT_FALSE(output->open()) << "callers stop here";
    output->Append("more");
    std::string said;
    EXPECT_EQ(FinishOf(*output, code, &said), ExitCode::kIo);
    EXPECT_TRUE(said.starts_with("logwood: cannot write: /dev/full: No space left on device"))
        << said;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
  }
}

TEST_F(OutputTest, BytesThatOnlyFinishWritesMayBeLostToo) {
  const auto output = Created("/dev/full");
  ASSERT_NE(output, nullptr);
  output->Append("bytes");
  std::string said;
  EXPECT_EQ(FinishOf(*output, ExitCode::kOk, &said), ExitCode::kIo);
  EXPECT_NE(said, "");
}

TEST_F(OutputTest, AReaderThatGoesAwayClosesItQuietly) {
  struct sigaction before = {};
  sigaction(SIGPIPE, nullptr, &before);
  IgnoreWriteSignals();
  Pipe pipe;
  Output output(pipe.writer());
  output.Append("read");
  output.Flush();
  EXPECT_TRUE(output.open());
  pipe.CloseReader();
  EXPECT_TRUE(output.open()) << "nobody can know before the next write";
  output.Append("unread");
  output.Flush();
  EXPECT_FALSE(output.open());
  output.Append("dropped");
  output.Flush();
  EXPECT_TRUE(output.buffer()->empty()) << "what goes nowhere is not kept";
  std::string said;
  EXPECT_EQ(FinishOf(output, ExitCode::kProblem, &said), ExitCode::kProblem);
  EXPECT_EQ(said, "");
  sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(OutputTest, ADescriptorThatIsBorrowedStaysOpen) {
  Pipe pipe;
  {
    Output output(pipe.writer());
    output.Append("one");
    EXPECT_EQ(output.Finish(ExitCode::kOk), ExitCode::kOk);
  }
  EXPECT_TRUE(IsOpen(pipe.writer()));
  EXPECT_EQ(pipe.ReadRest(), "one");
}

TEST_F(OutputTest, AFileItCreatedIsClosedOnce) {
  const auto before = OpenDescriptors();
  auto finished = Created(path_);
  ASSERT_NE(finished, nullptr);
  EXPECT_EQ(OpenDescriptors(), before + 1);
  finished->Finish(ExitCode::kOk);
  EXPECT_EQ(OpenDescriptors(), before);
  // Gets the number that was free; it must survive the end of the first.
  const auto next = Created(path_);
  finished = nullptr;
  EXPECT_EQ(OpenDescriptors(), before + 1);
  static_cast<void>(Created(directory_.Join("never finished")));
  EXPECT_EQ(OpenDescriptors(), before + 1);
}

TEST_F(OutputTest, WhatCannotBeCreatedIsAnIoErrorThatNamesIt) {
  for (const std::string& path : {directory_.Join("no/file"), directory_.path(), std::string()}) {
    const Result<std::unique_ptr<Output>> output = Output::Create(path);
    EXPECT_STATUS(kIoError, output);
    EXPECT_TRUE(output.status().message().starts_with(path + ": ")) << output.status().ToString();
  }
}

TEST_F(OutputTest, ADashIsStandardOutputWhichStaysOpen) {
  Pipe pipe;
  {
    const Replaced standard_output(STDOUT_FILENO, pipe.writer());
    const auto output = Created("-");
    if (output != nullptr) {
      output->Append("one");
      EXPECT_EQ(output->Finish(ExitCode::kOk), ExitCode::kOk);
    }
    EXPECT_TRUE(IsOpen(STDOUT_FILENO));
  }
  EXPECT_EQ(pipe.ReadRest(), "one");
}

TEST_F(OutputTest, PrintWritesToStandardOutputAndPassesTheCodeOn) {
  Pipe pipe;
  {
    const Replaced standard_output(STDOUT_FILENO, pipe.writer());
    EXPECT_EQ(Print("one\n"), ExitCode::kOk);
    EXPECT_EQ(Print("two\n", ExitCode::kProblem), ExitCode::kProblem);
  }
  EXPECT_EQ(pipe.ReadRest(), "one\ntwo\n");
}

TEST_F(OutputTest, WhatStandardOutputCannotTakeIsSaidOfIt) {
  Pipe pipe;
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  {
    const Replaced standard_output(STDOUT_FILENO, full);
    const Replaced standard_error(STDERR_FILENO, pipe.writer());
    EXPECT_EQ(Print("one\n", ExitCode::kProblem), ExitCode::kIo);
  }
  close(full);
  EXPECT_TRUE(pipe.ReadRest().starts_with("logwood: cannot write: standard output: "));
}

}  // namespace
}  // namespace logwood::tools
