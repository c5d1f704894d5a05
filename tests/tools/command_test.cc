// The logwood command as a user meets it: the real program, files and pipes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"
#include "util/escape.h"

namespace logwood::tools {
namespace {

using nlohmann::json;

constexpr const char* kCommands[] = {"put",   "merge",   "get",     "delete",   "delete-range",
                                     "scan",  "count",   "load",    "export",   "stats",
                                     "check", "salvage", "compact", "keyspaces"};

std::vector<json> JsonLinesOf(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line, nullptr, false));
    EXPECT_FALSE(lines.back().is_discarded()) << line;
  }
  return lines;
}

// Keys and values with every byte, alone and in pairs, in TSV and in key order.
std::string RecordsOfAllBytes() {
  std::string tsv;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string key = {static_cast<char>(byte), static_cast<char>(255 - byte)};
    std::string value;
    for (int i = 0; i < 256; ++i) value.push_back(static_cast<char>(i * byte));
    tsv += Escape(key) + "\t" + Escape(value) + "\n";
  }
  return tsv;
}

TEST(LogwoodCommand, HelpOfEveryCommandShowsExamplesOfIt) {
  CommandRunner runner;
  for (const std::string command : kCommands) {
    const Ran ran = runner.Run(command + " --help");
    EXPECT_EQ(ran.status, 0) << command;
    EXPECT_NE(ran.out.find("Examples:\n  logwood " + command + " "), std::string::npos) << ran.out;
    EXPECT_EQ(ran.err, "");
  }
  EXPECT_NE(runner.Run("--help").out.find("Examples:"), std::string::npos);
}

TEST(LogwoodCommand, HelpIsACommandToo) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run("help").out, runner.Run("--help").out);
  EXPECT_EQ(runner.Run("help put").out, runner.Run("put --help").out);
  const Ran none = runner.Run("help me");
  EXPECT_EQ(none.status, 2);
  EXPECT_NE(none.err.find("there is no command \"me\""), std::string::npos) << none.err;
}

TEST(LogwoodCommand, HelpThatCannotBeWrittenIsAnError) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run("--help > /dev/full").status, 3);
  EXPECT_EQ(runner.Run("put --help > /dev/full").status, 3);
}

TEST(LogwoodCommand, SaysWhatIsTooMuchInTheOrderTyped) {
  CommandRunner runner;
  const Ran ran = runner.Run("get db a b c d");
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("more than it takes: b c d"), std::string::npos) << ran.err;
}

TEST(LogwoodCommand, AnUnknownOptionIsNamedAndTheOneThatMayHaveBeenMeant) {
  CommandRunner runner;
  const auto said = [&runner](const std::string& arguments) {
    const Ran ran = runner.Run(arguments);
    EXPECT_EQ(ran.status, 2) << arguments;
    return ran.err;
  };
  const std::string meant = "logwood: usage: unknown option --prefx; did you mean --prefix?\n";
  for (const std::string arguments :
       {"scan db --prefx a", "scan db --prefx=a", "scan --prefx", "count --prefx a db"}) {
    EXPECT_EQ(said(arguments), meant) << arguments;
  }
  EXPECT_EQ(said("scan db --form a"),
            "logwood: usage: unknown option --form; did you mean --from?\n");
  // Of another command, too short to be like anything, no name at all.
  for (const std::string option : {"--value-file", "--x", "-z", "---"}) {
    EXPECT_EQ(said("scan db " + option),
              "logwood: usage: unknown option " + option + "; see `logwood scan --help`\n");
  }
  EXPECT_EQ(said("put db -- -5 -6 --jsno").find("unknown option"), std::string::npos)
      << "behind -- there are none";
}

TEST(LogwoodCommand, ASizeThatIsNoneIsExplained) {
  CommandRunner runner;
  for (const std::string size : {"lots", "5furlongs", "-1", "99999999999999999999GiB"}) {
    const Ran ran = runner.Run("load db --memory " + size);
    EXPECT_EQ(ran.status, 2) << size;
    EXPECT_NE(ran.err.find("--memory: "), std::string::npos) << ran.err;
    EXPECT_LE(ran.err.size(), 200u) << ran.err;
  }
}

