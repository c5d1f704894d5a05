// What the logwood command leaves on the disk and takes of memory, and how it speaks of what it
// refuses.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/directory.h"
#include "tests/support/sanitizers.h"
#include "tests/tools/command_runner.h"
#include "tools/loader.h"

namespace logwood::tools {
namespace {

using nlohmann::json;

bool Says(const Ran& ran, const std::string& part) {
  return ran.err.find(part) != std::string::npos;
}

TEST(Care, TwoHundredPutsLeaveFewFiles) {
  const std::string puts = test::kSanitized ? "80" : "200";
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "most=0\n"
      "for i in $(seq 1 " +
      puts +
      "); do\n"
      "  logwood put db key$i v > /dev/null || exit 9\n"
      "  files=(db/*); [ ${#files[@]} -gt $most ] && most=${#files[@]}\n"
      "done\n"
      "echo $most; logwood count db; logwood check db -q");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_LE(std::stoi(ran.out), 50) << ran.out;
  EXPECT_TRUE(ran.out.ends_with("\n" + puts + "\n")) << ran.out;
}

TEST(Care, AMissingParentIsAnErrorAndNotATree) {
  CommandRunner runner;
  for (const std::string command : {"put a/b k v", "load a/b /dev/null", "keyspaces a/b create n",
                                    "put ./a/b/ k v", "put \"$PWD\"/a/b k v"}) {
    const Ran ran = runner.Run(command);
    EXPECT_EQ(ran.status, 3) << command << ": " << ran.err;
    EXPECT_TRUE(Says(ran, "cannot create ") && Says(ran, "there is no directory ")) << ran.err;
  }
  EXPECT_EQ(runner.Shell("test -e a").status, 1);
  ASSERT_EQ(runner.Shell("mkdir there").status, 0);
  for (const std::string path : {"new", "./new2", "new3/", "\"$PWD\"/new4", "there/new"}) {
    EXPECT_EQ(runner.Run("put " + path + " k v").status, 0) << path;
  }
}

TEST(Care, NoDatabaseIsMadeWithinAnother) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  ASSERT_EQ(runner.Run("put other k v").status, 0);
  for (const std::string command : {"put db/inside k v", "load ./db/inside /dev/null",
                                    "salvage other db/inside", "put other/../db/inside k v"}) {
    const Ran ran = runner.Run(command);
    EXPECT_EQ(ran.status, 2) << command;
    EXPECT_TRUE(Says(ran, "it would lie in the database ")) << ran.err;
  }
  EXPECT_EQ(runner.Shell("test -e db/inside").status, 1);
  const Ran ran = runner.Shell(
      "cd db && logwood put ../beside k v > ../said && logwood salvage . ../saved -q && "
      "logwood salvage \"$PWD\" ../again -q && logwood get ../saved k && logwood get ../again k");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out, "v\nv\n");
}

TEST(Care, AnExportIntoTheDatabaseItReadsIsRefused) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  runner.Shell(
      "ln -s db link; ln -s db/ROOT root; ln -s db/dangling dangling; mkdir -p db/below beside\n"
      "ls db > before; cp db/ROOT kept");
  for (const std::string arguments :
       {"db db/ROOT", "db/ ./db/new", "\"$PWD\"/db db/new", "link db/new", "db link/new", "db root",
        "db dangling", "db db/below/new", "db beside/../db/new", "db/below/.. db/new"}) {
    const Ran ran = runner.Run("export " + arguments);
    EXPECT_EQ(ran.status, 2) << arguments << ": " << ran.err;
    EXPECT_TRUE(Says(ran, ": it lies in the database's directory")) << ran.err;
  }
  EXPECT_EQ(runner.Shell("ln db/*.log second; logwood export db second").status, 2);
  EXPECT_EQ(runner.Shell("ls db | cmp - before && cmp db/ROOT kept").status, 0);
  EXPECT_EQ(runner.Run("count db").out, "1\n");
  for (const std::string inside : {"db/new", "link/new", "./db/../db/new"}) {
    const Ran ran = runner.Run("salvage db " + inside);
    EXPECT_EQ(ran.status, 2) << inside << ": " << ran.err;
    EXPECT_TRUE(Says(ran, "it lies in the source")) << ran.err;
  }
  EXPECT_EQ(runner.Shell("ls db | cmp - before").status, 0);
  EXPECT_EQ(runner.Run("export db dbx").status, 0) << "only begins like it";
}

TEST(Care, AnExportThatFailsSaysSo) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "seq 1 20000 | sed 's/$/\tvalue/' | logwood load db -q -\n"
      "logwood compact db -q\n"
      "table=$(ls db/*.table | head -n 1)\n"
      "printf X | dd of=$table bs=1 seek=50000 conv=notrunc 2> /dev/null\n"
      "logwood export db file");
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_TRUE(Says(ran, "cannot export all of it to file: ") && Says(ran, ".table:")) << ran.err;
}

