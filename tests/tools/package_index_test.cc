// The program that tools/quickstart runs, with each source of records it knows, and where one is
// missing.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "logwood/db.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"
#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

class PackageIndex : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(LOGWOOD_BIN_DIR "/logwood_package_index")) {
      GTEST_SKIP() << "built without the examples";
    }
  }

  // The program with `apt_cache`, a shell script, as the only apt-cache; without one if it is
  // empty.
  Ran RunBeside(const std::string& apt_cache, const std::string& arguments) {
    runner_.Write("apt-cache", "#!/bin/sh\n" + apt_cache);
    return runner_.Shell("rm -rf path; mkdir path\n" +
                         std::string(apt_cache.empty() ? "" : "install apt-cache path\n") +
                         "PATH=$PWD/path:/bin/none " LOGWOOD_BIN_DIR "/logwood_package_index " +
                         arguments);
  }
  Ran Run(const std::string& arguments) { return RunBeside("touch asked", arguments); }
  std::string Packages() { return runner_.Run("scan db --keyspace packages").out; }
  std::string Sections() { return runner_.Run("scan db --keyspace sections").out; }

  void ExpectError(const Ran& ran, const std::string& message) {
    EXPECT_EQ(ran.status, 1) << ran.out;
    EXPECT_EQ(ran.err, "logwood_package_index: " + message + "\n");
    EXPECT_EQ(runner_.Shell("test -e db").status, 1) << "nothing is begun without data";
  }

  CommandRunner runner_;
};