TEST(LogwoodCommand, HelpFitsATerminal) {
  CommandRunner runner;
  for (const std::string command : kCommands) {
    std::istringstream help(runner.Run(command + " --help").out);
    for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(LogwoodCommand, WrongUsageIsStatusTwoAndSaysWhereHelpIs) {
  CommandRunner runner;
  for (const std::string arguments : {"",
                                      "bogus",
                                      "put",
                                      "put db",
                                      "put db key",
                                      "put db key value more",
                                      "get db",
                                      "scan db --limit many",
                                      "put db k v --durability lasting",
                                      "get db key --format rot13",
                                      "get db 'bad\\escape'",
                                      "put db k v --memory much",
                                      "keyspaces db rename a",
                                      "keyspaces db create",
                                      "salvage db",
                                      "load db --batch-records 0",
                                      "load db --batch-bytes 0",
                                      "load db --batch-bytes 00",
                                      "load db --batch-bytes -1",
                                      "load db --batch-bytes 1GiB",
                                      "stats db --json --prometheus"}) {
    const Ran ran = runner.Run(arguments);
    EXPECT_EQ(ran.status, 2) << arguments << ": " << ran.err;
    EXPECT_EQ(ran.out, "") << arguments;
    EXPECT_NE(ran.err, "") << arguments;
  }
  EXPECT_NE(runner.Run("put db").err.find("logwood put --help"), std::string::npos);
}

TEST(LogwoodCommand, PutGetDeleteFindWhatWasWritten) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run("put db planet/3 earth").out, "position 1\n");
  const Ran got = runner.Run("get db planet/3");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(got.out, "earth\n");
  EXPECT_EQ(runner.Run("delete db planet/3").status, 0);
  const Ran gone = runner.Run("get db planet/3");
  EXPECT_EQ(gone.status, 1);
  EXPECT_EQ(gone.out, "");
  EXPECT_EQ(gone.err, "logwood: not found: planet/3\n");
}

TEST(LogwoodCommand, TakesWordsThatLookLikeOptionsOrListsAsTheyAre) {
  CommandRunner runner;
  for (const std::string word : {"[a,b]", "{}", "{\"a\":1}", "%%", "a=b", "''", "--", "-5"}) {
    const std::string shell_word = word == "''" ? word : "'" + word + "'";
    const Ran put = runner.Run("put db -- " + shell_word + " " + shell_word);
    ASSERT_EQ(put.status, 0) << word << put.err;
    EXPECT_EQ(runner.Run("get db -- " + shell_word).out, (word == "''" ? "" : word) + "\n");
  }
}

TEST(LogwoodCommand, EveryByteGoesInAndComesOutInEveryFormat) {
  CommandRunner runner;
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  runner.Write("value", bytes);
  ASSERT_EQ(runner.Run("put db k --value-file value").status, 0);
  ASSERT_EQ(runner.Shell("logwood put db piped --value-file - < value").status, 0);
  EXPECT_EQ(runner.Run("get db k --format raw").out, bytes);
  EXPECT_EQ(runner.Run("get db piped --format raw").out, bytes);
  EXPECT_EQ(runner.Run("get db k --format hex").out, ToHex(bytes) + "\n");
  EXPECT_EQ(runner.Run("get db k --format base64").out, ToBase64(bytes) + "\n");
  EXPECT_EQ(runner.Run("get db k --format escape").out, Escape(bytes) + "\n");
  ASSERT_EQ(runner.Run("put db --key-format hex --value-format base64 00ff 'AP8='").status, 0);
  EXPECT_EQ(runner.Run("get db '\\x00\\xff' --format hex").out, "00ff\n");
}

TEST(LogwoodCommand, DurabilityIsAcceptedWhereItWrites) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run("put db k v --durability power").status, 0);
  EXPECT_EQ(runner.Run("put db k w --durability process").status, 0);
  EXPECT_EQ(runner.Run("delete db k --durability power").status, 0);
}