// What is beside the file, if anything, is printed, too.
constexpr const char* kShowFileAndWhatIsBeside = "cat file; ls | grep tmp";

TEST(Care, AnExportThatFailsLeavesTheFileAsItWas) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "seq 1 20000 | sed 's/$/\tvalue/' | logwood load db -q -; logwood compact db -q\n"
      "echo good > file\n"
      "(ulimit -f 8; logwood export db file; echo $?)\n"
      "printf X | dd of=$(ls db/*.table) bs=1 seek=50000 conv=notrunc 2> /dev/null\n"
      "logwood export db file; echo $?; logwood export db new; echo $?; test -e new || echo "
      "none\n" +
      std::string(kShowFileAndWhatIsBeside));
  EXPECT_EQ(ran.out, "3\n3\n3\nnone\ngood\n") << ran.err;
  EXPECT_TRUE(Says(ran, "cannot write: file: File too large")) << ran.err;
}

TEST(Care, AnInterruptedExportLeavesTheFileAsItWas) {
  CommandRunner runner;
  // It may be through before the signal comes: then the next one is tried.
  const Ran ran = runner.Shell(
      "seq 1 500000 | sed 's/$/\tvalue/' | logwood load db -q -; logwood compact db -q\n"
      "for attempt in $(seq 50); do\n"
      "  echo good > file; logwood export db file -q & pid=$!\n"
      "  until ls file.tmp-* || ! kill -0 $pid; do :; done > /dev/null 2>&1\n"
      "  kill -INT $pid; wait $pid; status=$?; [ $status = 130 ] && break\n"
      "done 2> said; echo $status; grep -h interrupted said\n" +
      std::string(kShowFileAndWhatIsBeside));
  EXPECT_EQ(ran.out, "130\nlogwood: interrupted: nothing is written to file\ngood\n") << ran.err;
}

TEST(Care, AnExportTakesThePlaceOfTheFileBehindLinksWithItsPermissions) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  const Ran ran = runner.Shell(
      "mkdir below; echo old > below/file; chmod 604 below/file; ln -s below/file link\n"
      "ln -s link again; ln -s below/new dangling; umask 027\n"
      "logwood export db again -q; logwood export db dangling -q; logwood export db fresh -q\n"
      "cat below/file below/new fresh; stat -c '%a %F' again below/file below/new fresh\n"
      "ls below");
  EXPECT_EQ(ran.out,
            "k\tv\nk\tv\nk\tv\n777 symbolic link\n604 regular file\n640 regular file\n"
            "640 regular file\nfile\nnew\n")
      << ran.err;
}

// Who is neither the administrator nor of the group may give no file away.
TEST(Care, AnExportOverAFileOfAnotherGroupTakesThatGroupsRightsAway) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  if (geteuid() != 0) GTEST_SKIP() << "needs the administrator, for files of others";
  const Ran ran = runner.Shell(
      "logwood export db all -q; mkdir shared; chmod 777 . shared db; chmod 666 db/*; cd shared\n"
      "somebody='setpriv --reuid 65534 --regid 65534 --clear-groups'\n"
      "$somebody bash -c 'logwood --version > can' || exit 77\n"
      "for mode in 644 666 604 640; do\n"
      "  echo old > $mode; chmod $mode $mode; chown 65534:4 $mode\n"
      "  $somebody logwood export ../db $mode -q\n"
      "  stat -c '%a %u:%g' $mode; cmp $mode ../all\n"
      "done");
  if (ran.status == 77) GTEST_SKIP() << "nobody else can run it here: " << ran.err;
  EXPECT_EQ(ran.out, "604 65534:65534\n606 65534:65534\n600 65534:65534\n600 65534:65534\n")
      << ran.err;
}

TEST(Care, AnExportIntoWhatIsNoFileIsWrittenStraight) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  EXPECT_EQ(runner.Run("export db /dev/full").status, 3);
  EXPECT_EQ(runner.Shell("{ logwood export db /dev/stdout -q; echo end; }").out, "k\tv\nend\n");
  EXPECT_EQ(runner.Shell("mkfifo pipe; cat pipe & logwood export db pipe -q; wait").out, "k\tv\n");
  EXPECT_EQ(runner.Shell("test -p pipe").status, 0);
  EXPECT_EQ(runner
                .Shell("exec 3>> file; logwood export db /dev/fd/3 -q; echo end >&3\n"
                       "cat file; ls | grep tmp")
                .out,
            "k\tv\nend\n");
}

