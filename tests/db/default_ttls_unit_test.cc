// Default times to live: found by a keyspace's number, the first time as well as later.
#include "db/default_ttls.h"

#include <gtest/gtest.h>

#include "tests/support/status_assert.h"
#include "util/batch_codec.h"
#include "util/expiring_value.h"

namespace logwood {
namespace {

using std::chrono::microseconds;

microseconds Given(const DefaultTtls& ttls, uint32_t keyspace) {
  std::string put;
  AppendOperation(&put, EntryKind::kPut, keyspace, "key", "value");
  const std::string given = ttls.Give(put, microseconds(0));
  BatchReader reader(given);
  BatchOperation operation;
  EXPECT_TRUE(reader.Next(&operation));
  if (operation.kind == EntryKind::kPut) return kNoExpiry;
  return microseconds(ExpiryOf(operation.value));
}

TEST(DefaultTtls, EachKeyspaceKeepsItsOwnHoweverManyThereAre) {
  constexpr uint32_t kKeyspaces = 600;
  std::map<std::string, KeyspaceOptions, std::less<>> options;
  Catalogue catalogue;
  for (uint32_t number = 2; number < kKeyspaces; ++number) {
    const std::string name = "k" + std::to_string(number);
    if (number % 3 != 0) options[name].ttl = microseconds(number % 3 == 1 ? number : 5);
    EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations(name, number), number));
  }
  const DefaultTtls ttls(&catalogue, options);
  for (int turn = 0; turn < 3; ++turn) {
    for (uint32_t number = 2; number < kKeyspaces; ++number) {
      const microseconds own = number % 3 == 0   ? kNoExpiry
                               : number % 3 == 1 ? microseconds(number)
                                                 : microseconds(5);
      ASSERT_EQ(Given(ttls, number), own) << number;
    }
    EXPECT_EQ(Given(ttls, kDefaultKeyspace), kNoExpiry);
    EXPECT_EQ(Given(ttls, kKeyspaces + 1), kNoExpiry) << "not yet made";
  }
  options["later"].ttl = microseconds(7);
  const DefaultTtls later(&catalogue, options);
  EXPECT_EQ(Given(later, kKeyspaces), kNoExpiry);
  EXPECT_OK(catalogue.Apply(Catalogue::CreateOperations("later", kKeyspaces), kKeyspaces));
  EXPECT_EQ(Given(later, kKeyspaces), microseconds(7));
}

}  // namespace
}  // namespace logwood
