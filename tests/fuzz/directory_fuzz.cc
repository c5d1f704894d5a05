// A database and what was done to its files: the bytes say which database, and which of its files
// is cut, overwritten, zeroed, removed, replaced by another or by one of another database. Check
// and salvage read it, it opens or says why not, and whatever opens can be read, verified and
// written: no crash, no hang, no memory out of proportion; and what salvage wrote is a database
// without damage. Whether what is read is right, tests/damage asks.
//
// The databases lie in tests/fuzz/shapes, and nothing is done in the background that nobody waits
// for, so that an input means the same each time, also to a later Logwood.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/directory_check.h"
#include "db/salvage.h"
#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/directory.h"
#include "util/coding.h"
#include "util/random.h"

using namespace logwood;

namespace {

Options QuietSmallOptions(FileSystem* files) {
  Options options;
  options.file_system = files;
  options.memory_budget_bytes = 2 << 20;
  options.tuning.memtable_bytes = 256 << 10;
  options.tuning.level0_tables = 64;
  options.tuning.background_threads = 1;
  return options;
}

test::FileContents ShapeOf(const std::string& name) {
  const auto bytes =
      test::ReadFile(FileSystem::Posix(), LOGWOOD_SOURCE_DIR "/tests/fuzz/shapes/" + name);
  test::Demand(bytes.ok());
  const auto disk = SimulatedFileSystem::Load(*bytes);
  test::Demand(disk.ok());
  return *test::ReadDirectory(disk->get(), "db");
}

const test::FileContents& Shape(size_t number) {
  static const test::FileContents shapes[] = {ShapeOf("closed"), ShapeOf("killed"),
                                              ShapeOf("torn")};
  return shapes[number % std::size(shapes)];
}

const std::string& FileNumber(const test::FileContents& files, size_t number) {
  return std::next(files.begin(), static_cast<ptrdiff_t>(number % files.size()))->first;
}

// One damage, at `at` of the file called `name` in `original`.
void Damage1(uint8_t what, const std::string& name, uint64_t at, std::string_view with,
             const test::FileContents& original, test::FileContents* files) {
  std::string& file = (*files)[name];
  const size_t offset = at % (file.size() + 1);
  switch (what % 8) {
    case 0:
      file.resize(offset);
      break;
    case 1:
      file.replace(offset, std::min(with.size(), file.size() - offset), with);
      break;
    case 2:
      std::fill(file.begin() + static_cast<ptrdiff_t>(offset), file.end(), '\0');
      break;
    case 3:
      file = original.at(FileNumber(original, at));
      break;
    case 4:
      file.append(with);
      break;
    case 5:
      files->erase(name);
      break;
    case 6:
      file = Shape(at).at(FileNumber(Shape(at), at / 3));
      break;
    case 7:  // under a name of its own, too
      (*files)["00009" + std::to_string(at % 10) + name.substr(name.find_last_of('.') + 1)] = file;
      break;
  }
}

void DoDamage(std::string_view bytes, const test::FileContents& original,
              test::FileContents* files) {
  Decoder in(bytes);
  while (!in.empty() && in.ok()) {
    const std::string& name = FileNumber(original, in.Fixed8());
    const uint8_t what = in.Fixed8();
    const uint64_t at = in.Varint64();
    const std::string_view with = in.LengthPrefixed();
    if (in.ok()) Damage1(what, name, at, with, original, files);
  }
}

// How many damages it finds; notes are none.
uint64_t CheckAll(FileSystem* files, const std::string& path) {
  DirectoryCheckOptions check;
  check.fs = files;
  check.path = path;
  uint64_t damages = 0;
  check.note = [](const Damage& found) { test::Note(found.ToString()); };
  check.damage = [&](const Damage& found) {
    test::Note(found.ToString());
    ++damages;
  };
  const auto checked = CheckDirectory(check);
  test::Note(checked.status().ToString());
  return checked.ok() ? damages : 1;
}

void ReadAll(DB* db) {
  auto it = db->NewIterator({});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    test::Note(it->key());
    test::Note(it->value());
  }
  test::Note(it->status().ToString());
  for (it->SeekToLast(); it->Valid(); it->Prev()) test::Note(it->key());
  test::Note(it->status().ToString());
}

void SalvageAll(FileSystem* files) {
  SalvageOptions salvage;
  salvage.fs = files;
  salvage.source = "db";
  salvage.target = "saved";
  salvage.memory_bytes = 2 << 20;
  salvage.report = [](const SalvageLoss& loss) { test::Note(loss.damage.ToString()); };
  const auto saved = Salvage(salvage);
  if (!test::Note(saved.status())) return;
  test::Note(saved->records);
  test::Demand(CheckAll(files, "saved") == 0);
}

void OpenAndRead(FileSystem* files, bool writes) {
  ReadOnlyOptions read_only;
  read_only.file_system = files;
  read_only.allow_damaged_log = true;
  auto opened =
      writes ? DB::Open(QuietSmallOptions(files), "db") : DB::OpenReadOnly(read_only, "db");
  if (!test::Note(opened.status())) return;
  DB& db = **opened;
  ReadAll(&db);
  test::Note(db.Verify({}).ToString());
  if (writes) {
    test::Note(db.Put({}, "key", "value").status().ToString());
    // Only the kind: whether it is told what is damaged or that this was found before depends on
    // who came first, the caller or the background.
    test::Note(static_cast<uint64_t>(db.CompactAll({}).code()));
  }
  test::Note(db.Close().ToString());
}

}  // namespace

// The first byte says of which database, and what is done with it: 0 all, else a part of that,
// which leaves time for more inputs.
FUZZ_TARGET(directory, bytes) {
  if (bytes.empty()) return;
  SeedIdsForTesting(1);
  const auto first = static_cast<unsigned char>(bytes.front());
  const int part = first / 3 % 4;
  const test::FileContents& original = Shape(first);
  test::FileContents contents = original;
  DoDamage(bytes.substr(1), original, &contents);
  const auto files = test::FilesWith({contents.begin(), contents.end()});
  if (part == 0 || part == 1) {
    CheckAll(files.get(), "db");
    SalvageAll(files.get());
  }
  if (part == 0 || part == 2) OpenAndRead(files.get(), false);
  if (part == 0 || part == 3) OpenAndRead(files.get(), true);
}
