// A database and what was done to its files: the bytes say which file is cut, overwritten, zeroed,
// removed or replaced by another. Check and salvage read it, it opens or says why not, and whatever
// opens can be read, verified and written: no crash, no hang, no memory out of proportion. Whether
// what is read is right, tests/damage asks.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "db/directory_check.h"
#include "db/salvage.h"
#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/fuzz/fuzz_support.h"
#include "util/coding.h"

namespace {

using namespace logwood;

Options SmallOptions(FileSystem* files) {
  Options options;
  options.file_system = files;
  options.memory_budget_bytes = 2 << 20;
  options.tuning.table_bytes = 4 << 10;
  options.tuning.log_segment_bytes = 8 << 10;
  return options;
}

// A closed and a killed database, with tables, several segments and keyspaces.
std::map<std::string, std::string> MakeFiles(bool close) {
  SimulatedFileSystem disk;
  auto db = *DB::Open(SmallOptions(&disk), "db");
  auto side = *db->OpenOrCreateKeyspace({}, "side");
  for (int i = 0; i < 40; ++i) {
    WriteBatch batch;
    batch.Put("key" + std::to_string(i % 17), std::string(300, static_cast<char>('a' + i % 26)));
    batch.Put(side, std::to_string(i), "value");
    if (i % 5 == 0) batch.Delete("key" + std::to_string(i % 7));
    static_cast<void>(db->Write({.durability = Durability::kPower}, batch).ok());
    if (i == 20) static_cast<void>(db->Flush());
  }
  if (close) static_cast<void>(db->Close());
  return test::ContentsOf(&disk);
}

void DoDamage(std::string_view bytes, std::map<std::string, std::string>* files) {
  std::vector<std::string> names;
  for (const auto& [name, content] : *files) names.push_back(name);
  Decoder in(bytes);
  while (!in.empty() && in.ok()) {
    std::string& file = (*files)[names[in.Fixed8() % names.size()]];
    const uint8_t what = in.Fixed8();
    const uint64_t at = file.empty() ? 0 : in.Varint64() % (file.size() + 1);
    const std::string_view with = in.LengthPrefixed();
    switch (what % 5) {
      case 0:
        file.resize(at);
        break;
      case 1:
        file.replace(at, std::min(with.size(), file.size() - at), with);
        break;
      case 2:
        std::fill(file.begin() + static_cast<ptrdiff_t>(at), file.end(), '\0');
        break;
      case 3:
        file = (*files)[names[at % names.size()]];
        break;
      case 4:
        file.append(with);
        break;
    }
  }
}

void CheckAndSalvage(FileSystem* files) {
  DirectoryCheckOptions check;
  check.fs = files;
  check.path = "db";
  check.damage = check.note = [](const Damage&) {};
  static_cast<void>(CheckDirectory(check).ok());
  SalvageOptions salvage;
  salvage.fs = files;
  salvage.source = "db";
  salvage.target = "saved";
  salvage.memory_bytes = 2 << 20;
  salvage.report = [](const SalvageLoss&) {};
  static_cast<void>(Salvage(salvage).ok());
}

void Look(std::string_view bytes) {
  static const std::map<std::string, std::string> originals[] = {MakeFiles(true), MakeFiles(false)};
  if (bytes.empty()) return;
  std::map<std::string, std::string> contents = originals[bytes.front() & 1];
  DoDamage(bytes.substr(1), &contents);
  const auto files = test::FilesWith({contents.begin(), contents.end()});
  CheckAndSalvage(files.get());
  ReadOnlyOptions read_only;
  read_only.file_system = files.get();
  read_only.allow_damaged_log = true;
  for (const bool writes : {false, true}) {
    auto opened =
        writes ? DB::Open(SmallOptions(files.get()), "db") : DB::OpenReadOnly(read_only, "db");
    if (!opened.ok()) continue;
    DB& db = **opened;
    auto it = db.NewIterator({});
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
    }
    for (it->SeekToLast(); it->Valid(); it->Prev()) {
    }
    static_cast<void>(db.Verify({}).ok());
    if (writes) {
      static_cast<void>(db.Put({}, "key", "value").ok());
      static_cast<void>(db.CompactAll({}).ok());
    }
    it.reset();
    static_cast<void>(db.Close().ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
