#include "tools/numbers.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <system_error>
#include <vector>

#include "tools/report.h"
#include "tools/text_codec.h"

namespace logwood::tools {

bool IsOfNumbers(const MergeOperator& built_in) {
  constexpr std::string_view kNames[] = {"add_int64", "add_int64_wrapping", "min_int64",
                                         "max_int64"};
  return std::find(std::begin(kNames), std::end(kNames), built_in.name()) != std::end(kNames);
}

std::shared_ptr<const MergeOperator> BuiltInOf(DB& db, Keyspace keyspace) {
  const Result<std::vector<KeyspaceInfo>> all = db.ListKeyspaces();
  if (!all.ok()) return nullptr;
  const auto info = std::find_if(all->begin(), all->end(), [keyspace](const KeyspaceInfo& one) {
    return one.keyspace.number() == keyspace.number();
  });
  if (info == all->end()) return nullptr;
  auto built_in = MergeOperator::BuiltIn(info->merge_operator);
  const bool is_it = built_in != nullptr && built_in->version() == info->merge_operator_version;
  return is_it ? built_in : nullptr;
}

bool HoldsNumbers(DB& db, Keyspace keyspace) {
  const std::shared_ptr<const MergeOperator> built_in = BuiltInOf(db, keyspace);
  return built_in != nullptr && IsOfNumbers(*built_in);
}

Shown HowShown(DB& db, Keyspace keyspace) {
  const std::shared_ptr<const MergeOperator> built_in = BuiltInOf(db, keyspace);
  if (built_in == nullptr) return Shown::kAsText;
  if (IsOfNumbers(*built_in)) return Shown::kAsNumber;
  return built_in->name() == "set_union" ? Shown::kAsSet : Shown::kAsText;
}

std::optional<std::string> EncodeNumber(std::string_view name, std::string_view text,
                                        std::string_view advice) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return EncodeInt64(number);
  PrintError("bad " + std::string(name), text, advice);
  return std::nullopt;
}

void AppendNumber(std::string_view value, std::string* to) {
  if (const std::optional<int64_t> number = DecodeInt64(value)) {
    to->append(std::to_string(*number));
    return;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    to->append("\\x").append({kDigits[byte >> 4], kDigits[byte & 15]});
  }
}

void AppendSet(std::string_view value, std::string* to) {
  std::vector<std::string_view> elements;
  if (!DecodeSet(value, &elements)) return AppendEncoded(TextFormat::kAuto, value, to);
  constexpr std::string_view kEmpty = "''";
  for (const std::string_view element : elements) {
    if (element != elements.front()) to->push_back(' ');
    if (element.empty()) to->append(kEmpty);
    for (const char c : Encode(TextFormat::kAuto, element)) {
      if (c == ' ') {
        to->append("\\x20");
      } else if (element == kEmpty) {
        to->append("\\x27");
      } else {
        to->push_back(c);
      }
    }
  }
}

void AppendShown(Shown how, std::string_view value, std::string* to) {
  switch (how) {
    case Shown::kAsNumber:
      return AppendNumber(value, to);
    case Shown::kAsSet:
      return AppendSet(value, to);
    case Shown::kAsText:
      return AppendEncoded(TextFormat::kAuto, value, to);
  }
}

}  // namespace logwood::tools
