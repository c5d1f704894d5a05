// Logwood in twenty lines: open, write, read, scan.
//
//   ./embed [DIR]        DIR is made where it is missing; without it ./embed.db
#include <iostream>
#include <memory>
#include <string>

#include "logwood/db.h"

namespace {

logwood::Status Run(const std::string& directory) {
  auto opened = logwood::DB::Open({}, directory);
  if (!opened.ok()) return opened.status();
  std::unique_ptr<logwood::DB> db = std::move(*opened);

  auto moons = db->OpenOrCreateKeyspace({}, "moons");
  if (!moons.ok()) return moons.status();

  logwood::WriteBatch batch;  // one commit over two keyspaces: both or neither
  batch.Put("planet/3", "earth");
  batch.Put("planet/4", "mars");
  batch.Put(*moons, "mars/1", "phobos");
  auto position = db->Write({.durability = logwood::Durability::kPower}, batch);
  if (!position.ok()) return position.status();
  std::cout << "commit " << *position << " survives loss of power\n";

  std::string value;
  logwood::Status status = db->Get({}, *moons, "mars/1", &value);
  if (!status.ok()) return status;
  std::cout << "mars/1 = " << value << "\n";

  logwood::IteratorOptions planets;
  planets.prefix = "planet/";
  auto it = db->NewIterator(planets);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    std::cout << it->key() << " = " << it->value() << "\n";
  }
  if (!it->status().ok()) return it->status();
  it.reset();
  return db->Close();
}

}  // namespace

int main(int argc, char** argv) {
  const logwood::Status status = Run(argc > 1 ? argv[1] : "embed.db");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
