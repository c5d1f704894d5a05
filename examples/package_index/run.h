// The whole story: load in a child, kill it, recover, verify, continue, query.
#pragma once

#include <string>

#include "data.h"

namespace package_index {

struct RunOptions {
  std::string directory = "package_index.db";
  std::string file;  // as given; the child reads the same
};

// Prints each step; 0 when everything held.
int Run(const Data& data, const RunOptions& options);

}  // namespace package_index