TEST(LogwoodCommand, ExportGivesBackTheBytesThatWereLoaded) {
  CommandRunner runner;
  const std::string tsv = RecordsOfAllBytes();
  runner.Write("in.tsv", tsv);
  ASSERT_EQ(runner.Run("load db in.tsv").status, 0);
  EXPECT_EQ(runner.Run("export db").out, tsv);
  ASSERT_EQ(runner.Run("export db out.jsonl").status, 0);
  ASSERT_EQ(runner.Run("load copy out.jsonl --keyspace other").status, 0);
  EXPECT_EQ(runner.Run("export copy --keyspace other --format tsv").out, tsv);
  const Ran piped = runner.Shell(
      "set -o pipefail; logwood export db --format jsonl | logwood load third --format jsonl -");
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_EQ(runner.Run("export third").out, tsv);
}

TEST(LogwoodCommand, ScanRespectsBoundsLimitAndDirection) {
  CommandRunner runner;
  runner.Write("in", "a\t1\nb/1\t2\nb/2\t3\nc\t4\n");
  ASSERT_EQ(runner.Run("load db in").status, 0);
  EXPECT_EQ(runner.Run("scan db").out, runner.Read("in"));
  EXPECT_EQ(runner.Run("scan db --prefix b/").out, "b/1\t2\nb/2\t3\n");
  EXPECT_EQ(runner.Run("scan db --prefix b/ --reverse --limit 1").out, "b/2\t3\n");
  EXPECT_EQ(runner.Run("scan db --from b/1 --to c").out, "b/1\t2\nb/2\t3\n");
  EXPECT_EQ(runner.Run("scan db --from b/2 --reverse --keys-only").out, "c\nb/2\n");
  EXPECT_EQ(runner.Run("scan db --format hex --limit 1").out, "61\t31\n");
  EXPECT_EQ(runner.Run("scan db --prefix x").status, 1);
  EXPECT_EQ(runner.Run("count db --prefix b/").out, "2\n");
  EXPECT_EQ(runner.Run("export db --to b").out, "a\t1\n");
}

TEST(LogwoodCommand, ALimitIsOfEachKeyspace) {
  CommandRunner runner;
  runner.Write("in", "one\ta\t1\none\tb\t2\ntwo\ta\t3\ntwo\tb\t4\n");
  ASSERT_EQ(runner.Run("load db in --all-keyspaces").status, 0);
  EXPECT_EQ(runner.Run("export db --all-keyspaces --limit 1").out, "one\ta\t1\ntwo\ta\t3\n");
  EXPECT_EQ(runner.Run("export db --all-keyspaces --limit 1 --reverse").out,
            "one\tb\t2\ntwo\tb\t4\n");
  EXPECT_EQ(runner.Run("count db --all-keyspaces --limit 1").out, "default\t0\none\t1\ntwo\t1\n");
  EXPECT_EQ(runner.Run("count db --estimate --limit 1").status, 2) << "an estimate has no limit";
}

TEST(LogwoodCommand, ScanIntoHeadEndsQuietly) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "set -o pipefail\n"
      "seq 1 200000 | sed 's/$/\\tvalue of some length to fill the pipe/' | logwood load db -q -\n"
      "logwood scan db | head -n 1\n"
      "echo ${PIPESTATUS[0]}\n"
      "logwood export db | head -n 1 > /dev/null\n"
      "echo ${PIPESTATUS[0]}");
  EXPECT_EQ(ran.out, "1\tvalue of some length to fill the pipe\n0\n0\n");
  EXPECT_EQ(ran.err, "");
}

TEST(LogwoodCommand, AFullDiskBehindStandardOutputIsAnIoError) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  const Ran ran = runner.Shell("logwood scan db > /dev/full");
  EXPECT_EQ(ran.status, 3);
  EXPECT_NE(ran.err.find("cannot write"), std::string::npos);
}

