// Planted faults: a database with one of them is found out within a few lists, and the list that
// shows it is made short.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "tests/metamorphic/runner.h"

namespace logwood::test {

struct PlantedFault {
  std::string name;
  WrapDb wrap;
};
inline void PrintTo(const PlantedFault& fault, std::ostream* out) { *out << fault.name; }

template <typename Faulty>
WrapDb Planted() {
  return [](std::unique_ptr<DB> db) { return std::make_unique<Faulty>(std::move(db)); };
}

// Each fails the test that calls it.
void ExpectFound(const PlantedFault& fault);
void ExpectNoneFound(const WrapDb& wrap);

}  // namespace logwood::test
