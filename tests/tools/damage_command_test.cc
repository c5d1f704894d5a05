// logwood check and logwood salvage on damaged directories, as a user meets them.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "tests/support/status_assert.h"
#include "tests/tools/command_runner.h"
#include "util/faulty_file_system.h"

namespace logwood::tools {
namespace {

using nlohmann::json;

std::vector<json> LinesOf(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line, nullptr, false));
    EXPECT_FALSE(lines.back().is_discarded()) << line;
  }
  return lines;
}

// 20,000 records in one table, and some in the log.
constexpr const char* kMakeDatabase =
    "seq 10000 29999 | sed 's/$/\\tvalue/' | logwood load db -q -\n"
    "logwood compact db -q\n"
    "logwood put db --keyspace other key value > /dev/null\n"
    "logwood export db all.tsv -q\n";
constexpr const char* kDamageTable =
    "table=$(ls -S db | grep table | head -n 1)\n"
    "printf X | dd of=db/$table bs=1 seek=5000 conv=notrunc 2> /dev/null\n";

class DamageCommand : public testing::Test {
 protected:
  Ran Shell(const std::string& script) { return runner_.Shell(script); }
  // A damaged directory must stay as it is whatever looks at it.
  void ExpectUnchanged(const std::string& script) {
    const std::string sums = "(cd db && find . -type f ! -name LOCK | sort | xargs md5sum)";
    const std::string before = Shell(sums).out;
    Shell(script);
    EXPECT_EQ(Shell(sums).out, before) << script;
  }

  // key1 to key7, and the second is bad. No sync got to its end, so nothing says how far the log
  // was durable.
  void MakeBadRecordOfAKilledProcess() {
    FaultyFileSystem files(FileSystem::Posix());
    std::atomic<bool> killed{false};
    Options options;
    options.file_system = &files;
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, runner_.Path("live")));
    files.SetFault([&killed](FileOp op, const std::string&) {
      if (op == FileOp::kSync) killed.wait(false);
      return Status::Ok();
    });
    for (const std::string number : {"1", "2", "3", "4", "5", "6", "7"}) {
      EXPECT_OK(db->Put({}, "key" + number, "value" + number));
    }
    Shell("cp -r live db");
    killed = true;
    killed.notify_all();
    ASSERT_OK(db->Close());
    Shell(
        "log=$(grep -l value2 db/*.log); at=$(grep -abo value2 $log | cut -d: -f1)\n"
        "printf X | dd of=$log bs=1 seek=$at conv=notrunc 2> /dev/null; cp -r db copy");
  }

  CommandRunner runner_;
};

TEST_F(DamageCommand, CheckNamesKeyspaceKeysAndPositionsAsJson) {
  Shell(std::string(kMakeDatabase) + kDamageTable);
  const Ran ran = Shell("logwood check db --json");
  EXPECT_EQ(ran.status, 3);
  const std::vector<json> lines = LinesOf(ran.out);
  ASSERT_EQ(lines.size(), 2u) << ran.out;
  EXPECT_EQ(lines[0]["kind"], "damage");
  EXPECT_TRUE(lines[0]["file"].get<std::string>().ends_with(".table"));
  EXPECT_LE(lines[0]["offset"], 5000);
  EXPECT_EQ(lines[0]["keys"]["first"]["keyspace"], "default");
  EXPECT_LT(lines[0]["keys"]["first"]["key"], lines[0]["keys"]["last"]["key"]);
  EXPECT_GT(lines[0]["last_position"], 0);
  EXPECT_EQ(lines[1]["ok"], false);
  EXPECT_EQ(lines[1]["damages"], 1);
}

