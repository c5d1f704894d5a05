#include "tools/damage_format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace logwood::tools {
namespace {

Damage DamagedBlock() {
  Damage damage;
  damage.file = "000012.table";
  damage.offset = 64;
  damage.what = "what is wrong";
  return damage;
}

nlohmann::json JsonOf(const Damage& damage) {
  JsonObject object;
  AddDamage(damage, &object);
  return nlohmann::json::parse(object.Finish());
}

TEST(DamageFormat, SaysPlaceKeysAndPositions) {
  Damage damage = DamagedBlock();
  damage.first_keyspace = damage.last_keyspace = "default";
  damage.first_key = "a";
  damage.last_key = "b";
  damage.first_position = 3;
  damage.last_position = 9;
  EXPECT_EQ(DamageText(damage),
            "000012.table:64: what is wrong; keys default/a to default/b; positions 3 to 9");
  EXPECT_EQ(JsonOf(damage), nlohmann::json::parse(R"({
      "file": "000012.table", "offset": 64, "what": "what is wrong",
      "keys": {"first": {"keyspace": "default", "key": "a"},
               "last": {"keyspace": "default", "key": "b"}},
      "first_position": 3, "last_position": 9})"));
}

TEST(DamageFormat, AnEventNamesItsPlaceOnce) {
  Event event;
  event.kind = EventKind::kCorruption;
  event.detail = "a read met damage";
  event.status = Status::Corruption("db/000012.table:64: what is wrong");
  EXPECT_EQ(DamageEventText(event), "a read met damage: db/000012.table:64: what is wrong");
  event.file = "000012.table";
  event.offset = 64;
  EXPECT_EQ(DamageEventText(event), "a read met damage: db/000012.table:64: what is wrong");
  event.detail.clear();
  EXPECT_EQ(DamageEventText(event), "db/000012.table:64: what is wrong");
  event.status = Status();
  event.file = "000012.table";
  event.offset = 64;
  event.detail = DamagedBlock().ToString() + "; left alone";
  EXPECT_EQ(DamageEventText(event), "000012.table:64: what is wrong; left alone");
  event.detail = "what is wrong";
  EXPECT_EQ(DamageEventText(event), "000012.table:64: what is wrong");
}

TEST(DamageFormat, WhatIsNotKnownIsNotSaid) {
  EXPECT_EQ(DamageText(DamagedBlock()), "000012.table:64: what is wrong");
  const nlohmann::json found = JsonOf(DamagedBlock());
  EXPECT_FALSE(found.contains("keys"));
  EXPECT_EQ(found.at("first_position"), 0);
  EXPECT_EQ(found.at("last_position"), 0);
  Damage open_end = DamagedBlock();
  open_end.first_position = 82;
  EXPECT_EQ(DamageText(open_end), "000012.table:64: what is wrong; positions from 82 on");
  EXPECT_EQ(JsonOf(open_end).at("first_position"), 82);
}

// Names are any bytes, and what is printed can be typed or decoded.
TEST(DamageFormat, NamesOfKeyspacesAreWrittenLikeKeys) {
  Damage damage = DamagedBlock();
  damage.first_keyspace = "two\nlines";
  damage.last_keyspace = "\xff";
  EXPECT_EQ(DamageText(damage), "000012.table:64: what is wrong; keys two\\nlines/ to \\xff/");
  const nlohmann::json keys = JsonOf(damage).at("keys");
  EXPECT_EQ(keys.at("first").at("keyspace"), "two\nlines");
  EXPECT_EQ(keys.at("last").at("keyspace_base64"), "/w==");
}

TEST(DamageFormat, AKeyspaceNamedLikeAnUnknownEndIsNamed) {
  Damage damage = DamagedBlock();
  damage.first_keyspace = damage.last_keyspace = "?";
  damage.first_key = "a";
  damage.last_key = "b";
  EXPECT_EQ(DamageText(damage), "000012.table:64: what is wrong; keys ?/a to ?/b");
}

// The empty key is a key.
TEST(DamageFormat, AnEmptyKeyIsSaid) {
  Damage damage = DamagedBlock();
  damage.first_keyspace = damage.last_keyspace = "default";
  EXPECT_EQ(DamageText(damage), "000012.table:64: what is wrong; keys default/ to default/");
  EXPECT_EQ(JsonOf(damage).at("keys").at("first").at("key"), "");
}

TEST(DamageFormat, AnUnknownEndIsAnyKey) {
  Damage damage = DamagedBlock();
  damage.first_keyspace = "photos";
  damage.first_key = "k";
  damage.last_keyspace = "?";
  EXPECT_EQ(DamageText(damage), "000012.table:64: what is wrong; keys photos/k to (any)");
}

TEST(DamageFormat, TheTextIsOneLineWhateverTheKeysHold) {
  Damage damage = DamagedBlock();
  damage.first_keyspace = damage.last_keyspace = "default";
  damage.first_key = "line\nbreak";
  damage.last_key = std::string("\x00\xff", 2);
  const std::string text = DamageText(damage);
  EXPECT_EQ(text.find_first_of(std::string_view("\n\0", 2)), std::string::npos) << text;
  const nlohmann::json keys = JsonOf(damage).at("keys");
  EXPECT_EQ(keys.at("first").at("key"), "line\nbreak");
  EXPECT_EQ(keys.at("last").at("key_base64"), "AP8=");
}

TEST(DamageFormat, ThePositionsBeginAtZeroWhereOnlyTheLastIsKnown) {
  Damage damage = DamagedBlock();
  damage.last_position = 9;
  EXPECT_EQ(DamageText(damage), "000012.table:64: what is wrong; positions 0 to 9");
}

}  // namespace
}  // namespace logwood::tools
