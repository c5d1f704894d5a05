// Planted faults: a database with one of them is found out within a few lists, and the list that
// shows it is made short.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "logwood/write_batch.h"
#include "tests/metamorphic/runner.h"
#include "util/batch_codec.h"

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

// What a batch of that owner's says, to another one.
void AppendOperationTo(const BatchOperation& operation, uint32_t owner, WriteBatch* batch);

// Each fails the test that calls it.
void ExpectFound(const PlantedFault& fault);
void ExpectNoneFound(const WrapDb& wrap);

}  // namespace logwood::test