TEST(LogwoodCommand, ABadLineStopsTheLoadAndIsNamed) {
  CommandRunner runner;
  runner.Write("in.tsv", "a\t1\nb\t2\nno tab\nc\t3\n");
  const Ran ran = runner.Run("load db in.tsv");
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.err.find("logwood: bad line: in.tsv:3: no tab"), std::string::npos) << ran.err;
  EXPECT_NE(ran.out.find("stopped after line 2"), std::string::npos) << ran.out;
  EXPECT_EQ(runner.Run("scan db").out, "a\t1\nb\t2\n");
}

TEST(LogwoodCommand, SkipBadReportsEachBadLineAndCountsThem) {
  CommandRunner runner;
  runner.Write("in.tsv", "a\t1\nno tab\nb\t2\n\nc\t\\q\nd\t4");
  const Ran ran = runner.Run("load db in.tsv --skip-bad --json");
  EXPECT_EQ(ran.status, 1);
  for (const char* line : {"in.tsv:2: ", "in.tsv:4: ", "in.tsv:5: "}) {
    EXPECT_NE(ran.err.find(line), std::string::npos) << ran.err;
  }
  const std::vector<json> report = JsonLinesOf(ran.out);
  ASSERT_EQ(report.size(), 1U);
  EXPECT_EQ(report[0]["records"], 3);
  EXPECT_EQ(report[0]["skipped"], 3);
  EXPECT_EQ(report[0]["last_line"], 6);
  EXPECT_EQ(runner.Run("count db").out, "3\n");
}

TEST(LogwoodCommand, AKeyAboveTheLimitIsABadLineAndNotALostBatch) {
  CommandRunner runner;
  runner.Write("in.tsv", "a\t1\n" + std::string(70'000, 'k') + "\tv\nb\t2\n");
  const Ran ran = runner.Run("load db in.tsv --skip-bad");
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.err.find("in.tsv:2: the key has 70000 bytes"), std::string::npos) << ran.err;
  EXPECT_EQ(runner.Run("count db").out, "2\n");
}

TEST(LogwoodCommand, BatchesAreCommitsOfTheSizeAskedFor) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "seq 1 10 | sed 's/$/\\tv/' | logwood load db --batch-records 4 -"
      " --json");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_EQ(report["commits"], 3);
  EXPECT_EQ(report["position"], 3);
  EXPECT_EQ(report["complete"], true);
  // Ten entries of 2 or 3 bytes: the log alone holds them and more.
  EXPECT_GT(report["log_bytes_written"], 21);
  EXPECT_GT(report["write_amplification"], 1.0);
}

TEST(LogwoodCommand, AnInterruptedLoadKeepsItsBatchesAndSaysHowFarItCame) {
  CommandRunner runner;
  // The input never ends: without the signal the load would wait for ever.
  const Ran ran = runner.Shell(
      "mkfifo pipe\n"
      "logwood load db --json pipe & pid=$!\n"
      "exec 3> pipe\n"
      "seq 1 5000 | sed 's/$/\\tv/' >&3\n"
      "sleep 0.5; kill -INT $pid; wait $pid");
  EXPECT_EQ(ran.status, 130) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_EQ(report["records"], 5000);
  EXPECT_EQ(report["last_line"], 5000);
  EXPECT_EQ(report["complete"], false);
  EXPECT_EQ(runner.Run("count db").out, "5000\n");
}

TEST(LogwoodCommand, KeyspacesAreCreatedListedAndDropped) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v --keyspace photos").status, 0);
  ASSERT_EQ(runner.Run("keyspaces db create empty").status, 0);
  EXPECT_EQ(runner.Run("keyspaces db create empty").status, 1);
  std::vector<std::string> names;
  for (const json& line : JsonLinesOf(runner.Run("keyspaces db list --json").out)) {
    names.push_back(line["name"]);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"default", "empty", "photos"}));
  EXPECT_EQ(runner.Run("get db k").status, 1);
  EXPECT_EQ(runner.Run("get db k --keyspace photos").out, "v\n");
  EXPECT_EQ(runner.Run("keyspaces db drop photos").status, 0);
  const Ran gone = runner.Run("get db k --keyspace photos");
  EXPECT_EQ(gone.status, 1);
  EXPECT_NE(gone.err.find("keyspaces db list"), std::string::npos) << gone.err;
}

