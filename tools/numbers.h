// Values that are more than text to people: those of a keyspace whose merge operator is a built-in
// one of numbers, 8 bytes each (EncodeInt64), are typed and read in decimal; sets (EncodeSet) are
// shown as their elements.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/db.h"
#include "logwood/merge_operator.h"

namespace logwood::tools {

// add_int64, add_int64_wrapping, min_int64, max_int64.
bool IsOfNumbers(const MergeOperator& built_in);
// The keyspace's operator as it is recorded; null: none that is built in, or the keyspaces cannot
// be listed.
std::shared_ptr<const MergeOperator> BuiltInOf(DB& db, Keyspace keyspace);
bool HoldsNumbers(DB& db, Keyspace keyspace);
// What format auto makes of the keyspace's values.
enum class Shown : uint8_t { kAsText, kAsNumber, kAsSet };
Shown HowShown(DB& db, Keyspace keyspace);

// Decimal -> the 8 bytes. Prints that the text is a bad `name`, with what would be right, and
// returns nullopt.
std::optional<std::string> EncodeNumber(
    std::string_view name, std::string_view text,
    std::string_view advice = "a whole number of 64 bits, such as 5 or -3");
// The 8 bytes -> decimal. Other bytes, which somebody put, are \xNN each: nobody takes them for a
// number.
void AppendNumber(std::string_view value, std::string* to);
// The elements as operands of `logwood merge`, one behind the other: in each a space is \x20, and
// one that is empty is ''. Bytes that are no set: as text.
void AppendSet(std::string_view value, std::string* to);
// As format auto has it.
void AppendShown(Shown how, std::string_view value, std::string* to);

}  // namespace logwood::tools
