// Any bytes as lines of TSV and of JSON: what is a record comes back from what is printed of it.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"
#include "tools/record_format.h"

using namespace logwood;
using tools::RecordFields;
using tools::RecordFormat;
using tools::RecordParser;

namespace {

void LookAtLine(RecordFormat format, RecordParser::Keyspaces keyspaces, std::string line) {
  RecordParser parser(format, keyspaces), again(format, keyspaces);
  if (!parser.Parse(line)) {
    test::Demand(!parser.error().empty());
    return test::Note(parser.error());
  }
  test::Note(Status::Ok());
  const bool named = keyspaces == RecordParser::Keyspaces::kNamed;
  RecordFields record = {.key = parser.key(), .value = parser.value()};
  if (named) record.keyspace = parser.keyspace();
  std::string printed;
  AppendRecord(format, record, &printed);
  printed.pop_back();
  test::Note(printed);
  const uint64_t record_bytes = parser.key().size() + parser.value().size();
  test::Demand(named || printed.size() <= tools::LineBytesMax(format, record_bytes));
  test::Demand(again.Parse(printed) && again.key() == parser.key() &&
               again.value() == parser.value() && again.keyspace() == parser.keyspace());
}

}  // namespace

FUZZ_TARGET(records, bytes) {
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    for (const RecordFormat format : {RecordFormat::kTsv, RecordFormat::kJsonLines}) {
      for (const auto keyspaces :
           {RecordParser::Keyspaces::kNotNamed, RecordParser::Keyspaces::kNamed}) {
        LookAtLine(format, keyspaces, std::string(bytes.substr(0, end)));
      }
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}