TEST(LogwoodCommand, EveryReportIsJsonWhenAskedFor) {
  CommandRunner runner;
  runner.Write("in.tsv", RecordsOfAllBytes());
  EXPECT_EQ(JsonLinesOf(runner.Run("load db in.tsv --json").out).size(), 1U);
  EXPECT_EQ(JsonLinesOf(runner.Run("put db k v --json").out)[0]["position"], 2);
  EXPECT_EQ(JsonLinesOf(runner.Run("get db k --json").out)[0]["value"], "v");
  EXPECT_EQ(JsonLinesOf(runner.Run("get db absent --json").out)[0]["found"], false);
  EXPECT_EQ(JsonLinesOf(runner.Run("scan db --json").out).size(), 257U);
  EXPECT_EQ(JsonLinesOf(runner.Run("count db --json").out)[0]["records"], 257);
  EXPECT_EQ(JsonLinesOf(runner.Run("count db --estimate --json").out)[0]["estimate"], true);
  EXPECT_EQ(JsonLinesOf(runner.Run("delete db k --json").out)[0]["position"], 3);
  EXPECT_EQ(JsonLinesOf(runner.Run("stats db --json").out).size(), 1U);
  EXPECT_EQ(JsonLinesOf(runner.Run("check db --json").out).back()["ok"], true);
  EXPECT_EQ(JsonLinesOf(runner.Run("compact db --json").out).size(), 1U);
  EXPECT_EQ(JsonLinesOf(runner.Run("keyspaces db --json").out).size(), 1U);
  EXPECT_EQ(JsonLinesOf(runner.Run("export db out --json").err)[0]["records"], 256);
}

TEST(LogwoodCommand, StatsKnowNoAmplificationWhereNothingWasWritten) {
  CommandRunner runner;
  ASSERT_EQ(runner.Run("put db k v").status, 0);
  const json stats = json::parse(runner.Run("stats db --json").out);
  EXPECT_TRUE(stats["write_amplification"].is_null()) << stats["write_amplification"];
  EXPECT_TRUE(stats["space_amplification"].is_null()) << "all is in the log";
  EXPECT_NE(runner.Run("stats db").out.find("write -, space -,"), std::string::npos);
  ASSERT_EQ(runner.Run("compact db -q").status, 0);
  EXPECT_EQ(json::parse(runner.Run("stats db --json").out)["space_amplification"], 1);
}

TEST(LogwoodCommand, CompactTellsWhatItFlushed) {
  CommandRunner runner;
  runner.Shell("seq 1000 | sed 's/$/\tvalue/' | logwood load db -q; rm -rf copy; cp -r db copy");
  const json flushed = json::parse(runner.Run("compact db --json").out);
  EXPECT_EQ(flushed["table_bytes_before"], 0);
  EXPECT_TRUE(flushed["space_amplification_before"].is_null());
  EXPECT_GT(flushed["flush_bytes_written"], 1000);
  EXPECT_EQ(flushed["table_bytes_after"], flushed["flush_bytes_written"]);
  EXPECT_EQ(json::parse(runner.Run("compact db --json").out)["flush_bytes_written"], 0);
  const Ran ran = runner.Run("compact copy");
  EXPECT_TRUE(ran.out.starts_with("tables 0 B before, ")) << ran.out;
  EXPECT_NE(ran.out.find(" KiB after; flushed "), std::string::npos) << ran.out;
}

