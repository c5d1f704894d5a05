// Any bytes as lines of TSV and of JSON: what is a record comes back from what is printed of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/record_format.h"

namespace {

using logwood::tools::RecordFields;
using logwood::tools::RecordFormat;
using logwood::tools::RecordParser;

void LookAs(RecordFormat format, RecordParser::Keyspaces keyspaces, std::string_view bytes) {
  RecordParser parser(format, keyspaces), again(format, keyspaces);
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    std::string line(bytes.substr(0, end));
    if (parser.Parse(line)) {
      RecordFields record = {.key = parser.key(), .value = parser.value()};
      if (keyspaces == RecordParser::Keyspaces::kNamed) record.keyspace = parser.keyspace();
      std::string printed;
      AppendRecord(format, record, &printed);
      printed.pop_back();
      if (!again.Parse(printed) || again.key() != parser.key() || again.value() != parser.value() ||
          again.keyspace() != parser.keyspace())
        __builtin_trap();
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

void Look(std::string_view bytes) {
  for (const RecordFormat format : {RecordFormat::kTsv, RecordFormat::kJsonLines}) {
    LookAs(format, RecordParser::Keyspaces::kNotNamed, bytes);
    LookAs(format, RecordParser::Keyspaces::kNamed, bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
