// Each option of each subcommand does something: a table with one script an option, whose output is
// another one when the option is left out. The help lists the options, so none is forgotten.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/db.h"
#include "tests/support/status_assert.h"
#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

// What the script finds as db.
enum class Found : uint8_t {
  kRecords,   // default: a = 1 (and was 0), b/1 = 2, b/2 = 3, c = 4; keyspace notes: n = 5, o = 6
  kInUse,     // the same, while another process has it open for writing
  kDamaged,   // the log is damaged behind key1 = value1
  kLongLog,   // 60,000 records in the log, none in a table
  kVersions,  // a table each for two versions of a, x and, in keyspace notes, n: values first-KEY
              // in the last level and second-KEY in level 0
};

struct OptionRow {
  std::string_view command;
  std::string_view option;  // by its long name; tried by each of its names
  std::string_view value;   // as typed; empty: it takes none
  Found found;
  std::string_view script;   // @ stands for the option
  std::string_view printed;  // on standard output, when the option is there
};

// How often a write syncs, compared with the same write without the option. Each on a fresh copy:
// what opening syncs depends on what is there.
#define SYNCS_MORE(command)                                                                     \
  "syncs() { rm -rf db; cp -r original db; head -c 512 /dev/zero > report\n"                    \
  "LD_PRELOAD=" LOGWOOD_BIN_DIR                                                                 \
  "/liblogwood_faults.so LOGWOOD_FAULTS_UNDER=$PWD/db LOGWOOD_FAULTS_REPORT=report $1 > said\n" \
  "od -An -td8 -j16 -N8 report; }\n"                                                            \
  "[ $(syncs '" command " @') -gt $(syncs '" command "') ] && echo more syncs"

// The first versions that are left in tables.
#define FIRST_VERSIONS "; cat db/*.table | grep -oa 'first-[anx]' | sort"

