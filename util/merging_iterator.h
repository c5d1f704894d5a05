// Merges sorted children into one sorted stream (loser tree or heap; children's entries are read
// without virtual calls). Equal (key, trailer) never occurs between children of one view
// (invariant 1). An error of any child ends the merge: Valid() false, status() the error - a merge
// that went on without the child would show wrong data.
#pragma once

#include <memory>
#include <vector>

#include "util/internal_iterator.h"

namespace logwood {

// Takes the children. With one child returns it as it is, with none an empty iterator.
std::unique_ptr<InternalIterator> NewMergingIterator(
    std::vector<std::unique_ptr<InternalIterator>> children);

}  // namespace logwood
