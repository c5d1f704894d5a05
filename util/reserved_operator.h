// ReservedOperator: what merge operators of this library are, so that their names are theirs alone
// (MergeOperator::name).
#pragma once

#include "logwood/merge_operator.h"

namespace logwood {

class ReservedOperator : public MergeOperator {};

// Whether an operator may be called as it is. An operator of somebody else that had the name of one
// that is built in, now or in a later version, would be taken for it where it is not given.
inline bool MayHaveItsName(const MergeOperator& merge_operator) {
  const std::string_view name = merge_operator.name();
  const bool is_reserved = name.find('.') == name.npos || name.starts_with("append.");
  return !is_reserved || dynamic_cast<const ReservedOperator*>(&merge_operator) != nullptr;
}

}  // namespace logwood