const OptionRow kOptionRows[] = {
    {"", "--version", "", Found::kRecords, "logwood @", "logwood " LOGWOOD_VERSION_STRING "\n"},

    {"put", "--value-file", "file", Found::kRecords,
     "printf bytes > file; logwood put db k @ > said; logwood get db k", "bytes\n"},
    {"put", "--if-absent", "", Found::kRecords, "logwood put db a 9 @ > said; logwood get db a",
     "1\n"},
    {"put", "--if", "0", Found::kRecords, "logwood put db a 9 @ > said; logwood get db a", "1\n"},
    {"put", "--keyspace", "notes", Found::kRecords,
     "logwood put db n 7 @ > said; logwood get db n -k notes", "7\n"},
    {"put", "--key-format", "hex", Found::kRecords,
     "logwood put db 6b v @ > said; logwood get db k", "v\n"},
    {"put", "--value-format", "hex", Found::kRecords,
     "logwood put db k 76 @ > said; logwood get db k", "v\n"},
    {"put", "--ttl", "1ms", Found::kRecords, "logwood put db a 9 @ > said; logwood count db",
     "3\n"},
    {"put", "--durability", "power", Found::kRecords, SYNCS_MORE("logwood put db k v"),
     "more syncs\n"},
    {"put", "--memory", "1MiB", Found::kLongLog,
     "logwood put db k v @ > said; ls db | grep -q table && echo tables", "tables\n"},
    {"put", "--json", "", Found::kRecords, "logwood put db k v @ | tr 0-9 N",
     "{\"position\":N,\"operations\":N}\n"},

    {"merge", "--operator", "add_int64", Found::kRecords,
     "logwood keyspaces db create new > said; logwood merge db m 5 -2 -k new @ > said; "
     "logwood get db m -k new --format hex",
     "0300000000000000\n"},
    {"merge", "--adopt", "", Found::kRecords,
     "logwood merge db a v --operator append @ > said; logwood get db a", "1v\n"},
    {"merge", "--keyspace", "notes", Found::kRecords,
     "logwood merge db n 7 --operator append --adopt @ > said; logwood get db n -k notes", "57\n"},
    {"merge", "--key-format", "hex", Found::kRecords,
     "logwood merge db 6b v --operator append --adopt @ > said; logwood get db k", "v\n"},
    {"merge", "--operand-format", "hex", Found::kRecords,
     "logwood merge db k 76 --operator append --adopt @ > said; logwood get db k", "v\n"},
    {"merge", "--durability", "power", Found::kRecords,
     SYNCS_MORE("logwood merge db k v --operator append --adopt"), "more syncs\n"},
    {"merge", "--memory", "1MiB", Found::kLongLog,
     "logwood merge db k v --operator append --adopt @ > said; ls db | grep -q table && echo "
     "tables",
     "tables\n"},
    {"merge", "--json", "", Found::kRecords,
     "logwood merge db k v --operator append --adopt @ | tr 0-9 N",
     "{\"position\":N,\"operations\":N}\n"},

    {"get", "--keyspace", "notes", Found::kRecords, "logwood get db n @", "5\n"},
    {"get", "--key-format", "hex", Found::kRecords, "logwood get db 61 @", "1\n"},
    {"get", "--format", "hex", Found::kRecords, "logwood get db a @", "31\n"},
    {"get", "--ignore-writer", "", Found::kInUse, "logwood get db a @", "1\n"},
    {"get", "--allow-damaged-log", "", Found::kDamaged, "logwood get db key1 @", "value1\n"},
    {"get", "--json", "", Found::kRecords, "logwood get db a @",
     "{\"key\":\"a\",\"value\":\"1\"}\n"},

    {"delete", "--if", "0", Found::kRecords, "logwood delete db a @ > said; logwood get db a",
     "1\n"},
    {"delete", "--value-format", "hex", Found::kRecords,
     "logwood delete db a --if 31 @ > said; logwood count db", "3\n"},
    {"delete", "--keyspace", "notes", Found::kRecords,
     "logwood delete db n @ > said; logwood count db -k notes", "1\n"},
    {"delete", "--key-format", "hex", Found::kRecords,
     "logwood delete db 61 @ > said; logwood count db", "3\n"},
    {"delete", "--durability", "power", Found::kRecords, SYNCS_MORE("logwood delete db a"),
     "more syncs\n"},
    {"delete", "--memory", "1MiB", Found::kLongLog,
     "logwood delete db k @ > said; ls db | grep -q table && echo tables", "tables\n"},
    {"delete", "--json", "", Found::kRecords, "logwood delete db a @ | tr 0-9 N",
     "{\"position\":N,\"operations\":N}\n"},

    {"delete-range", "--keyspace", "notes", Found::kRecords,
     "logwood delete-range db --from o @ > said; logwood count db -k notes", "1\n"},
    {"delete-range", "--prefix", "b/", Found::kRecords,
     "logwood delete-range db @ > said; logwood count db", "2\n"},
    {"delete-range", "--from", "b/2", Found::kRecords,
     "logwood delete-range db @ > said; logwood count db", "2\n"},
    {"delete-range", "--to", "b/2", Found::kRecords,
     "logwood delete-range db @ > said; logwood count db", "2\n"},
    {"delete-range", "--key-format", "hex", Found::kRecords,
     "logwood delete-range db --from 63 @ > said; logwood count db", "3\n"},
    {"delete-range", "--all", "", Found::kRecords,
     "logwood delete-range db @ > said; logwood count db", "0\n"},
    {"delete-range", "--durability", "power", Found::kRecords,
     SYNCS_MORE("logwood delete-range db --all"), "more syncs\n"},
    {"delete-range", "--memory", "1MiB", Found::kLongLog,
     "logwood delete-range db --all @ > said; ls db | grep -q table && echo tables", "tables\n"},
    {"delete-range", "--json", "", Found::kRecords, "logwood delete-range db --all @ | tr 0-9 N",
     "{\"position\":N,\"operations\":N}\n"},

    {"scan", "--keyspace", "notes", Found::kRecords, "logwood scan db @", "n\t5\no\t6\n"},
    {"scan", "--prefix", "b/", Found::kRecords, "logwood scan db @", "b/1\t2\nb/2\t3\n"},
    {"scan", "--from", "b/2", Found::kRecords, "logwood scan db @", "b/2\t3\nc\t4\n"},
    {"scan", "--to", "b/2", Found::kRecords, "logwood scan db @", "a\t1\nb/1\t2\n"},
    {"scan", "--key-format", "hex", Found::kRecords, "logwood scan db --from 63 @", "c\t4\n"},
    {"scan", "--limit", "2", Found::kRecords, "logwood scan db --from b @", "b/1\t2\nb/2\t3\n"},
    {"scan", "--reverse", "", Found::kRecords, "logwood scan db --from b/1 --to c @",
     "b/2\t3\nb/1\t2\n"},
    {"scan", "--keys-only", "", Found::kRecords, "logwood scan db -p b @", "b/1\nb/2\n"},
    {"scan", "--format", "hex", Found::kRecords, "logwood scan db -p c @", "63\t34\n"},
    {"scan", "--ignore-writer", "", Found::kInUse, "logwood scan db -p c @", "c\t4\n"},
    {"scan", "--allow-damaged-log", "", Found::kDamaged, "logwood scan db @", "key1\tvalue1\n"},
    {"scan", "--json", "", Found::kRecords, "logwood scan db -p c @",
     "{\"key\":\"c\",\"value\":\"4\"}\n"},

    {"count", "--keyspace", "notes", Found::kRecords, "logwood count db @", "2\n"},
    {"count", "--all-keyspaces", "", Found::kRecords, "logwood count db @",
     "default\t4\nnotes\t2\n"},
    {"count", "--prefix", "b/", Found::kRecords, "logwood count db @", "2\n"},
    {"count", "--from", "b/2", Found::kRecords, "logwood count db @", "2\n"},
    {"count", "--to", "b/1", Found::kRecords, "logwood count db @", "1\n"},
    {"count", "--key-format", "hex", Found::kRecords, "logwood count db --from 63 @", "1\n"},
    {"count", "--limit", "3", Found::kRecords, "logwood count db @", "3\n"},
    {"count", "--estimate", "", Found::kRecords, "[ $(logwood count db @) -gt 4 ] && echo more",
     "more\n"},
    {"count", "--ignore-writer", "", Found::kInUse, "logwood count db @", "4\n"},
    {"count", "--allow-damaged-log", "", Found::kDamaged, "logwood count db @", "1\n"},
    {"count", "--quiet", "", Found::kRecords, "logwood count db @ 2>&1", "4\n"},
    {"count", "--json", "", Found::kRecords, "logwood count db @",
     "{\"keyspace\":\"default\",\"records\":4,\"bytes\":12,\"estimate\":false,"
     "\"keyspaces_left_out\":[\"notes\"]}\n"},

    {"load", "--format", "jsonl", Found::kRecords,
     "echo '{\"key\":\"k\",\"value\":\"v\"}' | logwood load db -q @; logwood get db k", "v\n"},
    {"load", "--keyspace", "photos", Found::kRecords,
     "printf 'k\\tv\\n' | logwood load db -q @; logwood get db k -k photos", "v\n"},
    {"load", "--all-keyspaces", "", Found::kRecords,
     "printf 'photos\\tk\\tv\\n' | logwood load db -q @; logwood get db k -k photos", "v\n"},
    {"load", "--batch-records", "2", Found::kRecords,
     "seq 5 | sed 's/$/\\tv/' | logwood load db --json @ | grep -o '\"commits\":[0-9]*'",
     "\"commits\":3\n"},
    {"load", "--batch-bytes", "2KiB", Found::kRecords,
     "value=$(printf %600d 0); seq 6 | sed \"s/$/\\t$value/\" | logwood load db --json @ |"
     " grep -o '\"commits\":[0-9]*'",
     "\"commits\":2\n"},
    {"load", "--ttl", "1ms", Found::kRecords,
     "printf 'a\\t9\\n' | logwood load db -q @; logwood count db", "3\n"},
    {"load", "--durability", "power", Found::kRecords,
     "printf 'k\\tv\\n' > in\n" SYNCS_MORE("logwood load db in"), "more syncs\n"},
    {"load", "--memory", "1MiB", Found::kLongLog,
     "logwood load db /dev/null -q @; ls db | grep -q table && echo tables", "tables\n"},
    {"load", "--skip-bad", "", Found::kRecords,
     "printf 'bad\\nk\\tv\\n' | logwood load db -q @; logwood get db k", "v\n"},
    {"load", "--quiet", "", Found::kRecords, "logwood load db /dev/null @ 2>&1; echo end", "end\n"},
    {"load", "--json", "", Found::kRecords,
     "printf 'k\\tv\\n' | logwood load db @ | grep -o '^{\"keyspace\":\"default\",\"records\":1,'",
     "{\"keyspace\":\"default\",\"records\":1,\n"},

    {"export", "--format", "jsonl", Found::kRecords, "logwood export db -p c @",
     "{\"key\":\"c\",\"value\":\"4\"}\n"},
    {"export", "--keyspace", "notes", Found::kRecords, "logwood export db @", "n\t5\no\t6\n"},
    {"export", "--all-keyspaces", "", Found::kRecords, "logwood export db --from c @",
     "default\tc\t4\nnotes\tn\t5\nnotes\to\t6\n"},
    {"export", "--prefix", "b/", Found::kRecords, "logwood export db @", "b/1\t2\nb/2\t3\n"},
    {"export", "--from", "b/2", Found::kRecords, "logwood export db @", "b/2\t3\nc\t4\n"},
    {"export", "--to", "b/2", Found::kRecords, "logwood export db @", "a\t1\nb/1\t2\n"},
    {"export", "--limit", "2", Found::kRecords, "logwood export db --from b @", "b/1\t2\nb/2\t3\n"},
    {"export", "--reverse", "", Found::kRecords, "logwood export db --from b/1 --to c @",
     "b/2\t3\nb/1\t2\n"},
    {"export", "--key-format", "hex", Found::kRecords, "logwood export db --from 63 @", "c\t4\n"},
    {"export", "--ignore-writer", "", Found::kInUse, "logwood export db -p c @", "c\t4\n"},
    {"export", "--allow-damaged-log", "", Found::kDamaged, "logwood export db @", "key1\tvalue1\n"},
    {"export", "--quiet", "", Found::kRecords, "logwood export db file @ 2>&1; wc -l < file",
     "4\n"},
    {"export", "--json", "", Found::kRecords,
     "logwood export db file @ 2>&1 | sed 's/\"micros\":[0-9]*/\"micros\":N/'",
     "{\"keyspace\":\"default\",\"records\":4,\"bytes\":12,\"file\":\"file\",\"micros\":N,"
     "\"keyspaces_left_out\":[\"notes\"]}\n"},

    {"stats", "--ignore-writer", "", Found::kInUse, "logwood stats db @ | grep -o '2 keyspaces'",
     "2 keyspaces\n"},
    {"stats", "--allow-damaged-log", "", Found::kDamaged,
     "logwood stats db @ | grep -o '^position *1 '", "position    1 \n"},
    {"stats", "--json", "", Found::kRecords, "logwood stats db @ | grep -o '\"keyspaces\":2,'",
     "\"keyspaces\":2,\n"},
    {"stats", "--prometheus", "", Found::kRecords, "logwood stats db @ | grep '^logwood_keyspaces'",
     "logwood_keyspaces 2\n"},

    {"check", "--ignore-writer", "", Found::kInUse, "logwood check db @ | cut -c 1-4", "ok: \n"},
    {"check", "--quiet", "", Found::kRecords, "logwood check db @ 2>&1; echo end", "end\n"},
    {"check", "--json", "", Found::kRecords,
     "logwood check db @ | grep -o '^{\"ok\":true,\"damages\":0,'",
     "{\"ok\":true,\"damages\":0,\n"},

    {"salvage", "--memory", "1MiB", Found::kLongLog,
     "logwood salvage db new -q @; [ $(ls new | grep -c table) -gt 4 ] && echo many", "many\n"},
    {"salvage", "--ignore-writer", "", Found::kInUse,
     "logwood salvage db new -q @; logwood count new -q", "4\n"},
    {"salvage", "--quiet", "", Found::kRecords, "logwood salvage db new @ 2>&1; echo end", "end\n"},
    {"salvage", "--json", "", Found::kRecords,
     "logwood salvage db new @ | grep -o '^{\"ok\":true,\"losses\":0,\"records\":6,'",
     "{\"ok\":true,\"losses\":0,\"records\":6,\n"},

    {"compact", "--keyspace", "notes", Found::kVersions, "logwood compact db -q @" FIRST_VERSIONS,
     "first-a\nfirst-x\n"},
    {"compact", "--prefix", "a", Found::kVersions, "logwood compact db -q @" FIRST_VERSIONS,
     "first-n\nfirst-x\n"},
    {"compact", "--from", "m", Found::kVersions, "logwood compact db -q @" FIRST_VERSIONS,
     "first-a\nfirst-n\n"},
    {"compact", "--to", "x", Found::kVersions, "logwood compact db -q @" FIRST_VERSIONS,
     "first-n\nfirst-x\n"},
    {"compact", "--key-format", "hex", Found::kVersions,
     "logwood compact db -q -p 61 @" FIRST_VERSIONS, "first-n\nfirst-x\n"},
    {"compact", "--force-last-level", "", Found::kVersions,
     "logwood compact db -q; ls db/*.table > before; logwood compact db -q @\n"
     "ls db/*.table | cmp -s - before || echo rewritten",
     "rewritten\n"},
    {"compact", "--memory", "1MiB", Found::kLongLog,
     "logwood compact db -q @; grep '\"flush\"' db/EVENTS > flushes\n"
     "[ -s flushes ] && ! grep -q '\"entries_in\":60000' flushes && echo in parts",
     "in parts\n"},
    {"compact", "--quiet", "", Found::kRecords, "logwood compact db @ 2>&1; echo end", "end\n"},
    {"compact", "--json", "", Found::kRecords,
     "logwood compact db @ | grep -o '^{\"table_bytes_before\":[0-9]' | tr 0-9 N",
     "{\"table_bytes_before\":N\n"},

    {"keyspaces", "--ignore-writer", "", Found::kInUse, "logwood keyspaces db @ | cut -f 1",
     "name\ndefault\nnotes\n"},
    {"keyspaces", "--allow-damaged-log", "", Found::kDamaged, "logwood keyspaces db @ | cut -f 1",
     "name\ndefault\n"},
    {"keyspaces", "--durability", "power", Found::kRecords,
     SYNCS_MORE("logwood keyspaces db create photos"), "more syncs\n"},
    {"keyspaces", "--memory", "1MiB", Found::kLongLog,
     "logwood keyspaces db create new @ > said; ls db | grep -q table && echo tables", "tables\n"},
    {"keyspaces", "--json", "", Found::kRecords, "logwood keyspaces db @ | cut -d , -f 1,2",
     "{\"name\":\"default\",\"number\":1\n{\"name\":\"notes\",\"number\":2\n"},
};

