// Edits: the round trip, and bytes that are none.
#include "db/edit.h"

#include <gtest/gtest.h>

#include "tests/db/db_test_support.h"
#include "util/coding.h"

namespace logwood {
namespace {

using test::FullEdit;

std::string Field(uint64_t tag, std::string_view body) {
  std::string bytes;
  PutVarint(&bytes, tag);
  PutLengthPrefixed(&bytes, body);
  return bytes;
}

TEST(Edit, EveryFieldSurvivesTheRoundTrip) {
  const Edit edit = FullEdit();
  ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(edit.Encode()));
  EXPECT_EQ(back.history_id, edit.history_id);
  EXPECT_EQ(back.instance_id, edit.instance_id);
  EXPECT_EQ(back.epochs, edit.epochs);
  EXPECT_EQ(back.settings, edit.settings);
  EXPECT_EQ(back.next_file_number, edit.next_file_number);
  EXPECT_EQ(back.tables, edit.tables);
  EXPECT_EQ(back.first_segment, edit.first_segment);
  EXPECT_EQ(back.added, edit.added);
  EXPECT_EQ(back.removed, edit.removed);
  ASSERT_TRUE(back.clean_close.has_value());
  EXPECT_EQ(back.clean_close->segment, 18u);
  EXPECT_EQ(back.clean_close->length, 123456u);
  EXPECT_EQ(back.clean_close->last_position, 1002u);
  EXPECT_EQ(back.durable, edit.durable);
  EXPECT_EQ(back.durable_segment, edit.durable_segment);
  EXPECT_EQ(back.expired_us, edit.expired_us);
}

TEST(Edit, AbsentFieldsStayAbsent) {
  ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(Edit().Encode()));
  EXPECT_FALSE(back.history_id || back.instance_id || back.settings || back.next_file_number ||
               back.tables || back.first_segment || back.clean_close || back.durable ||
               back.durable_segment || back.expired_us);
  EXPECT_TRUE(back.epochs.empty() && back.added.empty() && back.removed.empty());
}

// It would let time stand still (docs/format/log.md).
TEST(Edit, ATimeThatNobodyCanHaveSeenIsRefused) {
  constexpr uint64_t kTimeMaxUs = uint64_t{1} << 55;
  for (const uint64_t time_us : {kTimeMaxUs, kTimeMaxUs + 1, ~uint64_t{0}}) {
    Edit expired, tables;
    expired.expired_us = time_us;
    tables.tables = TablesState{17, time_us, 1};
    for (const Edit* edit : {&expired, &tables}) {
      const Status decoded = Edit::Decode(edit->Encode()).status();
      EXPECT_EQ(decoded.code(), time_us > kTimeMaxUs ? StatusCode::kCorruption : StatusCode::kOk)
          << decoded.ToString();
    }
  }
}

TEST(Edit, ZerosAndExtremesAreValuesNotAbsence) {
  Edit edit;
  edit.next_file_number = 0;
  edit.first_segment = ~uint64_t{0};
  edit.tables = TablesState{};
  edit.durable = 0;
  edit.expired_us = 0;
  edit.settings = "";
  ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(edit.Encode()));
  EXPECT_EQ(back.next_file_number, 0u);
  EXPECT_EQ(back.first_segment, ~uint64_t{0});
  EXPECT_EQ(back.tables, TablesState{});
  EXPECT_EQ(back.durable, 0u);
  EXPECT_EQ(back.expired_us, 0u);
  EXPECT_EQ(back.settings, "");
}

TEST(Edit, UnknownEvenTagsAreIgnored) {
  const Edit edit = FullEdit();
  const std::string bytes = Field(2, "whatever") + edit.Encode() + Field(1'000'000, "");
  ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(bytes));
  EXPECT_TRUE(test::Same(back, edit));
}

TEST(Edit, UnknownOddTagsAreRefusedByNumber) {
  const Status status = Edit::Decode(FullEdit().Encode() + Field(1'000'001, "x")).status();
  EXPECT_STATUS(kNotSupported, status);
  EXPECT_EQ(status.message(), "edit: field 1000001 is not known to this version");
}

TEST(Edit, CutAtAnyLengthIsRefusedOrAShorterEdit) {
  const Edit edit = FullEdit();
  const std::string bytes = edit.Encode();
  size_t accepted = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    auto back = Edit::Decode(std::string_view(bytes).substr(0, length));
    if (!back.ok()) {
      EXPECT_STATUS(kCorruption, back);
      continue;
    }
    // Only between two fields; then it holds exactly what was before.
    EXPECT_EQ(back->Encode(), bytes.substr(0, length));
    ++accepted;
  }
  EXPECT_EQ(accepted, 16u);  // one place before each field: 2 epochs, 2 added, 2 removed, 10 others
}

TEST(Edit, FieldsWithBytesLeftOverOrMissingAreRefused) {
  const std::string number = [] {
    std::string body;
    PutVarint(&body, uint64_t{7});
    return body;
  }();
  EXPECT_OK(Edit::Decode(Field(9, number)));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(9, number + "x")));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(9, "")));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(1, "fifteen bytes..")));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(19, number + number)));
}

TEST(Edit, LevelsThatDoNotExistAreRefused) {
  std::string body;
  PutVarint(&body, uint64_t{7});
  EncodeTableMeta(test::MetaOf(5, "a", "b"), &body);
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(15, body)));
  std::string removed;
  PutVarint(&removed, ~uint64_t{0});
  PutVarint(&removed, uint64_t{5});
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(17, removed)));
}

