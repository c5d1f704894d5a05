// Any bytes as the operations of a commit.
#include <memory>
#include <string>
#include <string_view>

#include "db/fold.h"
#include "memtable/memtable.h"
#include "tests/fuzz/fuzz_target.h"
#include "util/batch_codec.h"

using namespace logwood;

FUZZ_TARGET(batch, bytes) {
  BatchReader in(bytes);
  for (BatchOperation operation; in.Next(&operation);) {
    test::Demand(operation.stored_key.size() <= bytes.size());
  }
  test::Note(in.status());
  const auto memtable = std::make_shared<Memtable>();
  const Status inserted = InsertFolded(bytes, 5, memtable.get());
  test::Note(inserted);
  test::Demand(inserted.ok() == in.ok());
  auto it = memtable->NewIterator();
  std::string before;
  bool is_first = true;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    test::Demand(is_first || it->entry().key > before);  // one entry a key
    before = it->entry().key;
    is_first = false;
    test::Note(it->entry().value);
  }
}