// Makes what a script finds, in a directory `original`.
const char* MakingOf(Found found) {
  switch (found) {
    case Found::kRecords:
    case Found::kInUse:
      return "logwood put original a 0\n"
             "printf 'a\\t1\\nb/1\\t2\\nb/2\\t3\\nc\\t4\\n' | logwood load original -q\n"
             "printf 'n\\t5\\no\\t6\\n' | logwood load original -q -k notes";
    case Found::kDamaged:
      return "for i in 1 2 3; do logwood put original key$i value$i --durability power; done\n"
             "log=$(grep -l value2 original/*.log)\n"
             "at=$(grep -abo value2 $log | cut -d: -f1)\n"
             "printf X | dd of=$log bs=1 seek=$at conv=notrunc 2> /dev/null";
    case Found::kLongLog:
      return "seq 60000 | sed 's/$/\\tthe value of a record/' |\n"
             " logwood load original -q --memory 1GiB";
    case Found::kVersions:
      return "write() { logwood put original $2 $3-$2 -k $1; logwood compact original -q $4 $5 $6 "
             "$7; }\n"
             "logwood keyspaces original create notes; logwood compact original -q\n"
             "write default a first -p a; write default x first -p x; write notes n first -k "
             "notes\n"
             // A range without keys: only writes what is in memory as a table.
             "for key in a x; do write default $key second --from zz; done\n"
             "write notes n second --from zz -k notes";
  }
  return "";
}

