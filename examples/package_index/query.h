// Lookups, scans and statistics of the finished database, with timings.
#pragma once

#include "store.h"

namespace package_index {

// Each prints figures; false: something was not as it must be (said in a FAILED line).
bool Lookups(Store& store, const Data& data);
bool Scans(Store& store, const Data& data);
void PrintStatistics(Store& store);

}  // namespace package_index