TEST(LogwoodCommand, ARangeIsDeletedInOneOperation) {
  CommandRunner runner;
  runner.Shell("seq 1000 1999 | sed 's/$/\tvalue/' | logwood load db -q -");
  const json said = JsonLinesOf(runner.Run("delete-range db --from 1100 --to 1900 --json").out)[0];
  EXPECT_EQ(said["operations"], 1);
  EXPECT_EQ(runner.Run("count db").out, "200\n");
  EXPECT_EQ(runner.Run("get db 1500").status, 1);
  EXPECT_EQ(runner.Run("get db 1900").status, 0);
  // Neither nothing nor everything by an oversight.
  EXPECT_EQ(runner.Run("delete-range db").status, 2);
  EXPECT_EQ(runner.Run("delete-range db --all --prefix 1").status, 2);
  for (const std::string all : {"--prefix ''", "--from ''", "--prefix '' --from ''"}) {
    const Ran refused = runner.Run("delete-range db " + all);
    EXPECT_EQ(refused.status, 2) << all;
    EXPECT_NE(refused.err.find("every key of the keyspace"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(runner.Run("count db").out, "200\n");
  const Ran both = runner.Run("delete-range db --all --prefix key/");
  EXPECT_EQ(both.status, 2);
  EXPECT_EQ(both.err.find("usage: --all is every key of the keyspace: it excludes --prefix"), 9U)
      << both.err;
  // A range that holds no key is a commit all the same.
  EXPECT_EQ(JsonLinesOf(runner.Run("delete-range db --from 5 --to 4 --json").out)[0]["operations"],
            0);
  EXPECT_EQ(runner.Run("delete-range db --all").status, 0);
  EXPECT_EQ(runner.Run("count db").out, "0\n");
  EXPECT_EQ(runner.Run("check db").status, 0);
}

TEST(LogwoodCommand, MergesAreOfTheKeyspacesOperator) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run("merge db k 1 --operator acme.own").status, 2);
  EXPECT_EQ(runner.Run("merge db k one --operator add_int64").status, 2);
  EXPECT_EQ(runner.Run("merge db k 9223372036854775808 --operator add_int64").status, 2);
  EXPECT_EQ(runner.Run("merge db k 1 --operator add_int64 --operand-format hex").status, 2);
  EXPECT_EQ(runner.Shell("ls").out.find("db"), std::string::npos);
  EXPECT_EQ(runner.Run("merge db -k n k 40 --operator add_int64").status, 0);
  EXPECT_EQ(JsonLinesOf(runner.Run("merge db -k n k 5 -3 --json").out)[0]["operations"], 2);
  EXPECT_EQ(runner.Run("get db -k n k --format hex").out, "2a00000000000000\n");
  EXPECT_EQ(runner.Run("merge db -k n k x").status, 2);
  const Ran other = runner.Run("merge db -k n k 1 --operator append");
  EXPECT_NE(other.status, 0);
  EXPECT_NE(other.err.find("has the merge operator add_int64, version 1, and not append"),
            std::string::npos)
      << other.err;
  // Elements of one set, in any order.
  EXPECT_EQ(runner.Run("merge db -k tags p red blue --operator set_union").status, 0);
  EXPECT_EQ(JsonLinesOf(runner.Run("merge db -k tags p green red --json").out)[0]["operations"], 1);
  EXPECT_EQ(runner.Run("get db -k tags p --format escape").out, "\\x04blue\\x05green\\x03red\n");
  EXPECT_EQ(runner.Run("get db -k tags p").out, "blue green red\n");
  EXPECT_EQ(runner.Run("merge db -k tags q '' '\\x27\\x27' 'a b' 'tab\\t'").status, 0);
  const std::string odd = "'' \\x27\\x27 a\\x20b tab\\t";
  EXPECT_EQ(runner.Run("scan db -k tags --from q").out, "q\t" + odd + "\n");
  EXPECT_EQ(runner
                .Shell("printf 'no set\\tat all\\n' | logwood load db -q -k tags -; "
                       "logwood scan db -k tags --to o")
                .out,
            "no set\tat all\n");
  EXPECT_EQ(runner.Run("delete db -k tags 'no set'").status, 0);
  EXPECT_EQ(JsonLinesOf(runner.Run("get db -k tags p --json").out)[0]["value"],
            "\x04"
            "blue\x05"
            "green\x03"
            "red");
  // No keyspace without --operator, and no merge where it has none.
  EXPECT_EQ(runner.Run("merge db -k other k 1").status, 1);
  const Ran none = runner.Run("merge db k 1");
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.err.find("keyspace default has no merge operator; give it one with --operator"),
            std::string::npos)
      << none.err;
  const std::vector<json> list = JsonLinesOf(runner.Run("keyspaces db --json").out);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_FALSE(list[0].contains("merge_operator"));
  EXPECT_EQ(list[1]["merge_operator"], "add_int64");
  EXPECT_EQ(list[1]["merge_operator_version"], 1);
  const std::string lines = runner.Run("keyspaces db").out;
  EXPECT_NE(lines.find("\tset_union, version 1\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("\t-\n"), std::string::npos) << lines;
  EXPECT_EQ(runner.Run("salvage db new -q").status, 0);
  EXPECT_EQ(runner.Run("get new -k n k --format hex").out, "2a00000000000000\n");
  EXPECT_EQ(runner.Run("merge new -k n k 1").status, 0);
}

TEST(LogwoodCommand, ADirectoryWithoutADatabaseIsAnIoErrorForReaders) {
  CommandRunner runner;
  for (const std::string command :
       {"get none k", "scan none", "count none", "export none", "stats none", "check none",
        "keyspaces none", "compact none", "delete none k", "delete-range none --all",
        "salvage none new", "merge none k 1"}) {
    const Ran ran = runner.Run(command);
    EXPECT_EQ(ran.status, 3) << command << ": " << ran.err;
    EXPECT_NE(ran.err.find(" none: there is no such directory"), std::string::npos) << ran.err;
  }
  EXPECT_EQ(runner.Shell("ls").out.find("none"), std::string::npos);
}

TEST(LogwoodCommand, AMissingFileToLoadLeavesNoDatabaseBehind) {
  CommandRunner runner;
  EXPECT_EQ(runner.Run("load db absent.tsv").status, 3);
  EXPECT_EQ(runner.Shell("test -e db").status, 1);
}

TEST(LogwoodCommand, AReaderBesideAWriterGetsAHintAndIgnoreWriterReads) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "logwood put db k v > /dev/null\n"
      "mkfifo pipe\n"
      "logwood load db -q pipe & pid=$!\n"
      "exec 3> pipe\n"
      "printf 'a\\t1\\n' >&3\n"
      "sleep 0.5\n"
      "logwood get db k; echo $?\n"
      "logwood get db k --ignore-writer; echo $?\n"
      "exec 3>&-; wait $pid");
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, "3\nv\n0\n");
  EXPECT_NE(ran.err.find("--ignore-writer"), std::string::npos) << ran.err;
}