class CommandOptions : public testing::Test {
 protected:
  // The words behind "Options:" in a command's help, of each option all its names.
  std::vector<std::vector<std::string>> OptionsOf(const std::string& command) {
    std::istringstream help(runner_.Run(command + " --help").out);
    std::vector<std::vector<std::string>> options;
    bool inside = false;
    for (std::string line; std::getline(help, line);) {
      if (line.empty()) inside = false;
      if (inside && line.starts_with("  -")) options.push_back(NamesIn(line));
      if (line == "Options:") inside = true;
    }
    EXPECT_FALSE(options.empty()) << command;
    return options;
  }

  // "  -k,--keyspace NAME    The keyspace": -k and --keyspace.
  static std::vector<std::string> NamesIn(const std::string& line) {
    std::istringstream words(line);
    std::string names;
    words >> names;
    std::istringstream list(names);
    std::vector<std::string> separate;
    for (std::string name; std::getline(list, name, ',');) separate.push_back(name);
    return separate;
  }

  std::set<std::string> Commands() {
    std::istringstream help(runner_.Run("--help").out);
    std::set<std::string> commands = {""};
    bool inside = false;
    for (std::string line; std::getline(help, line);) {
      if (line.empty()) inside = false;
      if (inside) commands.insert(NamesIn(line).at(0));
      if (line == "Subcommands:") inside = true;
    }
    return commands;
  }

