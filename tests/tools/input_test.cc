#include "tools/input.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "tests/tools/descriptors.h"
#include "tools/interrupt.h"

namespace logwood::tools {
namespace {

class InputTest : public testing::Test {
 protected:
  // The path of a new file.
  std::string FileOf(const std::string& bytes) {
    const std::string path = directory_.Join("file");
    EXPECT_OK(test::WriteFile(FileSystem::Posix(), path, bytes));
    return path;
  }

  static std::unique_ptr<Input> Opened(const std::string& path) {
    Result<std::unique_ptr<Input>> input = Input::Open(path);
    EXPECT_OK(input);
    return input.ok() ? std::move(*input) : nullptr;
  }

  // "" at the end; "error" where reading failed.
  static std::string Next(Input& input, size_t size) {
    std::string bytes(size, '\0');
    const Result<size_t> got = input.Read(bytes.data(), size);
    return got.ok() ? bytes.substr(0, *got) : "error";
  }

  test::TempDirectory directory_{test::TempDirectory::Speed::kFast};
};

TEST_F(InputTest, AFileIsReadPieceByPieceToItsEnd) {
  const auto input = Opened(FileOf("abcdefg"));
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(Next(*input, 3), "abc");
  EXPECT_EQ(Next(*input, 3), "def");
  EXPECT_EQ(Next(*input, 3), "g");
  EXPECT_EQ(Next(*input, 3), "");
  EXPECT_EQ(Next(*input, 3), "") << "the end stays the end";
}

TEST_F(InputTest, AFileTellsItsNameAndSize) {
  const std::string path = FileOf(std::string(12'345, 'x'));
  const auto input = Opened(path);
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(input->name(), path);
  EXPECT_EQ(input->size(), 12'345u);
}

TEST_F(InputTest, APipeHasNoSizeAndGivesWhatIsThereWithoutWaitingForMore) {
  Pipe pipe;
  ASSERT_TRUE(pipe.Write("abc"));
  const auto input = Opened(pipe.path());
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(input->size(), 0u);
  EXPECT_EQ(Next(*input, 100), "abc");
  ASSERT_TRUE(pipe.Write("d"));
  EXPECT_EQ(Next(*input, 100), "d");
  pipe.CloseWriter();
  EXPECT_EQ(Next(*input, 100), "");
}

TEST_F(InputTest, ADashIsStandardInputWhichStaysOpen) {
  Pipe pipe;
  const Replaced standard_input(STDIN_FILENO, pipe.reader());
  ASSERT_TRUE(pipe.Write("piped"));
  {
    const auto input = Opened("-");
    ASSERT_NE(input, nullptr);
    EXPECT_EQ(input->name(), "standard input");
    EXPECT_EQ(input->size(), 0u);
    EXPECT_EQ(Next(*input, 100), "piped");
  }
  EXPECT_TRUE(IsOpen(STDIN_FILENO));
}

TEST_F(InputTest, StandardInputFromAFileHasItsSize) {
  const int file = open(FileOf("four").c_str(), O_RDONLY | O_CLOEXEC);
  {
    const Replaced standard_input(STDIN_FILENO, file);
    const auto input = Opened("-");
    ASSERT_NE(input, nullptr);
    EXPECT_EQ(input->size(), 4u);
  }
  close(file);
}

TEST_F(InputTest, WhatCannotBeOpenedIsAnIoErrorThatNamesIt) {
  for (const std::string& path : {directory_.Join("absent"), directory_.path(), std::string()}) {
    const Result<std::unique_ptr<Input>> input = Input::Open(path);
    EXPECT_STATUS(kIoError, input);
    EXPECT_TRUE(input.status().message().starts_with(path + ": ")) << input.status().ToString();
  }
}

TEST_F(InputTest, ADirectoryAsStandardInputIsNamedForWhatItIs) {
  const int directory = open(directory_.path().c_str(), O_RDONLY | O_CLOEXEC);
  {
    const Replaced standard_input(STDIN_FILENO, directory);
    EXPECT_EQ(Input::Open("-").status().message(), "standard input: Is a directory");
  }
  close(directory);
}

TEST_F(InputTest, AFailingReadIsAnIoErrorThatNamesTheFile) {
  // Nothing is mapped at address 0.
  const auto input = Opened("/proc/self/mem");
  ASSERT_NE(input, nullptr);
  char buffer[8];
  const Status status = input->Read(buffer, sizeof(buffer)).status();
  EXPECT_STATUS(kIoError, status);
  EXPECT_TRUE(status.message().starts_with("/proc/self/mem: ")) << status.ToString();
  EXPECT_STATUS(kIoError, input->ReadAll(100));
}

TEST_F(InputTest, EveryDescriptorItOpenedIsClosedAgain) {
  const std::string path = FileOf("bytes");
  const auto before = OpenDescriptors();
  static_cast<void>(Opened(path));
  static_cast<void>(Input::Open(directory_.path()).status());
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(InputTest, ReadAllGivesEverythingThatIsLeft) {
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes.push_back(static_cast<char>(i * 7));
  const auto input = Opened(FileOf(bytes));
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(Next(*input, 5), bytes.substr(0, 5));
  const Result<std::string> rest = input->ReadAll(1 << 20);
  ASSERT_OK(rest);
  EXPECT_TRUE(*rest == bytes.substr(5));
  EXPECT_EQ(input->ReadAll(1 << 20).value(), "");
}

TEST_F(InputTest, ReadAllTakesExactlyTheLimitAndNotAByteMore) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{64 * 1024}, size_t{100'000}}) {
    const std::string path = FileOf(std::string(size, 'x'));
    const auto input = Opened(path);
    ASSERT_NE(input, nullptr);
    const Result<std::string> whole = input->ReadAll(size);
    ASSERT_OK(whole);
    EXPECT_EQ(whole->size(), size);
    if (size == 0) continue;
    const Status status = Opened(path)->ReadAll(size - 1).status();
    EXPECT_STATUS(kInvalidArgument, status);
    EXPECT_EQ(status.message(), path + ": more than " + std::to_string(size - 1) + " bytes");
  }
}

// Signals caught as the command does, put back at the end.
class InterruptedInputTest : public InputTest {
 protected:
  InterruptedInputTest() {
    sigaction(SIGINT, nullptr, &interrupt_before_);
    sigaction(SIGTERM, nullptr, &terminate_before_);
    CatchInterrupts();
  }
  ~InterruptedInputTest() override {
    CatchInterrupts();  // forgets the one that came
    sigaction(SIGINT, &interrupt_before_, nullptr);
    sigaction(SIGTERM, &terminate_before_, nullptr);
  }

 private:
  struct sigaction interrupt_before_ = {};
  struct sigaction terminate_before_ = {};
};

TEST_F(InterruptedInputTest, AfterASignalNothingIsReadAnyMore) {
  const auto input = Opened(FileOf("bytes"));
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(Next(*input, 1), "b");
  raise(SIGTERM);
  char buffer[8];
  const Status status = input->Read(buffer, sizeof(buffer)).status();
  EXPECT_STATUS(kCancelled, status);
  EXPECT_NE(status.message().find("file: interrupted"), std::string_view::npos);
  EXPECT_STATUS(kCancelled, input->ReadAll(100));
}

// Whether the process waits in the kernel for something that may not come.
bool IsAsleep(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::stringstream text;
  text << file.rdbuf();
  const size_t name_end = text.str().rfind(')');
  return name_end != std::string::npos && text.str().substr(name_end, 3) == ") S";
}

TEST_F(InterruptedInputTest, AReadThatWaitsEndsWhenASignalComes) {
  Pipe pipe;  // nobody ever writes into it
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const auto input = Opened(pipe.path());
    char buffer[8];
    const bool cancelled = input->Read(buffer, sizeof(buffer)).status().Is(StatusCode::kCancelled);
    _exit(cancelled ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int state = 0;
  // A child that ends without having waited is seen below.
  bool ended = false;
  while (!ended && !IsAsleep(child)) {
    usleep(1000);
    ended = waitpid(child, &state, WNOHANG) != 0;
  }
  ASSERT_FALSE(ended) << state;
  kill(child, SIGINT);
  ASSERT_EQ(waitpid(child, &state, 0), child);
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0) << state;
}

}  // namespace
}  // namespace logwood::tools
