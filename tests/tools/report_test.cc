// Error messages and exit statuses, as docs/guide/command.md has them.
#include "tools/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/tools/descriptors.h"

namespace logwood::tools {
namespace {

std::string ErrorsOf(const std::function<void()>& report) {
  Pipe pipe;
  {
    const Replaced standard_error(STDERR_FILENO, pipe.writer());
    report();
  }
  return pipe.ReadRest();
}

// Scripts tell by it what to do: a code that is not in this table has no answer yet.
TEST(Report, EachStatusHasItsExitStatus) {
  const std::vector<std::pair<StatusCode, int>> expected = {
      {StatusCode::kOk, 0},
      {StatusCode::kNotFound, 1},
      {StatusCode::kInvalidArgument, 2},
      {StatusCode::kCorruption, 3},
      {StatusCode::kIoError, 3},
      {StatusCode::kNoSpace, 3},
      {StatusCode::kBusy, 3},
      {StatusCode::kTimeout, 1},
      {StatusCode::kCancelled, 1},
      {StatusCode::kClosed, 1},
      {StatusCode::kReadOnly, 3},
      {StatusCode::kNotSupported, 3},
      {StatusCode::kConflict, 4},
      {StatusCode::kAlreadyExists, 1},
      {StatusCode::kTrimmed, 1},
      {StatusCode::kWrongHistory, 1},
  };
  for (const auto& [code, exit_status] : expected) {
    EXPECT_EQ(static_cast<int>(ExitCodeFor(code)), exit_status) << StatusCodeName(code);
  }
  EXPECT_EQ(StatusCodeName(static_cast<StatusCode>(expected.size())),
            StatusCodeName(static_cast<StatusCode>(255)))
      << "a status code was added";
}

TEST(Report, AMessageIsOneLineAndAdviceMayBeMissing) {
  EXPECT_EQ(ErrorsOf([] { PrintError("cannot open db", "no such directory"); }),
            "logwood: cannot open db: no such directory\n");
  EXPECT_EQ(ErrorsOf([] { PrintError("line 3", "no tab", "see --format"); }),
            "logwood: line 3: no tab; see --format\n");
}

TEST(Report, AFailureIsPrintedWithTheAdviceOfItsCodeAndSaysHowToExit) {
  ExitCode code = ExitCode::kOk;
  const std::string said =
      ErrorsOf([&code] { code = Fail("cannot load", Status::NoSpace("write db/1.log")); });
  EXPECT_EQ(code, ExitCode::kIo);
  EXPECT_EQ(said, "logwood: cannot load: write db/1.log; " +
                      std::string(AdviceFor(StatusCode::kNoSpace)) + "\n");
}

TEST(Report, AdviceOfTheCallerReplacesThatOfTheCode) {
  const std::string said =
      ErrorsOf([] { static_cast<void>(Fail("a", Status::Corruption("b"), "do this")); });
  EXPECT_EQ(said, "logwood: a: b; do this\n");
}

TEST(Report, WhoMayNotIsToldSo) {
  const std::string said = ErrorsOf([] {
    static_cast<void>(Fail("cannot open db", Status::IoError("open db/LOCK: Permission denied")));
  });
  EXPECT_EQ(said,
            "logwood: cannot open db: open db/LOCK: Permission denied; give this user the "
            "right to it, or be another one\n");
}

TEST(Report, AdviceOnDamageNamesTheDirectoryAsAShellTakesIt) {
  EXPECT_EQ(AdviceFor(StatusCode::kCorruption, "db"), "`logwood check db` lists every damage");
  EXPECT_EQ(AdviceFor(StatusCode::kCorruption, "my db"),
            "`logwood check 'my db'` lists every damage");
  EXPECT_EQ(AdviceFor(StatusCode::kCorruption), "") << "which directory is not known";
}

TEST(Report, NoMemoryIsNotTakenForADirectoryInUse) {
  const Status no_memory = Status::Busy("batch: no memory for its 5 bytes");
  const Status in_use = Status::Busy("lock no memory/LOCK: somebody else holds it");
  EXPECT_FALSE(IsInUse(no_memory));
  EXPECT_FALSE(IsInUse(Status::Busy("start a thread: the system has none to give")));
  EXPECT_TRUE(IsInUse(in_use));
  EXPECT_TRUE(IsInUse(Status::Busy("/db: a writer removes files while they are read; try again")));
  static_cast<void>(ErrorsOf([&] { EXPECT_EQ(Fail("cannot load", no_memory), ExitCode::kIo); }));
}

TEST(Report, AStatusWithoutAMessageIsNamed) {
  const std::string said = ErrorsOf([] { static_cast<void>(Fail("wait", Status::Timeout(""))); });
  EXPECT_EQ(said, "logwood: wait: Timeout\n");
}

TEST(Report, NamesOfTheInterfaceBecomeThoseOfTheCommandLine) {
  EXPECT_EQ(InCommandWords("options: memory_budget_bytes must be at least 1 MiB"),
            "--memory must be at least 1 MiB");
  EXPECT_EQ(InCommandWords("memory_budget_bytes memory_budget_bytes"), "--memory --memory");
  EXPECT_EQ(InCommandWords("db: is not there (create_if_missing is false)"), "db: is not there");
  EXPECT_EQ(InCommandWords("key of 70000 bytes; kKeyBytesMax = 65536"),
            "key of 70000 bytes; the limit of 65536");
  EXPECT_EQ(InCommandWords(""), "");
  EXPECT_EQ(InCommandWords("nothing to say otherwise"), "nothing to say otherwise");
}

}  // namespace
}  // namespace logwood::tools