  CommandRunner runner_;
};

TEST_F(CommandOptions, OfTheHelpHaveEachARowAndEachRowIsOfOne) {
  std::set<std::string> of_the_help;
  std::set<std::string> of_the_table;
  for (const std::string& command : Commands()) {
    for (const std::vector<std::string>& names : OptionsOf(command)) {
      if (names.back() != "--help") of_the_help.insert(command + " " + names.back());
    }
  }
  for (const OptionRow& row : kOptionRows) {
    of_the_table.insert(std::string(row.command) + " " + std::string(row.option));
  }
  EXPECT_EQ(of_the_table, of_the_help);
}

TEST_F(CommandOptions, HelpHasTheSameTwoNamesEverywhere) {
  for (const std::string& command : Commands()) {
    EXPECT_EQ(OptionsOf(command).at(0), (std::vector<std::string>{"-h", "--help"})) << command;
    EXPECT_EQ(runner_.Run(command + " -h").out, runner_.Run(command + " --help").out);
  }
}

TEST_F(CommandOptions, QuietLeavesTheReportThatWasAskedForInJson) {
  runner_.Run("put db k v");
  for (const std::string arguments : {"count db", "load db /dev/null", "export db file", "check db",
                                      "salvage db new", "compact db"}) {
    const Ran ran = runner_.Shell("logwood " + arguments + " -q --json 2>&1");
    EXPECT_EQ(ran.status, 0) << arguments;
    EXPECT_TRUE(ran.out.starts_with("{\"") && ran.out.ends_with("}\n")) << arguments << ran.out;
  }
}

