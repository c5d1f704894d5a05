// Each long command shows on a terminal how far it is. The delay before is set to nothing, or no
// test could wait for it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "logwood/db.h"
#include "tests/support/status_assert.h"
#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

// A pseudo terminal that remembers what was written to it.
class PseudoTerminal {
 public:
  PseudoTerminal() {
    master_ = posix_openpt(O_RDWR | O_NOCTTY);
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) return;
    name_ = ptsname(master_);
    // While it is open there is somebody to write to.
    writer_ = open(name_.c_str(), O_RDWR | O_NOCTTY);
    reader_ = std::thread([this] {
      char buffer[4096];
      for (ssize_t n = 0; (n = read(master_, buffer, sizeof(buffer))) > 0;) {
        text_.append(buffer, static_cast<size_t>(n));
      }
    });
  }
  ~PseudoTerminal() {
    End();
    if (master_ >= 0) close(master_);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  // A path; empty: there is none to be had.
  const std::string& name() const { return name_; }
  // As if somebody typed it.
  void Type(const std::string& keys) {
    EXPECT_EQ(write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // All of it, once nobody else has it open.
  const std::string& End() {
    if (writer_ >= 0) close(writer_);
    writer_ = -1;
    if (reader_.joinable()) reader_.join();
    return text_;
  }

 private:
  int master_ = -1, writer_ = -1;
  std::string name_, text_;
  std::thread reader_;
};

class CommandProgress : public testing::Test {
 protected:
  // More records than are walked or merged between two looks at the clock.
  CommandProgress() {
    const Ran ran =
        runner_.Shell("seq 20000 30000 | sed 's/$/\\tvalue/' > in.tsv; logwood load db in.tsv -q");
    EXPECT_EQ(ran.status, 0) << ran.err;
  }

  // What the command shows on a terminal that is its standard error.
  std::string ShownBy(const std::string& command, const std::string& after_ms = "0") {
    PseudoTerminal terminal;
    EXPECT_NE(terminal.name(), "");
    const Ran ran = runner_.Shell("export LOGWOOD_PROGRESS_AFTER_MS=" + after_ms + "\nlogwood " +
                                  command + " > printed 2> " + terminal.name());
    EXPECT_EQ(ran.status, 0) << command << "\n" << terminal.End();
    return terminal.End();
  }

  // A bar of that name, and that it was taken away.
  void ExpectBar(const std::string& label, const std::string& command) {
    const std::string shown = ShownBy(command);
    EXPECT_NE(shown.find("\r" + label + "  ["), std::string::npos) << command << "\n" << shown;
    EXPECT_NE(shown.find("\r\x1b[K"), std::string::npos) << command << "\n" << shown;
  }

  CommandRunner runner_;
};

TEST_F(CommandProgress, OfLoad) { ExpectBar("load", "load new in.tsv"); }
TEST_F(CommandProgress, OfExport) { ExpectBar("export", "export db out.tsv"); }
TEST_F(CommandProgress, OfScan) { ExpectBar("scan", "scan db"); }
TEST_F(CommandProgress, OfCount) { ExpectBar("count", "count db"); }
TEST_F(CommandProgress, OfCheck) { ExpectBar("check", "check db"); }
TEST_F(CommandProgress, OfSalvage) { ExpectBar("salvage", "salvage db saved"); }
TEST_F(CommandProgress, OfCompact) { ExpectBar("compact", "compact db --force-last-level"); }

// More tables in level 0 than a command leaves there, and yet no compaction is due.
TEST_F(CommandProgress, OfTheWaitForCompactionAfterALoad) {
  Options options;
  options.tuning.level0_tables = 64;
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, runner_.Path("tables")));
  for (int i = 0; i < 16; ++i) {
    ASSERT_OK(db->Put({}, "k", std::to_string(i)));
    ASSERT_OK(db->Flush());
  }
  ASSERT_OK(db->Close());
  const std::string shown = ShownBy("load tables in.tsv");
  EXPECT_NE(shown.find("\rcompact  "), std::string::npos) << shown;
  EXPECT_EQ(ShownBy("load tables in.tsv --quiet"), "");
}

// The records of the load are in the log alone.
TEST_F(CommandProgress, OfALogThatIsReplayed) {
  ExpectBar("open", "get db 20000");
  ExpectBar("open", "put db k v");
}

TEST_F(CommandProgress, ALoadSaysThatItWaitsForWhatIsTyped) {
  for (const std::string quiet : {"", " -q"}) {
    PseudoTerminal terminal;
    terminal.Type("k\tv\n\x04");
    const Ran ran = runner_.Shell("logwood load new" + quiet + " < " + terminal.name());
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.err,
              quiet.empty() ? "logwood: note: reading standard input; Ctrl-D ends it\n" : "");
    EXPECT_EQ(runner_.Run("count new").out, "1\n");
  }
}

TEST_F(CommandProgress, IsNotWhereItIsNotWanted) {
  for (const char* command : {"load new in.tsv", "export db out.tsv", "count db", "check db",
                              "salvage db saved", "compact db --force-last-level"}) {
    EXPECT_EQ(ShownBy(std::string(command) + " --quiet"), "") << command;
  }
  EXPECT_EQ(ShownBy("scan db", "3600000"), "") << "too early";
  EXPECT_EQ(ShownBy("put db k v", "3600000"), "") << "too early";
  const Ran ran = runner_.Shell("LOGWOOD_PROGRESS_AFTER_MS=0 logwood scan db");
  EXPECT_EQ(ran.err, "") << "no terminal";
}

}  // namespace
}  // namespace logwood::tools
