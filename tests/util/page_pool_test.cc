#include "util/page_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace logwood {
namespace {

constexpr size_t kPiece = 64 * 1024;

TEST(PagePool, GivenPiecesAreTakenAgain) {
  PagePool pool(kPiece, 4 * kPiece);
  Memory piece = pool.Take();
  const char* memory = piece.get();
  EXPECT_EQ(pool.spare_bytes(), 0u);
  pool.Give(std::move(piece));
  EXPECT_EQ(pool.spare_bytes(), kPiece);
  EXPECT_EQ(pool.Take().get(), memory);
  EXPECT_EQ(pool.spare_bytes(), 0u);
}

TEST(PagePool, UsedAndKeptTogetherStayWithinTheLimit) {
  PagePool pool(kPiece, 4 * kPiece);
  std::vector<Memory> used;
  for (int i = 0; i < 6; ++i) used.push_back(pool.Take());
  size_t spares_max = 0;
  while (!used.empty()) {
    pool.Give(std::move(used.back()));
    used.pop_back();
    EXPECT_LE(used.size() * kPiece + pool.spare_bytes(), 5 * kPiece) << "six were used before";
    spares_max = std::max(spares_max, pool.spare_bytes());
  }
  EXPECT_EQ(spares_max, 4 * kPiece);
}

TEST(PagePool, TrimFreesWhatNobodyNeededSinceTheLastOne) {
  PagePool pool(kPiece, 8 * kPiece);
  std::vector<Memory> used;
  for (int i = 0; i < 6; ++i) used.push_back(pool.Take());
  for (Memory& piece : used) pool.Give(std::move(piece));
  pool.Trim();
  EXPECT_EQ(pool.spare_bytes(), 6 * kPiece) << "they came since";
  Memory one = pool.Take(), two = pool.Take();
  pool.Give(std::move(one));
  pool.Give(std::move(two));
  pool.Trim();
  EXPECT_EQ(pool.spare_bytes(), 2 * kPiece) << "two of them were needed";
  pool.Trim();
  EXPECT_EQ(pool.spare_bytes(), 0u);
}

}  // namespace
}  // namespace logwood
