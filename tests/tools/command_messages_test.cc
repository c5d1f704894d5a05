// What the logwood command says of damage, of directories without a database and of memory that is
// not to be had.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/sanitizers.h"
#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

// 20,000 records in one table; `my db` has a name that a shell takes apart.
constexpr const char* kMakeMyDb =
    "seq 20000 | sed 's/$/\\tvalue/' | logwood load 'my db' -q -\n"
    "logwood compact 'my db' -q\n"
    "table=$(ls -S 'my db'/*.table | head -n 1)\n";
constexpr const char* kDamageABlock =
    "printf X | dd of=\"$table\" bs=1 seek=5000 conv=notrunc 2> /dev/null\n";

class CommandMessages : public testing::Test {
 protected:
  CommandRunner runner_;
};

size_t CountOf(const std::string& part, const std::string& text) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(CommandMessages, AWarningOfDamageNamesTheFileOnceAndTheDirectoryToCheck) {
  const Ran ran = runner_.Shell(std::string(kMakeMyDb) +
                                "truncate -s -10 \"$table\"\n"
                                "logwood put 'my db' k v > /dev/null; basename \"$table\"");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const std::string table = ran.out.substr(0, ran.out.size() - 1);
  EXPECT_TRUE(ran.err.starts_with("logwood: warning: " + table + ":")) << ran.err;
  EXPECT_EQ(CountOf(table, ran.err), 1U) << ran.err;
  EXPECT_TRUE(ran.err.ends_with("; `logwood check 'my db'` lists every damage\n")) << ran.err;
}

TEST_F(CommandMessages, AdviceNamesTheDirectorySoThatAShellTakesIt) {
  runner_.Shell(std::string(kMakeMyDb) + kDamageABlock);
  for (const std::string command : {"scan 'my db' > said", "count 'my db'", "export 'my db' file",
                                    "compact 'my db' --force-last-level"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 3) << command;
    EXPECT_TRUE(ran.err.ends_with("; `logwood check 'my db'` lists every damage\n")) << ran.err;
  }
  EXPECT_EQ(CountOf("`logwood salvage 'my db' NEWDIR`", runner_.Run("check 'my db'").out), 1U);
  EXPECT_EQ(CountOf("`logwood keyspaces 'my db' list`", runner_.Run("get 'my db' k -k no").err),
            1U);
  // One that does not open.
  const Ran ran = runner_.Shell("rm 'my db/ROOT'; logwood get 'my db' k");
  EXPECT_EQ(CountOf("`logwood check 'my db'`", ran.err), 1U) << ran.err;
  EXPECT_EQ(CountOf("`logwood salvage 'my db' NEWDIR`", ran.err), 1U) << ran.err;
}

TEST_F(CommandMessages, WhereADatabaseMustHaveBeenNobodyIsToldToMakeOne) {
  runner_.Shell("mkdir empty");
  for (const std::string verb : {"check", "salvage"}) {
    const std::string target = verb == "salvage" ? " new" : "";
    EXPECT_EQ(runner_.Run(verb + " none" + target).err,
              "logwood: cannot " + verb + " none: there is no such directory; mend the path\n");
    EXPECT_EQ(runner_.Run(verb + " empty" + target).err,
              "logwood: cannot " + verb + " empty: there is no database in it; mend the path\n");
  }
  EXPECT_EQ(runner_.Run("get none k").err,
            "logwood: cannot open none: there is no such directory; `logwood put` and `logwood "
            "load` create a database\n");
  EXPECT_EQ(runner_.Run("get empty k").err,
            "logwood: cannot open empty: there is no database in it; `logwood put` and `logwood "
            "load` create a database\n");
}

TEST_F(CommandMessages, ADirectoryWithoutANameIsWrongUsage) {
  for (const std::string command : {"get '' k", "put '' k v", "check ''", "salvage '' new"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 2) << command;
    EXPECT_NE(ran.err.find("DIR: it is empty"), std::string::npos) << ran.err;
  }
}