TEST_F(DamageCommand, CheckGoesOnBehindTheFirstDamageAndWithoutRootOrManifest) {
  Shell(std::string(kMakeDatabase) + kDamageTable);
  Ran ran = Shell(
      "printf X | dd of=$(ls db/*.log | tail -n 1) bs=1 seek=100 conv=notrunc 2> /dev/null\n"
      "logwood check db");
  EXPECT_EQ(ran.status, 3);
  EXPECT_NE(ran.out.find("2 damages: "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("logwood salvage db"), std::string::npos) << ran.out;
  ran = Shell("rm db/ROOT; logwood check db");
  EXPECT_EQ(ran.status, 3);
  EXPECT_NE(ran.out.find("damage: ROOT:0: the file is missing"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("3 damages: "), std::string::npos) << ran.out;
  ran = Shell("rm db/*.manifest; logwood check db");
  EXPECT_EQ(ran.status, 3);
  EXPECT_NE(ran.out.find("of which no manifest says whether it counts"), std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("block checksum does not match"), std::string::npos) << ran.out;
}

TEST_F(DamageCommand, CheckBesideAWriterDoesNotTakeRemovedFilesForDamage) {
  const Ran ran = Shell(
      "seq 1 300000 | sed 's/$/\\tvalue/' > in\n"
      "logwood put db k v > /dev/null\n"
      "for i in 1 2 3; do logwood load db in -q --memory 1MiB; done & pid=$!\n"
      "while kill -0 $pid 2> /dev/null; do\n"
      "  logwood check db --ignore-writer -q || echo \"status $?\"\n"
      "done; wait $pid");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out.find("damage"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find("status"), std::string::npos) << ran.out << ran.err;
}

TEST_F(DamageCommand, CheckCountsNoBytesThatAreNotThere) {
  Shell(std::string(kMakeDatabase) + "rm $(ls db/*.table | head -n 1)");
  const std::vector<json> lines = LinesOf(Shell("logwood check db --json").out);
  const Ran there = Shell("cat db/*.table db/*.log | wc -c");
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back()["damages"], 1);
  EXPECT_LE(lines.back()["bytes"].get<uint64_t>(), std::stoull(there.out));
}

// A torn end is no damage; whoever wants to hear of nothing else says so.
TEST_F(DamageCommand, NotesAreNotPrintedWhereQuietIsAskedFor) {
  Shell("logwood put db k v; printf 'a torn append' >> db/$(ls db | grep manifest)");
  const std::vector<std::string> commands = {"logwood check db",
                                             "rm -rf new; logwood salvage db new"};
  for (const std::string& command : commands) {
    const Ran told = Shell(command);
    EXPECT_EQ(told.status, 0) << told.err;
    EXPECT_NE(told.out.find("note: "), std::string::npos) << told.out;
    const Ran quiet = Shell(command + " -q");
    EXPECT_EQ(quiet.status, 0) << quiet.err;
    EXPECT_EQ(quiet.out, "");
    EXPECT_NE(Shell(command + " -q --json").out.find("\"note\""), std::string::npos);
  }
}

TEST_F(DamageCommand, WholeCommitsBehindABadRecordAreToldBeforeTheyAreDiscarded) {
  MakeBadRecordOfAKilledProcess();
  const Ran checked = Shell("logwood check db");
  EXPECT_EQ(checked.status, 0) << checked.err;
  EXPECT_NE(checked.out.find("\nok, but for what opening for writing discards: "),
            std::string::npos)
      << checked.out;
  const std::string last =
      "\nopening for writing discards 5 whole commits behind that position; before that "
      "`logwood salvage db NEWDIR` copies them\n";
  EXPECT_TRUE(checked.out.ends_with(last)) << checked.out;
  EXPECT_TRUE(Shell("logwood check db -q").out.ends_with(last));
  EXPECT_EQ(LinesOf(Shell("logwood check db --json").out).back()["unproven_tail_commits"], 5);
  const Ran read = Shell("logwood get db key1");
  EXPECT_EQ(read.out, "value1\n");
  EXPECT_NE(read.err.find("`logwood salvage db NEWDIR` copies what is whole among them: 5 whole "
                          "commits\n"),
            std::string::npos)
      << read.err;
  const Ran written = Shell("logwood put db key8 value8");
  EXPECT_NE(written.err.find("; this command discarded 5 whole commits among them; a copy of the "
                             "directory from before it still has what "),
            std::string::npos)
      << written.err;
  EXPECT_NE(Shell("cat db/EVENTS").out.find("which only salvage copies, before a write-open: 5\""),
            std::string::npos);
  EXPECT_EQ(Shell("logwood scan db --keys-only").out, "key1\nkey8\n");
  EXPECT_EQ(LinesOf(Shell("logwood check db --json").out).back()["unproven_tail_commits"], 0);
  EXPECT_EQ(
      Shell("logwood salvage copy new -q > lost; logwood scan new --keys-only | tr '\\n' ' '").out,
      "key1 key3 key4 key5 key6 key7 ");
}

TEST_F(DamageCommand, SalvageOfAWholeDatabaseSavesAllOfIt) {
  Shell(kMakeDatabase);
  const Ran ran = Shell("logwood salvage db new");
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("20,001 records"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("nothing is lost"), std::string::npos) << ran.out;
  EXPECT_EQ(Shell("logwood export new | cmp - all.tsv").status, 0);
  EXPECT_EQ(Shell("logwood get new --keyspace other key").out, "value\n");
  EXPECT_EQ(Shell("logwood check new").status, 0);
  EXPECT_EQ(Shell("ls new | grep tmp").out, "");
}

TEST_F(DamageCommand, SalvagePrintsWhatIsLostAndSavesTheRest) {
  Shell(std::string(kMakeDatabase) + kDamageTable);
  ExpectUnchanged("logwood salvage db new --json > report");
  const std::vector<json> lines = LinesOf(runner_.Read("report"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["kind"], "lost");
  EXPECT_GT(lines[0]["end"], lines[0]["offset"]);
  EXPECT_EQ(lines[1]["losses"], 1);
  // Exactly the keys of the range are gone.
  const std::string first = lines[0]["keys"]["first"]["key"];
  const std::string last = lines[0]["keys"]["last"]["key"];
  const Ran rest = Shell("awk -F'\\t' '$1 < \"" + first + "\" || $1 > \"" + last +
                         "\"' all.tsv > wanted\n"
                         "logwood export new | awk -F'\\t' '$1 < \"" +
                         first + "\" || $1 > \"" + last + "\"' | cmp - wanted && wc -l < wanted");
  EXPECT_EQ(rest.status, 0) << rest.out << rest.err;
  EXPECT_GT(std::stoi(rest.out), 19000);
  EXPECT_EQ(Shell("logwood salvage db again -q > /dev/null").status, 1);
}

TEST_F(DamageCommand, SalvageNeedsNeitherRootNorManifest) {
  Shell(kMakeDatabase);
  EXPECT_EQ(Shell("rm db/ROOT; logwood salvage db new").status, 0);
  EXPECT_EQ(Shell("logwood export new | cmp - all.tsv").status, 0);
  const Ran ran = Shell("rm db/*.manifest; logwood salvage db newer");
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.out.find("not certain"), std::string::npos) << ran.out;
  EXPECT_EQ(Shell("logwood export newer | cmp - all.tsv").status, 0);
}

TEST_F(DamageCommand, SalvageRefusesAFullTargetOneInTheSourceAndASourceInUse) {
  Shell(kMakeDatabase);
  Ran ran = Shell("mkdir full; touch full/file; logwood salvage db full");
  EXPECT_EQ(ran.status, 3) << "1 says that something was saved";
  EXPECT_NE(ran.err.find("it holds files (file)"), std::string::npos) << ran.err;
  ran = Shell("logwood salvage db db/new");
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("lies in the source"), std::string::npos) << ran.err;
  EXPECT_EQ(ran.err.find("remove it"), std::string::npos) << ran.err;
  ran = Shell("logwood salvage db ./db/../db");
  EXPECT_NE(ran.status, 0);
  EXPECT_EQ(Shell("logwood salvage db ''").status, 2);
  ran = Shell(
      "mkfifo pipe\n"
      "logwood load db -q pipe & pid=$!\n"
      "exec 3> pipe\n"
      "sleep 0.5\n"
      "logwood salvage db new; echo $?\n"
      "logwood salvage db new --ignore-writer -q; echo $?\n"
      "exec 3>&-; wait $pid");
  EXPECT_EQ(ran.out, "3\n0\n") << ran.err;
  EXPECT_NE(ran.err.find("--ignore-writer"), std::string::npos) << ran.err;
}

