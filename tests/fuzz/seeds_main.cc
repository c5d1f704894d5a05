// logwood_fuzz_seeds FOLDER: writes FOLDER/corpus/TARGET/*, the inputs fuzzing begins with, and
// FOLDER/shapes/*, the databases that the inputs of `directory` damage. Most are parts of the
// databases of tests/damage, the rest is made by hand. tests/fuzz/run --seeds calls it with
// tests/fuzz. The databases are not the same twice, and what was found with some is an input only
// together with them: those that are there are read and not made anew.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "db/catalogue.h"
#include "db/edit.h"
#include "db/manifest_scan.h"
#include "logwood/db.h"
#include "logwood/merge_operator.h"
#include "logwood/simulated_file_system.h"
#include "logwood/write_batch.h"
#include "table/table_builder.h"
#include "tests/damage/damage_shape.h"
#include "tests/fuzz/file_of_bytes.h"
#include "tests/support/crash_explorer.h"
#include "tests/support/directory.h"
#include "util/batch_codec.h"
#include "util/coding.h"
#include "util/expiring_value.h"
#include "util/internal_key.h"
#include "util/merge_value.h"

namespace logwood::test {

namespace {

std::string root;
constexpr const char* kShapes[] = {"closed", "killed", "torn"};

void Must(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "logwood_fuzz_seeds: %s\n", status.ToString().c_str());
  std::exit(1);
}

void Write(const std::string& name, const std::string& bytes) {
  const std::string path = root + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  Must(WriteFile(FileSystem::Posix(), path, bytes));
}

std::string Golden(const std::string& name) {
  auto bytes = ReadFile(FileSystem::Posix(), LOGWOOD_SOURCE_DIR "/tests/testdata/golden/" + name);
  Must(bytes.status());
  return *bytes;
}

// With another id wherever the file says its own (util/file_header.h): no checksum fits any more,
// and all else does.
std::string Forged(std::string bytes) {
  const std::string id = bytes.substr(24, 16);
  for (size_t at = 0; (at = bytes.find(id, at)) != std::string::npos; at += id.size()) {
    for (size_t i = 0; i < id.size(); ++i) bytes[at + i] = static_cast<char>(~id[i]);
  }
  return bytes;
}

FileContents Shape(size_t number) {
  const std::string name = std::string("shapes/") + kShapes[number];
  if (!std::filesystem::exists(root + "/" + name)) {
    SimulatedFileSystem disk;
    Must(WriteDirectory(&disk, "db", MakeShape(kShapeKinds[number]).files));
    Write(name, disk.Save());
  }
  auto bytes = ReadFile(FileSystem::Posix(), root + "/" + name);
  Must(bytes.status());
  auto disk = SimulatedFileSystem::Load(*bytes);
  Must(disk.status());
  auto files = ReadDirectory(disk->get(), "db");
  Must(files.status());
  return *files;
}

// The shape's files whose names end so, smaller numbers first.
std::vector<std::string> FilesOf(const FileContents& shape, std::string_view ending) {
  std::vector<std::string> found;
  for (const auto& [name, bytes] : shape) {
    if (name.ends_with(ending)) found.push_back(bytes);
  }
  return found;
}

// Without the zeros behind its last record, which say nothing.
std::string Trimmed(const std::string& segment) {
  return segment.substr(0, std::min(segment.size(), segment.find_last_not_of('\0') + 9));
}

void WriteExpiringBatches() {
  using std::chrono::microseconds;
  WriteBatch puts, merged;
  puts.Put("a", "1");
  puts.PutExpiring("a", "2", microseconds(1));
  puts.PutExpiring("b", "", kTtlMax);
  puts.PutExpiring("c", std::string(300, 'v'), kNoExpiry);
  puts.DeleteRange("b", "bb");
  puts.PutExpiring("d", "4", std::chrono::hours(1));
  puts.Delete("d");
  merged.PutExpiring("a", "1", microseconds(500'000));
  merged.Merge("a", "2");
  merged.Merge("b", "3");
  merged.PutExpiring("c", std::string(150, '+'), microseconds(700'000));
  merged.Merge("c", "4");
  merged.PutExpiring("c", "5", kNoExpiry);
  merged.Merge("c", "6");
  Write("corpus/batch/expiring", std::string(puts.operations()));
  Write("corpus/batch/expiring_merged", std::string(merged.operations()));
  std::string too_short, too_long;
  AppendOperation(&too_short, EntryKind::kPutExpiring, 1, "key", "7 bytes");
  std::string value;
  AppendExpiring(&value, static_cast<uint64_t>(kTtlMax.count()) + 1, "value");
  AppendOperation(&too_long, EntryKind::kPutExpiring, 1, "key", value);
  Write("corpus/batch/expiring_too_short", too_short);
  Write("corpus/batch/expiring_too_long", too_long);
}

void WriteBatches() {
  WriteBatch two, many;
  two.Put("key1", "abc");
  two.Put("key2", "");
  many.Put("b", "1");
  many.Delete("a");
  many.Put("b", std::string(300, 'v'));
  many.Put("", "of the empty key");
  const std::string other = Catalogue::CreateOperations("photos", 2);
  std::string keyspaces = other;
  for (const uint32_t number : {1u, 2u, 239u, 240u, 70000u}) {
    AppendOperation(&keyspaces, EntryKind::kPut, number, "key", "value");
    AppendOperation(&keyspaces, EntryKind::kDelete, number, "gone", "");
  }
  WriteBatch ranges, overlapping;
  ranges.Put("b", "before");
  ranges.DeleteRange("a", "c");
  ranges.Put("bb", "behind");
  ranges.DeleteRange("k", std::nullopt);
  ranges.DeleteRange("", "\xff\xff");
  ranges.Put("z", "last");
  for (const char* end : {"d", "c", "f", "e"}) {
    overlapping.DeleteRange(end == std::string("f") ? "b" : "a", end);
    overlapping.Put("c", end);
  }
  std::string wrong = std::string(two.operations());
  wrong += std::string("\x03\x02\x01k\x02\x01k", 7);  // an empty range
  std::string far = std::string(two.operations());
  far += std::string("\x03\x02\x01k\x02\x02k", 7);  // into the next keyspace
  std::string of_keyspaces;
  for (const uint32_t number : {1u, 239u, 240u, 70000u})
    AppendRangeDelete(&of_keyspaces, KeyspacePrefix(number), KeyspaceEnd(number));
  WriteExpiringBatches();
  Write("corpus/batch/ranges", std::string(ranges.operations()));
  Write("corpus/batch/ranges_overlapping", std::string(overlapping.operations()));
  Write("corpus/batch/ranges_of_keyspaces", keyspaces + of_keyspaces + keyspaces);
  Write("corpus/batch/range_empty", wrong);
  Write("corpus/batch/range_too_far", far);
  Write("corpus/batch/two", std::string(two.operations()));
  Write("corpus/batch/one_key_often", std::string(many.operations()));
  Write("corpus/batch/keyspaces", keyspaces);
  Write("corpus/batch/unknown_kind", std::string(two.operations()) + "\x07\x02\x01k\x01v");

  const std::string dropped = Catalogue::DropOperations("photos", 2);
  Write("corpus/catalogue/created", other + Catalogue::CreateOperations("", 3));
  Write("corpus/catalogue/dropped", other + dropped);
  Write("corpus/catalogue/back", other + dropped + Catalogue::CreateOperations("photos", 3));
  // As a list of rows.
  std::string rows;
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"kphotos", "\x02"},
           {"kmusic", "\x83\x01"},
           {std::string("d\0\0\0\x02", 5), "photos"}}) {
    rows += '\x01';
    PutLengthPrefixed(&rows, key);
    PutLengthPrefixed(&rows, value);
  }
  Write("corpus/catalogue/rows", rows);
}

// As tests/fuzz/merge_fuzz.cc takes them apart.
void WriteMerge(const std::string& name, uint8_t merge_operator, const MergedOnto& base,
                const std::vector<std::vector<std::string>>& entries) {
  std::string bytes = {static_cast<char>(merge_operator), '\1', static_cast<char>(base.kind)};
  PutLengthPrefixed(&bytes, base.value);
  if (base.kind == MergeBase::kExpiring) PutFixed64(&bytes, base.expires_us);
  for (const std::vector<std::string>& operands : entries) {
    std::string entry;
    AppendMergeBase(&entry, {});
    for (const std::string& operand : operands) AppendMergeOperand(&entry, operand);
    PutLengthPrefixed(&bytes, entry);
  }
  Write("corpus/merge/" + name, bytes);
}

void WriteMergeBatches() {
  WriteBatch merges, folded;
  merges.Merge("a", "onto nothing");
  merges.Put("b", "1");
  merges.Merge("b", "2");
  merges.Merge("c", "lost");
  merges.DeleteRange("c", "d");
  merges.Merge("c", "");
  merges.Merge("a", "behind");
  merges.Delete("b");
  merges.Merge("b", std::string(150, '+'));
  Write("corpus/batch/merges", std::string(merges.operations()));
  for (int i = 0; i < 9; ++i) folded.Merge(i % 2 == 0 ? "a" : "b", std::to_string(i));
  Write("corpus/batch/merges_of_two_keys", std::string(folded.operations()));
}

void WriteMerges() {
  WriteMergeBatches();
  const std::string most = EncodeInt64(std::numeric_limits<int64_t>::max());
  const std::string one = EncodeInt64(1), minus = EncodeInt64(-1);
  const std::string_view red = "red", blue = "blue";
  const std::string reds = EncodeSet({&red, 1}), blues = EncodeSet({&blue, 1});
  const MergedOnto nothing{.kind = MergeBase::kNothing, .value = {}};
  WriteMerge("add", 0, {.kind = MergeBase::kValue, .value = most}, {{minus, minus}, {one, one}});
  WriteMerge("add_to_other_bytes", 0, {.kind = MergeBase::kValue, .value = red}, {{one}, {one}});
  WriteMerge("add_wrapping", 1, {.kind = MergeBase::kValue, .value = most}, {{minus}, {one}});
  WriteMerge("smallest", 2, {}, {{one, minus}, {most}});
  WriteMerge("append", 6, nothing, {{"c"}, {"", "b"}, {"a"}});
  WriteMerge("set", 7, {.kind = MergeBase::kExpiring, .value = blues, .expires_us = 999},
             {{reds, blues}, {reds}});
  WriteMerge("bits", 8, {.kind = MergeBase::kExpiring, .value = "a", .expires_us = 1001},
             {{"\x80"}, {"bc"}});
  // An entry that has a base, above one that does not count then; and one whose head is unknown.
  std::string entry;
  AppendMergeBase(&entry, {.kind = MergeBase::kValue, .value = "a"});
  AppendMergeOperand(&entry, "b");
  std::string bytes("\6\0\0\0", 4);
  PutLengthPrefixed(&bytes, entry);
  PutLengthPrefixed(&bytes, std::string("\0\1x", 3));
  Write("corpus/merge/hides", bytes);
  entry[0] = '\x12';
  PutLengthPrefixed(&bytes, entry);
  Write("corpus/merge/unknown_head", bytes);
}

void WriteLogs() {
  const std::string golden = Golden("log_v1.log");
  Write("corpus/log_segment/golden", Trimmed(golden));
  Write("corpus/log_segment/forged", Forged(Trimmed(golden)));
  Write("corpus/log_segment/slots", Trimmed(Golden("log_v1_slots.log")));
  std::vector<std::string> logs[3];
  for (size_t i = 0; i < 3; ++i) logs[i] = FilesOf(Shape(i), ".log");
  Write("corpus/log_segment/sealed", Trimmed(logs[0].front()));
  Write("corpus/log_segment/closed", Trimmed(logs[0].back()));
  Write("corpus/log_segment/unsynced", Trimmed(logs[1].back()));
  Write("corpus/log_segment/torn", logs[2].back());

  const auto replayed = [](const char* name, std::vector<std::string> segments) {
    size_t left = 0;
    for (std::string& segment : segments) {
      segment = Trimmed(segment);
      left += segment.size() + 1;
    }
    std::string bytes;
    for (std::string& segment : segments) {
      --left;
      // A share of 255 parts of what is left must be long enough: zeros follow.
      const size_t parts = (segment.size() * 255 + left - 1) / std::max<size_t>(left, 1);
      const size_t share = left * parts / 255;
      bytes += static_cast<char>(parts);
      left += share - segment.size();
      segment.resize(share);
      bytes += segment;
      left -= share;
    }
    Write(std::string("corpus/replay/") + name, bytes);
  };
  const auto last = [](const std::vector<std::string>& all, size_t number) {
    return std::vector<std::string>(
        all.end() - static_cast<ptrdiff_t>(std::min(number, all.size())), all.end());
  };
  replayed("closed", last(logs[0], 2));
  replayed("unsynced", last(logs[1], 3));
  replayed("torn", last(logs[2], 2));
  replayed("first", {logs[1].front()});
  std::vector<std::string> forged = last(logs[1], 2);
  for (std::string& segment : forged) segment = Forged(segment);
  replayed("forged", forged);
  replayed("one_is_gone", {logs[1].front(), logs[1].back()});
}

// One put that expires, plain; and with as little as is wrong.
void WriteExpiringTables() {
  const auto files = FileSystem::InMemory();
  const auto table = [&](EntryKind kind, const std::string& value) {
    auto file = files->CreateWritable("table");
    Must(file.status());
    TableBuilder builder(file->get(), {.compression = Compression::kNone}, 1, Id128{1, 2});
    builder.Add(KeyspacePrefix(1) + "key", PackTrailer(7, kind), value);
    Must(builder.Finish().status());
    Must((*file)->Close());
    auto bytes = ReadFile(files.get(), "table");
    Must(bytes.status());
    return *bytes;
  };
  std::string soon, never;
  AppendExpiring(&soon, 1'700'000'000'000'000, "MARK");
  AppendExpiring(&never, ~uint64_t{0}, "");
  Write("corpus/table/expires", table(EntryKind::kPutExpiring, soon));
  Write("corpus/table/expires_last", table(EntryKind::kPutExpiring, never));
  // Its kind stands before the lengths of key and value (docs/format/table.md), one byte each.
  std::string short_one = table(EntryKind::kPut, "MARK");
  char& kind = short_one[short_one.find("MARK") - 3];
  if (kind != static_cast<char>(EntryKind::kPut)) Must(Status::Corruption("not a put"));
  kind = static_cast<char>(EntryKind::kPutExpiring);
  Write("corpus/table/expires_too_short", short_one);
}

void WriteTables() {
  WriteExpiringTables();
  Write("corpus/table/snappy", Golden("table_v1_snappy.table"));
  // Each way a table of the shapes can be: the smallest that holds it, without the others.
  std::vector<std::string> tables = FilesOf(Shape(0), ".table");
  const auto smaller = [](const std::string& a, const std::string& b) {
    return a.size() < b.size();
  };
  std::sort(tables.begin(), tables.end(), smaller);
  Write("corpus/table/smallest", tables.front());
  Write("corpus/table/middle", tables[tables.size() / 2]);
  Write("corpus/table/largest", tables.back());
  Write("corpus/table/forged", Forged(tables[tables.size() / 3]));
  std::string cut = tables[tables.size() / 2];
  Write("corpus/table/cut", cut.substr(0, cut.size() * 2 / 3));
}

void WriteManifests() {
  Write("corpus/manifest/golden", Golden("manifest_v1.manifest"));
  Write("corpus/manifest/root", Golden("root_v1.root"));
  Write("corpus/manifest/forged", Forged(Golden("manifest_v1.manifest")));
  for (size_t i = 0; i < 2; ++i) {
    const std::string manifest = FilesOf(Shape(i), ".manifest").back();
    Write(std::string("corpus/manifest/") + kShapes[i], manifest);
    const auto files = FilesWith({{"000007.manifest", manifest}});
    auto scan = ScanManifest(files.get(), "db", 7);
    Must(scan.status());
    const std::string prefix = std::string("corpus/manifest/") + kShapes[i];
    Write(prefix + "_edit", scan->edits.back().Encode());
    const Edit& first = scan->edits.front();
    if (first.settings) Write("corpus/manifest/settings", *first.settings);
    for (const auto& [level, meta] : first.added) {
      std::string bytes;
      EncodeTableMeta(meta, &bytes);
      Write("corpus/manifest/table_meta", bytes);
    }
  }
}

// One damage of each kind, of each kind of file, of each shape; and several at once.
void WriteDirectories() {
  constexpr const char* kDamages[] = {"cut",    "overwritten", "zeroed",   "replaced",
                                      "longer", "gone",        "stranger", "twice"};
  const auto damage = [](std::string* to, size_t file, uint8_t kind, uint64_t at) {
    *to += static_cast<char>(file);
    *to += static_cast<char>(kind);
    PutVarint(to, at);
    PutLengthPrefixed(to, kind == 1 || kind == 4 ? "\x01\x40 other bytes" : "");
  };
  for (size_t shape = 0; shape < 3; ++shape) {
    const FileContents files = Shape(shape);
    std::map<std::string, std::vector<size_t>> kinds;
    size_t number = 0;
    for (const auto& [name, bytes] : files) {
      kinds[name.substr(name.find('.') + 1)].push_back(number++);
    }
    const std::string begin(1, static_cast<char>(shape));
    std::string several = begin;
    uint8_t kind = static_cast<uint8_t>(shape);
    for (const auto& [name, numbers] : kinds) {
      for (int i = 0; i < 4; ++i, kind = static_cast<uint8_t>((kind + 1) % 8)) {
        const size_t file = numbers[static_cast<size_t>(i) * (numbers.size() - 1) / 3];
        const uint64_t at = static_cast<uint64_t>(i) * 977 + 70;
        std::string bytes = begin;
        damage(&bytes, file, kind, at);
        damage(&several, file, kind, at * 3);
        Write(std::string("corpus/directory/") + kShapes[shape] + "_" + name + "_" +
                  kDamages[kind] + std::to_string(i),
              bytes);
      }
    }
    Write(std::string("corpus/directory/") + kShapes[shape], begin);
    Write(std::string("corpus/directory/") + kShapes[shape] + "_several", several);
  }
}

void WriteTexts() {
  Write("corpus/records/json",
        "{\"key\":\"a\",\"value\":\"b\"}\n{\"key_base64\":\"AAE=\",\"value\":\"\\u0001\"}\n");
  Write("corpus/records/keyspaces",
        "photos\tk\\x00\tv\n\\xff\t\t\n"
        "{\"keyspace\":\"a\",\"key\":\"\\u0000\\ud83d\\ude00\",\"value_base64\":\"/w==\"}\n"
        "\xef\xbb\xbf{\"keyspace_base64\":\"/w==\",\"key\":\"\",\"value\":\"\\/\"}\n");
  Write("corpus/records/tsv", "key\tvalue\na\\x00b\t\\t\\n\\\\\n");
  Write("corpus/text/hex",
        "\x10\x03"
        "00fFaB");
  Write("corpus/text/base64",
        "\x05\x40"
        "AAE=");
  Write("corpus/text/escapes",
        "\x08\x02"
        "a\\x00\\t\\n\\r\\\\\xc3\xa9\xe2\x80\x8b\xf0\x9f\x98\x80\xff");
  using namespace std::string_literals;
  Write("corpus/text/lines", "\x04\x01"s + "abcd\nabcde\n\n\r\nlonger than all\nab\0c\nend"s);
}

// A disk in the middle of things: some synced, some not, names likewise.
void WriteDisks() {
  SimulatedFileSystem disk;
  Write("corpus/saved_disk/empty", disk.Save());
  FileContents small = Shape(1);
  std::erase_if(small, [](const auto& file) { return file.first.ends_with(".table"); });
  while (small.size() > 4) small.erase(std::next(small.begin()));
  Must(WriteDirectory(&disk, "db", small));
  Must(disk.SyncDirectory("db"));
  Write("corpus/saved_disk/database", disk.Save());
  SimulatedFileSystem busy;
  Must(busy.CreateDirectory("a"));
  Must(busy.CreateDirectory("a/b"));
  for (const std::string name : {"a/synced", "a/b/unsynced", "a/renamed", "a/gone"}) {
    auto file = busy.CreateWritable(name);
    Must(file.status());
    Must((*file)->Append("first of " + name));
    if (name != "a/b/unsynced") Must((*file)->Sync());
    Must((*file)->Append(std::string(100, '\0') + "second"));
    Must((*file)->Close());
  }
  Must(busy.SyncDirectory("a"));
  Must(busy.Rename("a/renamed", "a/b/new name"));
  Must(busy.Remove("a/gone"));
  Write("corpus/saved_disk/busy", busy.Save());
  Write("corpus/saved_disk/power_lost_1", busy.CrashState(1)->Save());
  Write("corpus/saved_disk/power_lost_2", busy.CrashState(7)->Save());

  CrashOracle oracle;
  oracle.Issue({.changes = {{"", "key", "value"}, {"", "other", "value"}}});
  oracle.Issue({.creates = "side"});
  oracle.Issue({.changes = {{"side", "key", "value"}, {"", "key", std::nullopt}}, .note = "why"});
  SavedCrash crash;
  crash.story = "put create put";
  crash.verify = true;
  crash.damage = 300;
  crash.expected = oracle.Expect(0, 3);
  crash.disk = busy.Save();
  Write("corpus/saved_crash/three_commits", crash.Encode());
  crash.profile = 1;
  crash.read_only_first = true;
  crash.expected = oracle.Expect(3, 3);
  crash.expected.closed_cleanly = crash.expected.keeps_log = true;
  crash.disk = SimulatedFileSystem().Save();
  Write("corpus/saved_crash/closed", crash.Encode());
  std::string expected;
  crash.expected.AppendTo(&expected);
  Write("corpus/saved_crash/expectation", expected);
}

}  // namespace

}  // namespace logwood::test

int main(int argc, char** argv) {
  using namespace logwood::test;
  if (argc != 2) {
    std::fprintf(stderr, "usage: logwood_fuzz_seeds FOLDER\n");
    return 2;
  }
  root = argv[1];
  WriteBatches();
  WriteMerges();
  WriteLogs();
  WriteTables();
  WriteManifests();
  WriteDirectories();
  WriteTexts();
  WriteDisks();
  return 0;
}