TEST(LogwoodCommand, CheckNamesDamageAndEndsWithStatusThree) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "seq 1 20000 | sed 's/$/\\tvalue/' | logwood load db -q -\n"
      "logwood compact db -q\n"
      "logwood check db | grep -c '^ok: '\n"
      "table=$(ls -S db | head -n 1)\n"
      "printf X | dd of=db/$table bs=1 seek=5000 conv=notrunc 2> /dev/null\n"
      "logwood check db");
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_EQ(ran.out.substr(0, 2), "1\n");
  EXPECT_NE(ran.out.find("damage: "), std::string::npos) << ran.out << ran.err;
}

TEST(LogwoodCommand, CheckReportsProvenDamageOfTheLog) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "for i in 1 2 3; do logwood put db key$i value$i --durability power; done > /dev/null\n"
      "log=$(grep -l value2 db/*.log)\n"
      "at=$(grep -abo value2 $log | cut -d: -f1)\n"
      "printf X | dd of=$log bs=1 seek=$at conv=notrunc 2> /dev/null\n"
      "logwood check db");
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("damage: "), std::string::npos) << ran.out << ran.err;
  EXPECT_NE(ran.out.find(".log:"), std::string::npos) << ran.out << ran.err;
}

TEST(LogwoodCommand, WhatLiesBeforeDamageOfTheLogCanBeReadAndCopied) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "for i in 1 2 3; do logwood put db key$i value$i --durability power; done > /dev/null\n"
      "log=$(grep -l value2 db/*.log)\n"
      "at=$(grep -abo value2 $log | cut -d: -f1)\n"
      "printf X | dd of=$log bs=1 seek=$at conv=notrunc 2> /dev/null\n"
      "logwood export db; echo $?\n"
      "logwood export db --allow-damaged-log --all-keyspaces | logwood load copy --all-keyspaces "
      "-q\n"
      "logwood scan copy");
  EXPECT_EQ(ran.out, "3\nkey1\tvalue1\n") << ran.err;
  EXPECT_NE(ran.err.find("--allow-damaged-log reads what lies before"), std::string::npos);
  EXPECT_NE(ran.err.find("warning: the log is read up to its damage only: 0000"), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("; positions 2 to 3"), std::string::npos) << ran.err;
}

