#include "tools/shell_word.h"

#include <algorithm>

#include "tools/text_codec.h"

namespace logwood::tools {

namespace {

bool NeedsNoQuotes(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') ||
         std::string_view("/._-+,:@%=").find(byte) != std::string_view::npos;
}

std::string ReplaceAll(std::string_view text, char from, std::string_view to) {
  std::string replaced;
  for (const char byte : text) {
    if (byte == from) {
      replaced.append(to);
    } else {
      replaced.push_back(byte);
    }
  }
  return replaced;
}

}  // namespace

std::string ShellPath(std::string_view path) {
  const std::string word =
      (path.starts_with('-') || path.starts_with('=') ? "./" : "") + std::string(path);
  if (!word.empty() && std::all_of(word.begin(), word.end(), NeedsNoQuotes)) return word;
  const std::string escaped = Encode(TextFormat::kAuto, word);
  if (escaped == ReplaceAll(word, '\\', "\\\\")) return "'" + ReplaceAll(word, '\'', "'\\''") + "'";
  return "$'" + ReplaceAll(escaped, '\'', "\\'") + "'";
}

}  // namespace logwood::tools
