// Any bytes as rows of the list of keyspaces: as operations of a commit, which are applied and
// loaded from a tree; and, since few bytes are both, as a list of rows.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "db/catalogue.h"
#include "db/fold.h"
#include "memtable/memtable.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/batch_codec.h"
#include "util/coding.h"

using namespace logwood;

namespace {

void LookAtCatalogue(const Catalogue& catalogue) {
  for (const KeyspaceInfo& info : catalogue.List()) {
    test::Note(info.name);
    test::Demand(catalogue.Find(info.name).has_value());
    test::Demand(catalogue.NameOf(info.keyspace.number()).has_value());
  }
  for (const auto& [number, position] : catalogue.Dropped()) {
    test::Note(position);
    test::Demand(number < kKeyspacesMax && catalogue.NameOf(number).has_value());
  }
  const std::optional<uint32_t> next = catalogue.NextNumber();
  // Was never had, so it is neither alive nor known.
  if (next) test::Demand(!catalogue.Live(*next) && !catalogue.NameOf(*next));
  test::Demand(!catalogue.Live(kKeyspacesMax) && !catalogue.Live(~uint32_t{0}));
  // What a segment is told of it makes it anew.
  const std::string told = catalogue.Encode();
  Catalogue again;
  test::Demand(again.Apply(told, catalogue.position()).ok() && again.Encode() == told);
}

void LookAtOperations(std::string_view operations) {
  Catalogue applied;
  const bool is_applied = test::Note(applied.Apply(operations, 5));
  LookAtCatalogue(applied);
  const auto memtable = std::make_shared<Memtable>();
  if (!InsertFolded(operations, {5, 0}, memtable.get()).ok()) return;
  Catalogue loaded;
  const Status status = loaded.Load(memtable->NewIterator().get(), kPositionMax);
  test::Note(status);
  // A row that came last is one of those that were applied.
  test::Demand(status.ok() || !is_applied);
  LookAtCatalogue(loaded);
}

}  // namespace

FUZZ_TARGET(catalogue, bytes) {
  LookAtOperations(bytes);
  std::string operations;
  Decoder in(bytes);
  while (!in.empty() && in.ok()) {
    const bool puts = in.Fixed8() % 2 == 1;
    const std::string_view key = in.LengthPrefixed(), value = in.LengthPrefixed();
    if (!in.ok() || key.size() > kKeyBytesMax) break;
    AppendOperation(&operations, puts ? EntryKind::kPut : EntryKind::kDelete, kCatalogueKeyspace,
                    key, puts ? value : std::string_view());
  }
  LookAtOperations(operations);
}
