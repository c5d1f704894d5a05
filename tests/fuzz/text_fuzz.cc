// Any bytes as a key or a value on a command line in each of its formats, and as an input that is
// read line by line, the first two bytes saying how.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"
#include "tools/line_reader.h"
#include "tools/text_codec.h"
#include "util/escape.h"

using namespace logwood;
using tools::LineReader;
using tools::TextFormat;

namespace {

void LookAtText(std::string_view bytes) {
  for (const TextFormat format : {TextFormat::kAuto, TextFormat::kEscape, TextFormat::kRaw,
                                  TextFormat::kHex, TextFormat::kBase64}) {
    test::Demand(tools::Decode(format, tools::Encode(format, bytes)) == bytes);
    const std::optional<std::string> decoded = tools::Decode(format, bytes);
    if (!decoded) continue;
    test::Note(Status::Ok());
    test::Note(*decoded);
    test::Demand(decoded->size() <= bytes.size());
    test::Demand(tools::Decode(format, tools::Encode(format, *decoded)) == decoded);
  }
  std::string escaped;
  tools::AppendEscaped(bytes, &escaped);
  test::Demand(escaped == Escape(bytes) && IsValidUtf8(JsonEscape(bytes)));
}

// Against the plain way to take lines.
void LookAtLines(std::string_view bytes, size_t line_bytes_max, size_t read_bytes) {
  std::string_view left = bytes, expected = bytes;
  LineReader reader(
      [&](char* to, size_t size) -> Result<size_t> {
        const size_t taken = std::min(size, left.size());
        left.copy(to, taken);
        left.remove_prefix(taken);
        return taken;
      },
      line_bytes_max, read_bytes);
  for (;;) {
    std::span<char> line;
    const LineReader::Outcome outcome = reader.Next(&line);
    if (outcome == LineReader::Outcome::kEnd) break;
    const size_t end = std::min(expected.find('\n'), expected.size());
    test::Demand(!expected.empty() &&
                 outcome == (end > line_bytes_max ? LineReader::Outcome::kTooLong
                                                  : LineReader::Outcome::kLine));
    if (outcome == LineReader::Outcome::kLine) {
      test::Demand(std::string_view(line.data(), line.size()) == expected.substr(0, end));
      std::fill(line.begin(), line.end(), '?');  // the caller's to change
    }
    expected.remove_prefix(std::min(end + 1, expected.size()));
    // A line that is too long is stepped over only when the next one is asked for.
    test::Demand(outcome == LineReader::Outcome::kTooLong ||
                 reader.bytes_consumed() == bytes.size() - expected.size());
  }
  test::Demand(expected.empty());
}

}  // namespace

FUZZ_TARGET(text, bytes) {
  if (bytes.size() < 2) return;
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::string_view rest = bytes.substr(2);
  LookAtText(rest);
  LookAtLines(rest, at(0), at(1) + size_t{1});
}
