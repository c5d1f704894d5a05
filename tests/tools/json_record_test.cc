#include "tools/json_record.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "tests/support/environment.h"
#include "util/escape.h"
#include "util/random.h"

namespace logwood::tools {
namespace {

using nlohmann::json;
using Members = std::map<std::string, std::string>;  // name without _base64 -> bytes

// What a library that knows all of JSON makes of the line; nullopt: it is no record.
std::optional<Members> ByTheBook(const std::string& line) {
  if (line.find('\0') != std::string::npos) return std::nullopt;  // the library stops there
  Members members;
  std::set<std::string> names;
  bool good = true;
  const auto note_name = [&](int, json::parse_event_t event, json& parsed) {
    if (event != json::parse_event_t::key) return true;
    std::string name = parsed.get<std::string>();
    if (name.ends_with("_base64")) name.resize(name.size() - 7);
    good = good && (name == "key" || name == "value" || name == "keyspace");
    good = names.insert(name).second && good;
    return true;
  };
  const json object = json::parse(line, note_name, /*allow_exceptions=*/false);
  if (object.is_discarded() || !object.is_object() || !good) return std::nullopt;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return std::nullopt;
    const bool base64 = name.ends_with("_base64");
    std::optional<std::string> bytes = value.get<std::string>();
    if (base64) bytes = FromBase64(*bytes);
    if (!bytes.has_value()) return std::nullopt;
    members[name.substr(0, name.size() - (base64 ? 7 : 0))] = *bytes;
  }
  return members;
}

std::optional<Members> ByUs(std::string line, std::string* error) {
  RecordFields fields;
  if (!ParseJsonRecord(line, &fields, error)) return std::nullopt;
  Members members;
  if (fields.keyspace) members["keyspace"] = *fields.keyspace;
  if (fields.key) members["key"] = *fields.key;
  if (fields.value) members["value"] = *fields.value;
  return members;
}

class Lines {
 public:
  explicit Lines(uint64_t seed) : random_(seed) {}

  // A good line, or nearly one.
  std::string Next() {
    static const char* const kNames[] = {"key",        "value",        "keyspace",
                                         "key_base64", "value_base64", "keyspace_base64",
                                         "k\\u0065y",  "ttl"};
    std::string line = Space() + "{";
    const uint64_t members = random_.Uniform(4);
    for (uint64_t i = 0; i < members; ++i) {
      if (i > 0) line += Space() + ",";
      line +=
          Space() + "\"" + kNames[random_.Uniform(8)] + "\"" + Space() + ":" + Space() + Value();
    }
    line += Space() + "}" + Space();
    // A byte that is wrong, missing or too much.
    if (!line.empty() && random_.Uniform(3) == 0) {
      const size_t at = random_.Uniform(line.size());
      const uint64_t kind = random_.Uniform(3);
      if (kind == 0) line[at] = static_cast<char>(random_.Uniform(256));
      if (kind == 1) line.erase(at, 1);
      if (kind == 2) line.insert(at, 1, "\"\\{}[],:u0 "[random_.Uniform(11)]);
    }
    return line;
  }

 private:
  std::string Space() { return std::string(random_.Uniform(8) == 0 ? random_.Uniform(3) : 0, ' '); }
  std::string Value() {
    static const char* const kPieces[] = {"a",
                                          "plain text",
                                          "\xc3\xa9",
                                          "\xf0\x9f\x98\x80",
                                          "\\n",
                                          "\\t",
                                          "\\\"",
                                          "\\\\",
                                          "\\/",
                                          "\\b\\f\\r",
                                          "\\u0000",
                                          "\\u00e9",
                                          "\\u20AC",
                                          "\\ud83d",
                                          "\\ud83d\\ude00",
                                          "\\ude00",
                                          "\\u12",
                                          "\\x41",
                                          "\xff",
                                          "\xc3",
                                          "\x01",
                                          "YQ==",
                                          "YWI=",
                                          "YWJj",
                                          "\xed\xa0\x80",
                                          "\\ud83d\\n",
                                          "\\ud83dx"};
    static const char* const kOthers[] = {"1", "null", "true", "[]", "{}", "[\"a\"]", "-1.5e3"};
    if (random_.Uniform(12) == 0) return kOthers[random_.Uniform(7)];
    std::string text = "\"";
    for (uint64_t pieces = random_.Uniform(4); pieces > 0; --pieces) {
      // The first few are good.
      text += kPieces[random_.Uniform(random_.Uniform(4) == 0 ? 27 : 13)];
    }
    return text + "\"";
  }

  Random random_;
};

TEST(JsonRecord, ReadsWhatAnyJsonReaderReadsAndRefusesTheRest) {
  const uint64_t seed = test::EnvironmentNumber("LOGWOOD_SEED", 1);
  Lines lines(seed);
  uint64_t good = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string line = lines.Next();
    std::string error;
    const std::optional<Members> ours = ByUs(line, &error);
    ASSERT_EQ(ours, ByTheBook(line)) << Escape(line) << "\n" << error << "; LOGWOOD_SEED=" << seed;
    ASSERT_EQ(error.empty(), ours.has_value()) << Escape(line);
    good += ours.has_value();
  }
  EXPECT_GT(good, 10'000U);
  EXPECT_LT(good, 90'000U);
}

TEST(JsonRecord, AByteOrderMarkBeforeTheObjectIsNoPartOfIt) {
  std::string error;
  EXPECT_EQ(ByUs("\xef\xbb\xbf{\"key\":\"k\"}", &error), (Members{{"key", "k"}})) << error;
}

TEST(JsonRecord, SaysInWhichColumnALineIsNoJson) {
  const auto error = [](const std::string& line) {
    std::string text;
    EXPECT_EQ(ByUs(line, &text), std::nullopt) << line;
    return text;
  };
  EXPECT_EQ(error("{\"key\" \"k\"}"), "not JSON: column 8: a colon is missing");
  EXPECT_EQ(error("{\"key\":\"\\ud800\"}"), "not JSON: column 15: half of a surrogate pair");
  EXPECT_EQ(error("{\"key\":\"\\q\"}"), "not JSON: column 9: an unknown escape");
  EXPECT_EQ(error("{\"key\":\"k"), "not JSON: column 10: a string without its end");
  EXPECT_EQ(error("{\"key\":\"k\"},"), "not JSON: column 12: something follows the object");
  EXPECT_EQ(error("{\"key\":\"k\",}"), "not JSON: column 12: a member's name is missing");
}

}  // namespace
}  // namespace logwood::tools