TEST_F(CommandMessages, AFileIsNotTakenForADirectory) {
  runner_.Write("file.tsv", "k\tv\n");
  for (const std::string command :
       {"get file.tsv k", "scan file.tsv", "count file.tsv", "export file.tsv", "stats file.tsv",
        "keyspaces file.tsv", "put file.tsv k v", "delete file.tsv k",
        "delete-range file.tsv --all", "merge file.tsv k 1", "load file.tsv file.tsv",
        "compact file.tsv", "check file.tsv", "check file.tsv --ignore-writer",
        "salvage file.tsv new"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 3) << command;
    EXPECT_TRUE(
        ran.err.ends_with(" file.tsv: it is a file, not a database's directory; mend the path\n"))
        << ran.err;
  }
  EXPECT_EQ(CountOf("it is a file", runner_.Run("scan file.tsv/").err), 1U);
  EXPECT_EQ(runner_.Read("file.tsv"), "k\tv\n");
}

// The administrator may write everywhere, but for one without that capability.
TEST_F(CommandMessages, ALockThatMayNotBeWrittenIsOpenedAndNotCreated) {
  const Ran ran = runner_.Shell(
      "logwood put db k v > /dev/null; chmod 444 db/LOCK; chmod 555 db\n"
      "without='setpriv --bounding-set -dac_override,-dac_read_search'\n"
      "[ $(id -u) = 0 ] || without=; $without test -w db || $without true || exit 77\n"
      "LC_ALL=C $without logwood put db k v; echo $?; chmod 755 db");
  if (ran.status == 77) GTEST_SKIP() << "nobody here may be refused anything";
  EXPECT_EQ(ran.out, "3\n");
  EXPECT_EQ(CountOf("open ", ran.err) - CountOf("cannot open ", ran.err), 1U) << ran.err;
  EXPECT_EQ(CountOf("/db/LOCK: Permission denied", ran.err), 1U) << ran.err;
  EXPECT_EQ(CountOf("create", ran.err), 0U) << ran.err;
}

TEST_F(CommandMessages, ADatabaseIsMadeInANewOrAnEmptyDirectoryOnly) {
  const Ran ran = runner_.Shell(
      "mkdir full empty mount; echo > full/notes; mkdir mount/lost+found\n"
      "logwood put full k v; echo \"status $?\"; ls full\n"
      "logwood put empty k v; logwood put mount k v; echo > empty/notes; logwood put empty k w");
  EXPECT_EQ(ran.out, "status 3\nnotes\nposition 1\nposition 1\nposition 2\n");
  const Ran damaged = runner_.Shell("rm empty/ROOT; logwood put empty k w");
  EXPECT_NE(damaged.err.find("ROOT"), std::string::npos) << damaged.err;
  EXPECT_EQ(
      ran.err,
      "logwood: cannot create a database in full: it holds other files (notes); name a new or "
      "an empty directory\n");
}

TEST_F(CommandMessages, SalvageMakesNoParentsEither) {
  const Ran ran = runner_.Shell(
      "logwood put db k v; logwood salvage db no/new; echo $?; test -e no || echo none");
  EXPECT_EQ(ran.out, "position 1\n3\nnone\n");
  EXPECT_EQ(ran.err,
            "logwood: cannot create no/new: there is no directory no; make it first, or mend the "
            "path\n");
}

TEST_F(CommandMessages, ALinkToNowhereIsCalledThat) {
  const Ran ran = runner_.Shell(
      "ln -s nowhere link; logwood put link k v; logwood get link/ k; test -e nowhere || echo "
      "none");
  EXPECT_EQ(ran.out, "none\n");
  EXPECT_EQ(CountOf("it is a link to what is not there; ", ran.err), 2U) << ran.err;
}

TEST_F(CommandMessages, OptionsThatWouldDoNothingAreRefused) {
  runner_.Run("put db k v");
  for (const std::string command : {"put db k --value-file /dev/null --value-format hex",
                                    "--json get db k", "keyspaces db create x --ignore-writer"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 2) << command;
    EXPECT_TRUE(ran.err.starts_with("logwood: usage: ")) << ran.err;
  }
  EXPECT_EQ(runner_.Run("get db k").out, "v\n");
  EXPECT_EQ(runner_.Run("keyspaces db list").out.find("\nx\t"), std::string::npos);
}

