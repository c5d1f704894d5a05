// A handmade log whose commits make and drop keyspaces, with what replay would say of its segments:
// for the tests of what reads catalogues from a log.
#pragma once

#include <string>
#include <vector>

#include "db/catalogue.h"
#include "tests/db/handmade_database.h"
#include "wal/replay.h"

namespace logwood::test {

// What there is to know of the keyspaces but default, as text: "a=2 b=3 | dropped 4".
inline std::string ShowKeyspaces(const Catalogue& catalogue) {
  std::string text;
  for (const KeyspaceInfo& info : catalogue.List()) {
    if (info.keyspace.number() == kDefaultKeyspace) continue;
    text += info.name + "=" + std::to_string(info.keyspace.number()) + " ";
  }
  text += "| dropped";
  for (const auto& [number, position] : catalogue.Dropped()) text += " " + std::to_string(number);
  return text;
}

class CatalogueLog {
 public:
  HandmadeDatabase& db() { return db_; }
  FileSystem* fs() { return db_.fs(); }
  // Up to the last commit.
  const Catalogue& truth() const { return truth_; }
  LogPos last() const { return last_; }

  void Begin(uint64_t segment) {
    db_.catalogue = truth_.Encode();
    db_.catalogue_position = truth_.position();
    db_.BeginSegment(segment);
    segments.push_back({});
    segments.back().number = segment;
    segments.back().first_position = last_ + 1;
    Note();
  }
  void Create(const std::string& name, uint32_t number) {
    Change(Catalogue::CreateOperations(name, number));
  }
  void Drop(const std::string& name, uint32_t number) {
    Change(Catalogue::DropOperations(name, number));
  }
  void Put(const std::string& key) {
    db_.Put(key);
    ++last_;
    Note();
  }
  void End() { db_.CloseLog(); }

  std::vector<SegmentSummary> segments;

 private:
  void Change(const std::string& operations) {
    db_.Commit(operations, kFlagCatalogue);
    ASSERT_OK(truth_.Apply(operations, ++last_));
    Note();
  }
  void Note() {
    segments.back().last_position = last_;
    segments.back().length = db_.log_end().length;
  }

  HandmadeDatabase db_;
  Catalogue truth_;
  LogPos last_ = 0;
};

}  // namespace logwood::test