TEST_F(DamageCommand, ALastSlashChangesNothing) {
  Shell(std::string(kMakeDatabase) + kDamageTable);
  ExpectUnchanged("logwood salvage db/ db/new");
  EXPECT_EQ(Shell("logwood salvage db/ db/new").status, Shell("logwood salvage db db/new").status);
  EXPECT_EQ(Shell("logwood check db/ --json | head -n 1").out,
            Shell("logwood check db --json | head -n 1").out);
}

TEST_F(DamageCommand, SalvageOfTinyRecordsNeedsLittleMemory) {
  const Ran ran = Shell(
      "seq 1 100000 | sed 's/$/\tv/' | logwood load db -q -\n"
      "logwood salvage db new -q --memory 32MiB; logwood count new");
  EXPECT_EQ(ran.out, "100000\n") << ran.err;
}

TEST_F(DamageCommand, SegmentsMayOutnumberDescriptors) {
  const Ran ran = Shell(
      "for i in $(seq 60); do logwood put db key$i v > /dev/null; done\n"
      "ls db | grep -c log\n"
      "ulimit -n 20; logwood check db -q && logwood salvage db new -q; logwood count new");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_TRUE(ran.out.ends_with("\n60\n")) << ran.out << ran.err;
}

TEST_F(DamageCommand, WhereNothingCanBeSavedTheStatusIsThree) {
  Shell(kMakeDatabase);
  const Ran ran = Shell(
      "for f in db/*.table db/*.log db/*.manifest; do\n"
      "  dd if=/dev/zero of=$f bs=$(stat -c %s $f) count=1 conv=notrunc 2> /dev/null\n"
      "done; logwood salvage db new");
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_TRUE(
      ran.out.ends_with("\nnothing could be saved: new is a database without records; 1 loss\n"))
      << ran.out;
}

TEST_F(DamageCommand, SalvageStaysWithinItsMemoryByTablesOfItsOwn) {
  // A log far larger than the budget, and no table.
  const Ran ran = Shell(
      "seq 1 200000 | sed 's/$/\\tthe value of a record that is not in any table/' |\n"
      "  logwood load db -q --memory 1GiB -\n"
      "rm db/*.table db/*.manifest db/ROOT 2> /dev/null\n"
      "ls -l db | awk '/log$/ {s += $5} END {print (s > 8000000)}'\n"
      "logwood salvage db new -q --memory 4MiB > /dev/null; echo $?\n"
      "logwood count new; logwood check new -q; ls new | grep -c tmp");
  EXPECT_EQ(ran.out, "1\n1\n200000\n0\n") << ran.err;
}

}  // namespace
}  // namespace logwood::tools