// Field 26, behind the field that adds the table, whichever that is.
TEST(Edit, WhatExpiresOfATableSurvivesTheRoundTripInAFieldOfItsOwn) {
  Edit edit;
  edit.added = {{0, test::MetaOf(5, "a", "b")}, {6, test::MetaOf(9, "x", "z")}};
  edit.added[1].second.range_deletes = 3;
  const std::string without = edit.Encode();
  const ExpiryProfile profile{2, {1, 2, 2, 200}};
  const std::string field = Field(26, "\x02\x01\x02\x02\xc8\x01");
  for (const bool first : {false, true}) {
    edit.added[1].second.expiry = profile;
    if (first) edit.added[0].second.expiry = profile;
    const std::string with = edit.Encode();
    EXPECT_EQ(with.size(), without.size() + field.size() * (first ? 2 : 1));
    EXPECT_TRUE(with.ends_with(field));
    ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(with));
    EXPECT_EQ(back.added, edit.added);
  }
}

TEST(Edit, WhatExpiresOfNoTableOrImpossiblyIsRefused) {
  std::string body;
  EncodeExpiry({2, {1, 2, 2, 200}}, &body);
  const std::string good = Field(26, body);
  EXPECT_STATUS(kCorruption, Edit::Decode(good));
  Edit edit;
  EXPECT_STATUS(kCorruption, Edit::Decode(good + edit.Encode()));
  edit.added = {{0, test::MetaOf(5, "a", "b")}};
  const std::string table = edit.Encode();
  EXPECT_OK(Edit::Decode(table + good));
  EXPECT_STATUS(kCorruption, Edit::Decode(good + table));
  EXPECT_STATUS(kCorruption, Edit::Decode(table + Field(26, "")));
  EXPECT_STATUS(kCorruption, Edit::Decode(table + Field(26, body + "x")));
  EXPECT_STATUS(kCorruption, Edit::Decode(table + Field(26, std::string("\0\1\2\2\3", 5))));
  EXPECT_STATUS(kCorruption, Edit::Decode(table + Field(26, "\2\2\1\2\3")));
  edit.added[0].second.entries = 1;
  edit.added[0].second.tombstones = 0;
  EXPECT_STATUS(kCorruption, Edit::Decode(edit.Encode() + good)) << "more than it has entries";
  // What stands between is no matter, also where this build does not know it.
  EXPECT_OK(Edit::Decode(table + Field(1'000'000, "x") + good));
}

TEST(Edit, TheTimeOfWhatMayBeGoneIsANumber) {
  ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(Field(28, "\xac\x02")));
  EXPECT_EQ(back.expired_us, 300u);
  EXPECT_EQ(back.Encode(), Field(28, "\xac\x02"));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(28, "")));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(28, "\xac\x02x")));
}

// Field 25; a table without range deletes is field 15 as before.
TEST(Edit, ATableWithRangeDeletesSurvivesTheRoundTripInAFieldOfItsOwn) {
  Edit edit;
  edit.added = {{0, test::MetaOf(5, "a", "b")}, {6, test::MetaOf(9, "x", "z")}};
  const std::string without = edit.Encode();
  edit.added[1].second.range_deletes = 300;
  const std::string with = edit.Encode();
  ASSERT_OK_AND_ASSIGN(const Edit back, Edit::Decode(with));
  EXPECT_EQ(back.added, edit.added);
  EXPECT_EQ(back.added[1].second.range_deletes, 300u);
  EXPECT_EQ(with.size(), without.size() + 2);
  std::string meta;
  PutVarint(&meta, uint64_t{6});
  EncodeTableMeta(edit.added[1].second, &meta);
  EXPECT_TRUE(without.ends_with(Field(15, meta)));
  EXPECT_TRUE(with.ends_with(Field(25, "\xac\x02" + meta)));
}

TEST(Edit, ImpossibleTablesWithRangeDeletesAreRefused) {
  const auto field = [](uint64_t range_deletes, uint64_t level, const TableMeta& meta) {
    std::string body;
    PutVarint(&body, range_deletes);
    PutVarint(&body, level);
    EncodeTableMeta(meta, &body);
    return Field(25, body);
  };
  TableMeta meta = test::MetaOf(5, "a", "b");
  const std::string good = field(3, 1, meta);
  EXPECT_OK(Edit::Decode(good));
  EXPECT_STATUS(kCorruption, Edit::Decode(field(0, 1, meta)));
  EXPECT_STATUS(kCorruption, Edit::Decode(field(3, 7, meta)));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(25, "")));
  EXPECT_STATUS(kCorruption, Edit::Decode(Field(25, good.substr(2) + "x")));
  for (size_t length = 2; length < good.size(); ++length)
    EXPECT_STATUS(kCorruption, Edit::Decode(Field(25, good.substr(2, length - 2))));
  meta.position_override = 7;
  EXPECT_STATUS(kCorruption, Edit::Decode(field(3, 1, meta)));
  EXPECT_STATUS(kNotSupported, Edit::Decode(Field(27, good.substr(2))));
}

TEST(Edit, RandomBytesNeverDoMoreThanFail) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = round % 2 ? FullEdit().Encode() : std::string();
    if (bytes.empty()) {
      for (uint64_t n = random.Uniform(64); n > 0; --n) bytes += static_cast<char>(random.Next());
    } else {
      for (int flips = 0; flips < 3; ++flips) {
        bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
      }
    }
    auto edit = Edit::Decode(bytes);
    if (!edit.ok()) {
      // An unknown odd tag cannot be told from one of a newer version.
      EXPECT_TRUE(edit.status().Is(StatusCode::kCorruption) ||
                  edit.status().Is(StatusCode::kNotSupported))
          << edit.status().ToString();
    }
  }
}

}  // namespace
}  // namespace logwood
