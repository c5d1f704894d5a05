// Any bytes as a manifest, whole and damaged, as ROOT, as an edit, as what an edit knows of a
// table, and as stored settings.
#include <memory>
#include <string>
#include <string_view>

#include "db/edit.h"
#include "db/file_names.h"
#include "db/manifest.h"
#include "db/manifest_scan.h"
#include "db/recovery.h"
#include "db/settings.h"
#include "table/table_meta.h"
#include "tests/fuzz/file_of_bytes.h"
#include "tests/fuzz/fuzz_target.h"

using namespace logwood;

namespace {

// What they say once, they say again.
void LookAtParts(std::string_view bytes) {
  const auto edit = Edit::Decode(bytes);
  if (test::Note(edit.status())) {
    const std::string again = edit->Encode();
    auto second = Edit::Decode(again);
    test::Demand(second.ok() && second->Encode() == again);
  }
  TableMeta meta, second;
  if (DecodeTableMeta(bytes, &meta)) {
    std::string again;
    EncodeTableMeta(meta, &again);
    test::Demand(DecodeTableMeta(again, &second) && second == meta);
  }
  test::Note(ResolveSettings(Options(), bytes).status().ToString());
}

void LookAround(FileSystem* files) {
  auto scan = ScanManifest(files, "db", 7);
  test::Note(scan.status().ToString());
  if (!scan.ok()) return;
  test::Demand(scan->chains.size() >= scan->edits.size());  // an unknown edit is a gap
  for (const Edit& edit : scan->edits) test::Note(edit.Encode());
  for (const ManifestScan::Gap& gap : scan->gaps) {
    test::Demand(gap.offset <= gap.end);
    test::Note(gap.what);
  }
}

}  // namespace

FUZZ_TARGET(manifest, bytes) {
  const auto files = test::FilesWith({{ManifestFileName(7), bytes}, {kRootFileName, bytes}});
  LookAtParts(bytes);
  LookAround(files.get());
  test::Note(ReadRoot(files.get(), "db").status());
  auto contents = ReadManifest(files.get(), "db", 7);
  test::Note(contents.status());
  test::Demand(!contents.ok() || contents->edits.size() == contents->states.size());
  // As the manifest of a directory: its edits are added up.
  Root root;
  root.manifest = 7;
  if (contents.ok() && !contents->edits.empty()) {
    root.history_id = contents->edits[0].history_id.value_or(Id128{});
    root.instance_id = contents->edits[0].instance_id.value_or(Id128{});
  }
  if (WriteRoot(files.get(), "db", root).ok()) test::Note(LoadTree(files.get(), "db").status());
}
