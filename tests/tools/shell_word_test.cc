#include "tools/shell_word.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

TEST(ShellWord, WhatAShellTakesAsItIsStaysAsItIs) {
  for (const std::string path : {"db", "/var/lib/app-1/db_2.old", "a:b@c%d+e,f=g", "../db/"}) {
    EXPECT_EQ(ShellPath(path), path);
  }
}

TEST(ShellWord, QuotesOnlyWhereTheyAreNeeded) {
  EXPECT_EQ(ShellPath("my db"), "'my db'");
  EXPECT_EQ(ShellPath("it's"), R"('it'\''s')");
  EXPECT_EQ(ShellPath("~"), "'~'");
  EXPECT_EQ(ShellPath(""), "''");
  EXPECT_EQ(ShellPath("-db"), "./-db");
  EXPECT_EQ(ShellPath("=db"), "./=db");
  EXPECT_EQ(ShellPath("Datenb\xc3\xa4nke"), "'Datenb\xc3\xa4nke'");
  EXPECT_EQ(ShellPath("a\nb"), R"($'a\nb')");
}

TEST(ShellWord, AShellReadsThePathAgain) {
  const CommandRunner runner;
  for (const std::string path :
       {"my db", "it's", "$HOME", "`x`", "a\\b", "a\\nb", "a\nb'\\", "\x01\xff", "*?[a]",
        "a;b&c|d<e>f(g)", "\"", "#a", "!a", "{a,b}", "caf\xc3\xa9\t'"}) {
    const Ran ran = runner.Shell("printf %s " + ShellPath(path));
    EXPECT_EQ(ran.out, path) << ShellPath(path);
    EXPECT_EQ(ShellPath(path).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace logwood::tools