TEST(LogwoodCommand, AwkwardKeysComeBackFromEveryFormat) {
  CommandRunner runner;
  // In key order; the value tells the key.
  const std::string awkward[] = {
      {"\0", 1}, {"\0\t\n\\\xff-", 6}, "\t",           "\n",  "\r", " ", "\"", "'",
      "\\",      "caf\xc3\xa9",        "\xe2\x80\xae", "\xff"};
  std::string tsv, values;
  for (const std::string& key : awkward) {
    tsv += Escape(key) + "\t" + ToHex(key) + "\n";
    values += ToHex(key) + "\n";
  }
  runner.Write("in", tsv);
  ASSERT_EQ(runner.Run("load db in -q").status, 0);
  for (const std::string format : {"auto", "escape", "hex", "base64"}) {
    const Ran ran =
        runner.Shell("while IFS= read -r key; do logwood get db --key-format " + format +
                     " -- \"$key\"; done < <(logwood scan db --keys-only --format " + format + ")");
    EXPECT_EQ(ran.out, values) << format << ran.err;
  }
  ASSERT_EQ(runner.Run("put db --key-format hex -- 00ff0a095c v").status, 0);
  EXPECT_EQ(runner.Run("get db '\\x00\\xff\\n\\t\\\\'").out, "v\n");
}

TEST(LogwoodCommand, ArgumentsThatNameNothingSayWhatWouldBeRight) {
  CommandRunner runner;
  runner.Shell("logwood put db a 1");
  for (const char* limit : {"0", "-1", "99999999999999999999", "x"}) {
    EXPECT_EQ(runner.Run(std::string("scan db --limit ") + limit).status, 2) << limit;
  }
  const Ran format = runner.Run("export db --format csv");
  EXPECT_EQ(format.status, 2);
  EXPECT_NE(format.err.find("it must be jsonl or tsv"), std::string::npos) << format.err;
  const Ran durability = runner.Run("put db a 2 --durability strong");
  EXPECT_EQ(durability.status, 2);
  EXPECT_NE(durability.err.find("it must be power or process"), std::string::npos)
      << durability.err;
}

TEST(LogwoodCommand, ALineWithoutEndIsRefusedAtItsLimit) {
  CommandRunner runner;
  const Ran ran = runner.Shell("timeout 60 logwood load db /dev/zero -q --memory 1MiB");
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_NE(ran.err.find("/dev/zero:1: the line is longer"), std::string::npos) << ran.err;
}

TEST(LogwoodCommand, WithoutStandardFilesNothingIsPrintedIntoTheDatabase) {
  CommandRunner runner;
  const Ran ran = runner.Shell(
      "(echo bad; seq 1 1000 | sed 's/$/\tvalue/') > in\n"
      "logwood load db in --skip-bad <&- >&- 2>&-\n"
      "logwood check db && logwood count db");
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("1000"), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace logwood::tools