TEST(Care, ALastLineWithoutANewlineIsLoadedWithAWarning) {
  CommandRunner runner;
  runner.Write("cut", "a\t1\nb\t2");
  runner.Write("whole", "a\t1\nb\t2\n");
  for (const std::string quiet : {"", " -q"}) {
    const Ran cut = runner.Run("load db cut --json" + quiet);
    EXPECT_EQ(cut.status, 0);
    EXPECT_TRUE(Says(cut, "cut: the last line has no newline: the input may be cut off"))
        << cut.err;
    EXPECT_EQ(json::parse(cut.out)["last_newline_missing"], true);
    EXPECT_EQ(json::parse(cut.out)["records"], 2);
  }
  const Ran whole = runner.Run("load db whole --json");
  EXPECT_EQ(whole.err, "");
  EXPECT_EQ(json::parse(whole.out)["last_newline_missing"], false);
}

TEST(Care, LinesThatEndWithCrlfAreLoadedWithAWarning) {
  CommandRunner runner;
  runner.Write("in", "a\t1\nb\t2\r\nc\t3\r\nd\t4\\r\n");
  runner.Write("in.jsonl", "{\"key\":\"e\",\"value\":\"5\"}\r\n");
  EXPECT_EQ(runner.Run("load db in").err,
            "logwood: warning: in:2: lines end with CRLF; the \\r is part of the value\n");
  EXPECT_EQ(runner.Run("load db in -q").err, "");
  EXPECT_EQ(runner.Run("load db in.jsonl").err, "");
  EXPECT_EQ(runner.Run("scan db").out, "a\t1\nb\t2\\r\nc\t3\\r\nd\t4\\r\ne\t5\n");
}

TEST(Care, AFormatBesideJsonIsRefusedWhateverIsThere) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  for (const std::string command : {"get db k", "scan db"}) {
    const Ran ran = runner.Run(command + " --json --format hex");
    EXPECT_EQ(ran.status, 2) << command;
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(Says(ran, "JSON has its own form")) << ran.err;
  }
  EXPECT_TRUE(Says(runner.Run("scan db --limit abc"), "\"abc\" is no number"));
  EXPECT_TRUE(Says(runner.Run("scan db --limit 5x"), "\"5x\" is no number"));
  EXPECT_TRUE(Says(runner.Run("scan db --limit 0"), "it must be 1 to "));
}

TEST(Care, AShortLoadSpeaksOfNoSpeed) {
  CommandRunner runner;
  const Ran few = runner.Shell("seq 999 | sed 's/$/\tv/' | logwood load few -");
  EXPECT_EQ(few.out.find("records/s"), std::string::npos) << few.out;
  EXPECT_EQ(few.out.find("amplification"), std::string::npos) << few.out;
  const Ran many = runner.Shell("seq 1000 | sed 's/$/\tv/' | logwood load many -");
  EXPECT_NE(many.out.find("records/s"), std::string::npos) << many.out;
  runner.Write("bad", "no tab\n");
  EXPECT_NE(runner.Run("load few bad").out.find("; stopped before the first line of bad"),
            std::string::npos);
}

