// Any bytes as a manifest, as ROOT, and as stored settings.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "db/file_names.h"
#include "db/manifest.h"
#include "db/recovery.h"
#include "db/settings.h"
#include "tests/fuzz/fuzz_support.h"

namespace {

using namespace logwood;

void Look(std::string_view bytes) {
  const auto files = test::FilesWith({{ManifestFileName(7), bytes}, {kRootFileName, bytes}});
  auto contents = ReadManifest(files.get(), "db", 7);
  if (contents.ok() && contents->edits.size() != contents->states.size()) __builtin_trap();
  static_cast<void>(ReadRoot(files.get(), "db").ok());
  auto edit = Edit::Decode(bytes);
  if (edit.ok()) {
    // What it says once, it says again.
    const std::string again = edit->Encode();
    auto second = Edit::Decode(again);
    if (!second.ok() || second->Encode() != again) __builtin_trap();
  }
  static_cast<void>(ResolveSettings(Options(), bytes).ok());
  // As the manifest of a directory: its edits are added up.
  Root root;
  root.manifest = 7;
  if (contents.ok() && !contents->edits.empty()) {
    root.history_id = contents->edits[0].history_id.value_or(Id128{});
    root.instance_id = contents->edits[0].instance_id.value_or(Id128{});
  }
  if (WriteRoot(files.get(), "db", root).ok()) static_cast<void>(LoadTree(files.get(), "db").ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
