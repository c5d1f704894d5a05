// Any bytes as lines of TSV and of JSON: what is a record comes back from what is printed of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/record_format.h"

namespace {

using logwood::tools::RecordFormat;
using logwood::tools::RecordParser;

void LookAs(RecordFormat format, std::string_view bytes) {
  RecordParser parser(format), again(format);
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    if (parser.Parse(bytes.substr(0, end))) {
      std::string line;
      AppendRecord(format, parser.key(), parser.value(), &line);
      line.pop_back();
      if (!again.Parse(line) || again.key() != parser.key() || again.value() != parser.value())
        __builtin_trap();
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

void Look(std::string_view bytes) {
  LookAs(RecordFormat::kTsv, bytes);
  LookAs(RecordFormat::kJsonLines, bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look({reinterpret_cast<const char*>(data), size});
  return 0;
}