TEST(Care, MessagesSpeakOfTheCommandsOwnOptions) {
  CommandRunner runner;
  runner.Write("value", std::string(1 << 20, 'v'));
  runner.Write("long", std::string(70'000, 'k') + "\tv\n");
  runner.Write("large", "k\t" + std::string(200'000, 'v') + "\n");
  const Ran ran = runner.Shell(
      "mkdir empty\n"
      "logwood get none k; logwood get empty k; logwood delete none k; logwood delete empty k\n"
      "logwood put db k v --memory 1000; logwood put db k v --memory 1000TiB\n"
      "logwood put db k --value-file value --memory 2MiB\n"
      "logwood put db \"$(cut -f 1 long)\" v\n"
      "logwood load db large --memory 2MiB; logwood load db long; logwood get db k -k none\n"
      "logwood put db k v -k ''; logwood keyspaces db drop default; logwood keyspaces db drop no");
  for (const char* word :
       {"create_if_missing", "error_if_exists", "ignore_writer", "memory_budget", "allow_damaged",
        "kKeyBytesMax", "kBatchBytesMax", "options:", "Status"}) {
    EXPECT_FALSE(Says(ran, word)) << word << " in:\n" << ran.err;
  }
  for (const char* part : {"logwood: cannot open none: there is no such directory; ",
                           "--memory: it must be 1MiB to 64TiB", "a quarter of --memory",
                           "key too long: 70,000 bytes", "large:1: key and value have 200001 ",
                           "--memory 4MiB would do", "no such keyspace: none"}) {
    EXPECT_TRUE(Says(ran, part)) << part << " not in:\n" << ran.err;
  }
}

TEST(Care, StatsTellTheirOwnOpenFromTheDatabase) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v --memory 512MiB").status, 0);
  std::vector<std::string> stored;
  const json stats = json::parse(runner.Run("stats db --json").out);
  for (const json& setting : stats["settings"]) {
    const std::string source = setting["source"];
    if (source == "stored with the database") {
      stored.push_back(setting["name"]);
    } else {
      EXPECT_TRUE(source.starts_with("this command")) << setting;
    }
  }
  EXPECT_EQ(stored,
            (std::vector<std::string>{"durability", "compression", "log_retention_bytes",
                                      "log_retention_seconds", "table_bytes", "block_bytes",
                                      "filter_bits_per_key", "level0_tables", "level_multiplier"}));
  EXPECT_NE(runner.Run("stats db").out.find("This command opened the database itself"),
            std::string::npos);
}

TEST(Care, LoadSharesItsMemoryOut) {
  for (const RecordFormat format : {RecordFormat::kTsv, RecordFormat::kJsonLines}) {
    for (const uint64_t memory : {uint64_t{1} << 20, uint64_t{16} << 20, uint64_t{256} << 20,
                                  uint64_t{1} << 30, uint64_t{1} << 40}) {
      const LoadMemory share = ShareLoadMemory(format, memory);
      EXPECT_GE(share.database_bytes, kMemoryBudgetBytesMin);
      EXPECT_GE(share.line_bytes_max, LineBytesMax(format, share.record_bytes_max));
      EXPECT_LE(share.record_bytes_max, kBatchBytesMax);
      // The database takes a batch of a quarter of its budget.
      EXPECT_LE(share.record_bytes_max, share.database_bytes / 4);
      if (memory <= kMemoryBudgetBytesMin) continue;
      EXPECT_LE(share.database_bytes + share.line_bytes_max + share.record_bytes_max, memory);
    }
    EXPECT_GT(ShareLoadMemory(format, uint64_t{1} << 30).record_bytes_max, 60U << 20);
  }
}

// The most that `logwood ARGUMENTS` ever had resident, KiB.
int64_t PeakResidentKiB(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), LOGWOOD_BIN_DIR "/logwood");
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execv(words[0], words.data());
    _exit(127);
  }
  int state = 0;
  rusage usage = {};
  EXPECT_EQ(wait4(child, &state, 0, &usage), child);
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0) << state;
  return usage.ru_maxrss;
}

TEST(Care, LoadStaysWithinItsMemoryHoweverLongTheLines) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers take memory of their own";
  constexpr uint64_t kMemory = 16 << 20;
  // The program itself, its stacks and libraries, and what the allocator cannot give back.
  constexpr int64_t kBesideKiB = 8 << 10;
  const test::TempDirectory place;
  const auto peak = [&](RecordFormat format, const std::string& byte_as_text, uint64_t value_bytes,
                        int lines) {
    const std::string file = place.Join("in");
    {
      std::ofstream out(file, std::ios::binary);
      std::string value;
      for (uint64_t i = 0; i < value_bytes; ++i) value += byte_as_text;
      for (int i = 0; i < lines; ++i) {
        const std::string key = "key" + std::to_string(i);
        out << (format == RecordFormat::kTsv
                    ? key + "\t" + value + "\n"
                    : "{\"key\":\"" + key + "\",\"value\":\"" + value + "\"}\n");
      }
    }
    const std::string db =
        place.Join("db" + std::to_string(lines) + std::to_string(byte_as_text.size()));
    return PeakResidentKiB({"load", db, file, "-q", "--memory", "16MiB", "--format",
                            format == RecordFormat::kTsv ? "tsv" : "jsonl"});
  };
  for (const auto& [format, byte_as_text] :
       std::vector<std::pair<RecordFormat, std::string>>{{RecordFormat::kTsv, "\\x01"},
                                                         {RecordFormat::kTsv, "v"},
                                                         {RecordFormat::kJsonLines, "\\u0001"}}) {
    const uint64_t longest = ShareLoadMemory(format, kMemory).record_bytes_max - 16;
    EXPECT_LE(peak(format, byte_as_text, longest, 20), (kMemory >> 10) + kBesideKiB)
        << byte_as_text;
  }
  EXPECT_LE(peak(RecordFormat::kTsv, "v", 80, 200'000), (kMemory >> 10) + kBesideKiB);
}

TEST(Care, AFileThatMayGrowNoFurtherIsAnErrorNotTheEnd) {
  const CommandRunner runner;
  const Ran ran = runner.Shell("(ulimit -f 8; logwood put db k v)");
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_NE(ran.err.find("File too large"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace logwood::tools
