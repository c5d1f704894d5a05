// The fold: a batch's operations become at most one entry per key, the later operation wins, and a
// range delete takes away what came before it. Pure, and the only one: write, replay and follower
// use it alike (invariant 11).
#pragma once

#include <string_view>

#include "logwood/types.h"
#include "memtable/memtable.h"

namespace logwood {

// Folds the operations and inserts them at `position`, in key order. kCorruption when the bytes are
// no operations, kNotSupported when one is of a kind this build does not know (then nothing was
// inserted). Takes no memory for operations that come in key order, else four bytes each.
Status InsertFolded(std::string_view operations, LogPos position, Memtable* memtable);

}  // namespace logwood