class CommandOptionsOf : public CommandOptions,
                         public testing::WithParamInterface<std::string_view> {
 protected:
  std::string Printed(const OptionRow& row, const std::string& option) {
    std::string script(row.script);
    for (size_t at = script.find('@'); at != std::string::npos; at = script.find('@', at)) {
      script.replace(at, 1, option);
    }
    MakeDatabase(row.found);
    std::unique_ptr<DB> writer;
    if (row.found == Found::kInUse) {
      std::string path = runner_.Shell("pwd").out;
      path.back() = '/';
      Result<std::unique_ptr<DB>> opened = DB::Open({}, path + "db");
      EXPECT_OK(opened);
      if (opened.ok()) writer = std::move(*opened);
    }
    return runner_.Shell(script).out;
  }

 private:
  // A fresh copy as db. Making takes longer than copying, and rows of one kind stand together.
  void MakeDatabase(Found found) {
    if (found != made_) {
      const Ran made = runner_.Shell("set -e; rm -rf original\n" + std::string(MakingOf(found)));
      EXPECT_EQ(made.status, 0) << made.err;
      made_ = found;
    }
    const Ran copied = runner_.Shell("rm -rf db new file; cp -r original db");
    EXPECT_EQ(copied.status, 0) << copied.err;
  }

  std::optional<Found> made_;
};

TEST_P(CommandOptionsOf, MakeADifferenceByEachOfTheirNames) {
  const auto options = OptionsOf(std::string(GetParam()));
  for (const OptionRow& row : kOptionRows) {
    if (row.command != GetParam()) continue;
    SCOPED_TRACE(row.option);
    EXPECT_NE(Printed(row, ""), row.printed) << "the script does not need the option";
    for (const std::vector<std::string>& names : options) {
      if (names.back() != row.option) continue;
      for (const std::string& name : names) {
        EXPECT_EQ(Printed(row, name + " " + std::string(row.value)), row.printed) << name;
      }
    }
  }
}

std::vector<std::string_view> CommandsOfTheTable() {
  std::vector<std::string_view> commands;
  for (const OptionRow& row : kOptionRows) {
    if (commands.empty() || commands.back() != row.command) commands.push_back(row.command);
  }
  return commands;
}

INSTANTIATE_TEST_SUITE_P(Table, CommandOptionsOf, testing::ValuesIn(CommandsOfTheTable()),
                         [](const testing::TestParamInfo<std::string_view>& tested) {
                           std::string name(tested.param);
                           std::erase(name, '-');
                           return name.empty() ? "logwood" : name;
                         });

}  // namespace
}  // namespace logwood::tools