// What a test expects to be said, somewhere in the output.
testing::AssertionResult Tells(const Ran& ran, const std::string& part) {
  if (ran.out.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "not told: " << part << "\n" << ran.out << ran.err;
}

constexpr const char* kTwoPackages =
    "[ \"$*\" = dumpavail ] || exit 9\n"
    "/bin/cat <<'END'\n"
    "Package: bash\nVersion: 5.2\nSection: shells\nDescription: a shell\n\n"
    "Package: nameless\nSection: shells\n\n"
    "Package: bash\nVersion: 5.2\nSection: again\n\n"
    "Version: 1\nPackage: tree\n"
    "END\n";

// No disk for the log: what then ends the loader is no kill.
TEST_F(PackageIndex, ALoaderThatEndsOtherwiseIsAFailure) {
  std::string records;
  for (int i = 0; i < 200; ++i) records += "key" + std::to_string(i) + "\tvalue\n";
  runner_.Write("in.tsv", records);
  const Ran ran =
      runner_.Shell("ulimit -f 8; " LOGWOOD_BIN_DIR "/logwood_package_index run --dir db in.tsv");
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_TRUE(Tells(ran, "FAILED: the loader "));
  EXPECT_EQ(ran.out.find("Everything held"), std::string::npos);
}

TEST_F(PackageIndex, IsReadFromAptCache) {
  const Ran ran = RunBeside(kTwoPackages, "load --dir db");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(Packages(),
            "bash/5.2\tPackage: bash\\nVersion: 5.2\\nSection: shells\\nDescription: a shell\n"
            "tree/1\tVersion: 1\\nPackage: tree\\n\n");
  EXPECT_EQ(Sections(), "none/tree/1\ttree/1\nshells/bash/5.2\tbash/5.2\n");
}

TEST_F(PackageIndex, IsKilledRecoveredAndVerifiedByOneRun) {
  const std::string many =
      "i=100; while [ $i -lt 220 ]; do\n"
      "  printf 'Package: p%d\\nVersion: 1\\nSection: s%d\\n\\n' $i $((i % 7)); i=$((i + 1))\n"
      "done\n";
  for (const bool again : {false, true}) {
    const Ran ran = RunBeside(many, "run --dir db");
    EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
    EXPECT_TRUE(Tells(ran, "the package index of this machine (apt-cache dumpavail): 120 records"));
    EXPECT_EQ(bool(Tells(ran, "what an earlier run left there is removed")), again);
    EXPECT_TRUE(Tells(ran, "killed with SIGKILL"));
    EXPECT_TRUE(Tells(ran, "the last close was not a clean one"));
    EXPECT_TRUE(Tells(ran, "packages holds 120 records, sections 120; without a partner: 0 and 0"));
    EXPECT_TRUE(Tells(ran, "\nEverything held, in "));
    EXPECT_FALSE(Tells(ran, "FAILED"));
  }
  EXPECT_EQ(runner_.Run("count db --all-keyspaces").out,
            "default\t0\npackages\t120\nsections\t120\n");
}

TEST_F(PackageIndex, GivesWayToTextsOfTheSystemWhereThereIsNone) {
  // The directory is another's, so that the run ends behind its first step.
  ASSERT_EQ(runner_.Run("put foreign k v").status, 0);
  for (const std::string apt_cache :
       {"", "exit 1\n", "exit 0\n", "echo Package: half; exit 100\n"}) {
    const Ran ran = RunBeside(apt_cache, "--dir foreign");
    EXPECT_EQ(ran.status, 1) << apt_cache;
    if (ran.err.empty()) {
      EXPECT_TRUE(Tells(ran,
                        "license texts and headers of this system (there is no package index"
                        " here): "))
          << apt_cache;
      EXPECT_FALSE(Tells(ran, ": 0 records"));
    } else {
      EXPECT_EQ(ran.err,
                "logwood_package_index: no package index and no texts here; name a FILE\n");
    }
  }
}

TEST_F(PackageIndex, TextsOfTheSystemAreLoadedInChunksUnderTheirPaths) {
  if (test::kSanitized) GTEST_SKIP() << "takes a while with up to 64 MiB";
  const std::string licenses = "/usr/share/common-licenses";
  if (!std::filesystem::exists(licenses + "/GPL-3")) GTEST_SKIP() << "no license texts here";
  ASSERT_EQ(RunBeside("", "load --dir db").status, 0);
  const Ran joined = runner_.Shell("logwood scan db --keyspace packages --prefix " + licenses +
                                   "/GPL-3/ --format raw | sed 's,^" + licenses +
                                   "/GPL-3/[0-9]\\{6\\}\t,,' | wc -c\n"
                                   "logwood scan db --keyspace sections --prefix " +
                                   licenses + "/ --limit 1 --keys-only");
  // Each chunk's end got a newline.
  const auto bytes = std::filesystem::file_size(licenses + "/GPL-3");
  EXPECT_EQ(joined.out.substr(0, joined.out.find('\n')),
            std::to_string(bytes + (bytes + 1999) / 2000));
  EXPECT_TRUE(Tells(joined, "\n" + licenses + "/" + licenses + "/"))
      << "the section is the directory";
}

TEST_F(PackageIndex, AFileIsUsedInsteadAndAptCacheNotAsked) {
  runner_.Write("in.tsv", "metal/iron\tFe\\n26\na\\x00b\t\nmetal/zinc\tZn\nmetal/iron\tagain\n");
  ASSERT_EQ(Run("load --dir db in.tsv").status, 0);
  EXPECT_EQ(Packages(), "a\\x00b\t\nmetal/iron\tFe\\n26\nmetal/zinc\tZn\n");
  EXPECT_EQ(Sections(),
            "metal/metal/iron\tmetal/iron\nmetal/metal/zinc\tmetal/zinc\nnone/a\\x00b\ta\\x00b\n");
  EXPECT_EQ(runner_.Shell("test -e asked").status, 1);
}

TEST_F(PackageIndex, AFileIsAllItNeedsWhereThereIsNoAptCache) {
  runner_.Write("in.tsv", "metal/iron\tFe\nmetal/iron\tagain\n");
  const Ran ran = RunBeside("", "run --dir db in.tsv");
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_TRUE(Tells(ran, "   in.tsv: 1 records, 0.0 KiB; 1 more with a key seen before\n"));
  EXPECT_TRUE(Tells(ran, "\nEverything held, in "));
}

TEST_F(PackageIndex, JsonLinesKeepWhatIsNoStringAsJson) {
  for (const std::string ending : {"jsonl", "ndjson", "json"}) {
    runner_.Write("in." + ending,
                  "{\"key\":\"a/1\",\"value\":\"caf\\u00e9\\n\"}\n"
                  "{\"value\":{\"n\":[1,null]},\"key\":\"a/2\",\"more\":true}\n"
                  "{\"key\":\"b\",\"value\":7}");
    runner_.Shell("rm -rf db");
    const Ran ran = Run("load --dir db in." + ending);
    EXPECT_EQ(ran.status, 0) << ending << ran.err;
    EXPECT_EQ(Packages(), "a/1\tcaf\xc3\xa9\\n\na/2\t{\"n\":[1,null]}\nb\t7\n") << ending;
    EXPECT_EQ(runner_.Run("count db --keyspace sections --prefix a/a/").out, "2\n");
  }
}

TEST_F(PackageIndex, ABadLineIsNamed) {
  runner_.Write("good.tsv", "a\t1\n");
  for (const std::string bad : {"no tab", "a\t\\q", "a\t\\x0", "a\tend\\", "a\\xzz\t1"}) {
    runner_.Write("in.tsv", "a\t1\n" + bad + "\nb\t2\n");
    ExpectError(Run("run --dir db in.tsv"), "in.tsv:2: not key<TAB>value");
  }
  for (const std::string bad : {"", "{", "[]", "{\"key\":\"a\"}", "{\"key\":1,\"value\":\"v\"}"}) {
    runner_.Write("in.jsonl", "{\"key\":\"a\",\"value\":\"1\"}\n" + bad + "\n");
    ExpectError(Run("run --dir db in.jsonl"), "in.jsonl:2: not {\"key\":\"...\",\"value\":...}");
  }
}

TEST_F(PackageIndex, AFileWithoutRecordsIsAnError) {
  runner_.Shell("touch empty.tsv empty.jsonl; mkdir directory");
  for (const std::string file :
       {"empty.tsv", "empty.jsonl", "absent.tsv", "absent.json", "directory"}) {
    ExpectError(Run("load --dir db " + file), file + ": cannot be read, or holds no record");
  }
}

TEST_F(PackageIndex, VerifyFindsWhatIsMissingAndWhatIsTooMuch) {
  runner_.Write("in.tsv", "a/1\tx\na/2\ty\n");
  ASSERT_EQ(Run("load --dir whole in.tsv").status, 0);
  ASSERT_EQ(Run("verify --dir whole in.tsv").status, 0);
  ASSERT_EQ(Run("query --dir whole in.tsv").status, 0);
  struct Change {
    const char* command;
    const char* found;
  };
  for (const Change& change :
       {Change{"delete db a/1 -k packages", "acknowledged, but not there: a/1"},
        Change{"put db a/1 other -k packages", "acknowledged, but not there: a/1"},
        Change{"delete db a/a/2 -k sections", "acknowledged, but not there: a/2"},
        Change{"put db a/3 z -k packages", "in packages only: a/3"},
        Change{"put db a/a/3 a/3 -k sections", "in sections only: a/a/3"}}) {
    runner_.Shell("rm -rf db; cp -r whole db; cp whole.acknowledged db.acknowledged");
    ASSERT_EQ(runner_.Run(change.command).status, 0);
    const Ran ran = Run("verify --dir db in.tsv");
    EXPECT_EQ(ran.status, 1) << change.command;
    EXPECT_TRUE(Tells(ran, std::string("FAILED: ") + change.found)) << change.command;
  }
}

TEST_F(PackageIndex, ADatabaseOfAnotherIsNotReplaced) {
  runner_.Write("in.tsv", "a\t1\n");
  ASSERT_EQ(runner_.Run("put records k v").status, 0);
  ASSERT_EQ(runner_.Run("keyspaces keyspace create photos").status, 0);
  for (const std::string other : {"records", "keyspace"}) {
    const Ran ran = Run("run --dir " + other + " in.tsv");
    EXPECT_EQ(ran.status, 1) << other;
    EXPECT_TRUE(Tells(ran, "FAILED: " + other + ": this database has "));
  }
  EXPECT_EQ(runner_.Run("get records k").out, "v\n");
  EXPECT_EQ(runner_.Run("count keyspace --all-keyspaces").out, "default\t0\nphotos\t0\n");
}

// Names of keyspaces alone do not make it an earlier run's.
TEST_F(PackageIndex, ADatabaseWithoutItsFileAndAFileOfAnotherAreNotReplaced) {
  runner_.Write("in.tsv", "a\t1\n");
  ASSERT_EQ(runner_.Run("put db --keyspace packages widget mine").status, 0);
  Ran ran = Run("run --dir db in.tsv");
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(Tells(ran, "FAILED: db: an earlier run would have left db.acknowledged"));
  EXPECT_EQ(runner_.Shell("test -e db.acknowledged").status, 1);
  for (const std::string other : {"precious\n", "2024 12 rent 500\n", "0 2\n1 3\n"}) {
    runner_.Write("db.acknowledged", other);
    ran = Run("run --dir db in.tsv");
    EXPECT_EQ(ran.status, 1);
    EXPECT_TRUE(Tells(ran, "FAILED: db.acknowledged is no file of acknowledgements"));
    EXPECT_EQ(Run("load --dir db in.tsv").status, 1);
    EXPECT_EQ(runner_.Run("count db --all-keyspaces").out, "default\t0\npackages\t1\n");
    EXPECT_EQ(runner_.Read("db.acknowledged"), other);
  }
  for (const std::string no_file : {"ln -s nowhere", "mkfifo"}) {
    runner_.Shell("rm -f db.acknowledged; " + no_file + " db.acknowledged");
    EXPECT_TRUE(Tells(Run("run --dir db in.tsv"), "FAILED: db.acknowledged is no file of ack"));
    EXPECT_EQ(runner_.Shell("test -e nowhere").status, 1);
  }
}

// Whatever was removed already when an earlier run was killed.
TEST_F(PackageIndex, ARemovalThatWasCutShortIsGoneOnWith) {
  runner_.Write("in.tsv", "a\t1\n");
  ASSERT_EQ(Run("run --dir whole in.tsv").status, 0);
  const std::string mark = "printf '\n# the database is being removed\n' >> db.acknowledged; ";
  const std::string whole = "rm -rf db; cp -r whole db; cp whole.acknowledged db.acknowledged; ";
  for (const std::string gone : {"db/none", "db/*.manifest", "db/*.log", "db/*.table", "db/[0-9E]*",
                                 "db/[0-9ER]*", "db/*"}) {
    runner_.Shell(whole + mark + "rm -f " + gone);
    const Ran ran = Run("run --dir db/ in.tsv");
    EXPECT_EQ(ran.status, 0) << gone << ran.out;
    EXPECT_TRUE(Tells(ran, "\nEverything held, in ")) << gone;
  }
  runner_.Shell(whole + "rm db/*.manifest");
  EXPECT_TRUE(Tells(Run("run --dir db in.tsv"), "FAILED: db: Corruption"))
      << "without that line it is damage, which nobody removes unasked";
  // Where the removal came to its end, the place may be somebody's again.
  runner_.Shell("rm -rf db; cp whole.acknowledged db.acknowledged; " + mark +
                "logwood put db k mine");
  EXPECT_TRUE(
      Tells(Run("run --dir db in.tsv"), "FAILED: db: this database has records of another"));
  EXPECT_EQ(runner_.Run("get db k").out, "mine\n");
}

TEST_F(PackageIndex, ADatabaseThatIsReadIsNotMarkedAsOneBeingRemoved) {
  runner_.Write("in.tsv", "a\t1\n");
  ASSERT_EQ(Run("run --dir db in.tsv").status, 0);
  const std::string acknowledged = runner_.Read("db.acknowledged");
  ASSERT_OK_AND_ASSIGN(const auto reader, DB::OpenReadOnly({}, runner_.Path("db")));
  EXPECT_TRUE(Tells(Run("run --dir db in.tsv"), "FAILED: Busy: "));
  EXPECT_EQ(runner_.Read("db.acknowledged"), acknowledged);
}

TEST_F(PackageIndex, WrongUsageIsStatusTwoAndHelpIsNot) {
  const Ran help = Run("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_TRUE(Tells(help, "usage: logwood_package_index "));
  for (const std::string arguments : {"--bogus", "--dir", "load one two"}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.status, 2) << arguments;
    EXPECT_EQ(ran.out, "") << arguments;
    EXPECT_NE(ran.err.find(help.out), std::string::npos) << ran.err;
  }
}

}  // namespace
}  // namespace logwood::tools