TEST_F(CommandMessages, AFileOfAnotherWithOneOfOurNamesIsNeitherContinuedNorRemoved) {
  for (const std::string name : {"EVENTS", "000001.manifest", "ROOT.new"}) {
    runner_.Shell("rm -rf new; mkdir new; echo a concert > new/" + name);
    EXPECT_EQ(runner_.Run("put new k v").err,
              "logwood: cannot create a database in new: it holds "
              "other files (" +
                  name + "); name a new or an empty directory\n");
    EXPECT_EQ(runner_.Read("new/" + name), "a concert\n");
  }
  runner_.Shell("logwood put db k v; echo oak > db/000999.table; : > db/000998.table");
  EXPECT_EQ(runner_.Shell("logwood check db | grep -o 'table.*'").out,
            "table:0: no part of the database; opening for writing removes it\n"
            "table:0: no part of the database, and no file of Logwood's\n");
  EXPECT_EQ(runner_.Run("put db k w").status, 0);
  EXPECT_EQ(runner_.Shell("ls db | grep table").out, "000999.table\n");
}

TEST_F(CommandMessages, ARangeThatHoldsNoKeyIsNoted) {
  runner_.Shell("logwood put db b 1; logwood put db b/1 2");
  for (const char* empty : {"--from z --to a", "--from b --to b", "--prefix b --from c",
                            "--prefix b --to b", "--to ''"}) {
    for (const char* command : {"scan db ", "count db ", "export db ", "compact db "}) {
      const Ran ran = runner_.Run(std::string(command) + empty);
      EXPECT_EQ(CountOf("logwood: note: no key can lie in this range; ", ran.err), 1U)
          << command << empty;
    }
    for (const char* silent : {"count db -q ", "export db -q ", "compact db -q ",
                               "count db --json ", "compact db --json "}) {
      EXPECT_EQ(CountOf("note", runner_.Run(std::string(silent) + empty).err), 0U) << silent;
    }
  }
  for (const char* some : {"--from b --to b/1", "--prefix b --to b/", "--to b", "--from z", ""}) {
    EXPECT_EQ(CountOf("note", runner_.Run(std::string("scan db ") + some).err), 0U) << some;
  }
}

// Runs it with so many KiB of address space.
std::string Within(int kib, const std::string& command) {
  return "export LC_ALL=C; ulimit -s 8192\n(ulimit -v " + std::to_string(kib) + " && exec " +
         command + ")";
}

// What the program itself takes of address space lies below, what the longest line of such a load
// takes above.
TEST_F(CommandMessages, ALoadThatFindsNoMemoryForItsLinesSaysSo) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers need more address space than there is";
  const Ran ran =
      runner_.Shell("echo 'k\tv' > in\n" + Within(200000, "logwood load db in --memory 1GiB"));
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_TRUE(ran.err.starts_with("logwood: cannot load: no memory for lines of up to "))
      << ran.err;
  EXPECT_TRUE(ran.err.ends_with("; less --memory needs less\n")) << ran.err;
  EXPECT_EQ(CountOf("stopped before the first line", ran.out), 1U) << ran.out;
}

TEST_F(CommandMessages, ACommandWithoutMemoryEndsWithAMessage) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers need more address space than there is";
  const Ran ran = runner_.Shell("head -c 60000000 /dev/zero > value\n" +
                                Within(50000, "logwood put db k --value-file value"));
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_EQ(ran.err,
            "logwood: out of memory: the system gives no more; what was begun is not complete\n");
  EXPECT_EQ(runner_.Shell("test -e db").status, 1);
}

// A tail is no damage, but rotten bytes in commits that were never synced look the same.
TEST_F(CommandMessages, EachOpenTellsOfATailOfTheLog) {
  runner_.Shell(
      "mkfifo pipe; logwood load 'my db' --batch-records 1 -q pipe > /dev/null 2>&1 & exec 3> "
      "pipe\n"
      "printf 'a\\t1\\nb\\t2\\n' >&3\n"
      "until [ \"$(logwood count 'my db' --ignore-writer 2> /dev/null)\" = 2 ]; do sleep 0.02; "
      "done\n"
      "kill -9 $!; wait; printf garbage >> 'my db'/*.log");
  const Ran reading = runner_.Run("count 'my db'");
  EXPECT_EQ(reading.out, "2\n") << reading.err;
  EXPECT_EQ(CountOf(".log:", reading.err), 1U) << reading.err;
  EXPECT_EQ(CountOf("`logwood salvage 'my db' NEWDIR`", reading.err), 1U) << reading.err;
  const Ran writing = runner_.Run("put 'my db' c 3");
  EXPECT_EQ(writing.status, 0);
  EXPECT_EQ(CountOf("behind the last good commit", writing.err), 1U) << writing.err;
  EXPECT_EQ(runner_.Run("count 'my db'").err, "") << "it was cut";
}

}  // namespace
}  // namespace logwood::tools
