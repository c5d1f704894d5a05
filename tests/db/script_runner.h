// ScriptRunner: a database told what to do in words, and what it answers as text.
//
//   open [memtable=N segment=N table=N retention=N power]   creates it where it is missing
//   reopen | close | destroy | open-read-only
//   kill             what the files hold now becomes the database
//   crash-copy       the same, and opens it
//   create NAME | drop NAME | keyspaces
//   put KEY VALUE | delete KEY | get KEY | contains KEY     KEY: "k" or "keyspace/k"; "k@snapshot"
//   batch put K V; delete K; ...
//   fill PREFIX COUNT BYTES                                 PREFIX000 .. as COUNT commits
//   scan [KEYSPACE] [FROM..TO] [@SNAPSHOT] | rscan ...
//   snapshot NAME | release NAME
//   flush | compact [force] | sync | position | verify
//   levels | log | files | recovery | events                what the directory says
//   flip FILE OFFSET | cut FILE BYTES | append FILE BYTES | remove FILE      (while it is closed)
//
// Background work has ended when a command returns. All in memory; nothing depends on time or
// chance.
#pragma once

#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "logwood/db.h"

namespace logwood::test {

class ScriptRunner {
 public:
  ScriptRunner();
  ~ScriptRunner();
  // One command line; the answer ends with a line end unless it is empty.
  std::string Run(const std::string& line);

 private:
  struct Place {
    Keyspace keyspace;
    std::string key;
    const Snapshot* snapshot = nullptr;
    std::string problem;  // when it cannot be found
  };
  using Command = std::string (ScriptRunner::*)(std::istringstream&);
  static const std::map<std::string, Command>& Commands();

  std::string Open(std::istringstream& words);
  std::string OpenReadOnly(std::istringstream& words);
  std::string Reopen(std::istringstream& words);
  std::string Close(std::istringstream& words);
  std::string Destroy(std::istringstream& words);
  std::string CrashCopy(std::istringstream& words);
  std::string Kill(std::istringstream& words);
  std::string Create(std::istringstream& words);
  std::string Drop(std::istringstream& words);
  std::string Keyspaces(std::istringstream& words);
  std::string Put(std::istringstream& words);
  std::string Delete(std::istringstream& words);
  std::string Get(std::istringstream& words);
  std::string Contains(std::istringstream& words);
  std::string Batch(std::istringstream& words);
  std::string Fill(std::istringstream& words);
  std::string Scan(std::istringstream& words);
  std::string ReverseScan(std::istringstream& words);
  std::string TakeSnapshot(std::istringstream& words);
  std::string Release(std::istringstream& words);
  std::string Flush(std::istringstream& words);
  std::string Compact(std::istringstream& words);
  std::string Sync(std::istringstream& words);
  std::string Position(std::istringstream& words);
  std::string Verify(std::istringstream& words);
  std::string Levels(std::istringstream& words);
  std::string Log(std::istringstream& words);
  std::string Files(std::istringstream& words);
  std::string Recovery(std::istringstream& words);
  std::string Events(std::istringstream& words);
  std::string Flip(std::istringstream& words);
  std::string Cut(std::istringstream& words);
  std::string Append(std::istringstream& words);
  std::string Remove(std::istringstream& words);

  static std::string Line(const Status& status) {
    return status.ok() ? "ok\n" : status.ToString() + "\n";
  }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  std::string OpenAgain();
  std::string Walk(std::istringstream& words, bool forward);
  std::string Rewrite(const std::string& name, const std::string& bytes);
  Place Find(const std::string& word);

  const std::string path_ = "db";
  std::unique_ptr<FileSystem> fs_;
  Options options_;
  std::unique_ptr<DB> db_;
  std::map<std::string, std::shared_ptr<const Snapshot>> snapshots_;
};

}  // namespace logwood::test
