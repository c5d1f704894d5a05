// Any bytes as lines of TSV and of JSON: what is a record comes back from what is printed of it.
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
    std::string line(bytes.substr(0, end));  // parsing spoils it
    if (parser.Parse(line)) {
      RecordFields fields;
      if (keyspaces == RecordParser::Keyspaces::kNamed) fields.keyspace = parser.keyspace();
      fields.key = parser.key();
      fields.value = parser.value();
      std::string printed;
      AppendRecord(format, fields, &printed);
      printed.pop_back();
      if (!again.Parse(printed) || again.keyspace() != parser.keyspace() ||
          again.key() != parser.key() || again.value() != parser.value()) {
        __builtin_trap();
      }
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

void Look(std::string_view bytes) {
  for (const RecordFormat format : {RecordFormat::kTsv, RecordFormat::kJsonLines}) {
    for (const auto keyspaces :
         {RecordParser::Keyspaces::kNotNamed, RecordParser::Keyspaces::kNamed}) {
      LookAs(format, keyspaces, bytes);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
