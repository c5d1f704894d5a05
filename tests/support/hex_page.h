// The examples of the format pages: bytes in ```hex blocks, what follows a '#' is for people.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "util/escape.h"

namespace logwood::test {

// The bytes of each block of docs/format/NAME.md, in order.
inline std::vector<std::string> HexBlocksOf(const std::string& name) {
  std::ifstream in(LOGWOOD_SOURCE_DIR "/docs/format/" + name + ".md");
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = !inside && line == "```hex";
      if (inside) blocks.emplace_back();
      continue;
    }
    if (!inside) continue;
    std::string digits = line.substr(0, line.find('#'));
    std::erase(digits, ' ');
    const std::optional<std::string> bytes = FromHex(digits);
    EXPECT_TRUE(bytes.has_value()) << line;
    blocks.back() += bytes.value_or("");
  }
  return blocks;
}

// Of a page whose blocks follow one another in one file.
inline std::string HexOf(const std::string& name) {
  const std::vector<std::string> blocks = HexBlocksOf(name);
  return std::accumulate(blocks.begin(), blocks.end(), std::string());
}

}  // namespace logwood::test
