// Any bytes as the operations of a commit.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "db/fold.h"
#include "memtable/memtable.h"
#include "util/batch_codec.h"

namespace {

using namespace logwood;

void Look(std::string_view bytes) {
  BatchReader in(bytes);
  for (BatchOperation operation; in.Next(&operation);) {
    if (operation.stored_key.size() > bytes.size()) __builtin_trap();
  }
  const auto memtable = std::make_shared<Memtable>();
  static_cast<void>(InsertFolded(bytes, 5, memtable.get()).ok());
  auto it = memtable->NewIterator();
  std::string before;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (!before.empty() && it->entry().key <= before) __builtin_trap();  // one entry a key
    before = it->entry().key;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
