// The merge operators of the keyspaces that lists of operations make (operation.h), by their slots,
// how long puts last there, and what a model makes of the same operands, worked out plainly. Their
// results show in which order the operands came, how often each, and that none is missing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/merge_operator.h"
#include "logwood/options.h"
#include "tests/support/operation.h"

namespace logwood::test {

// Bytes of any kind stand for functions x -> a * x + b of 64 bits, and merging chains them: what
// it makes stays short, so that it is folded wherever it may be, and one operand lost, doubled or
// out of its order makes another value. A result says before Finish that it is not finished.
class Affine final : public MergeOperator {
 public:
  std::string_view name() const override { return "test.affine"; }
  uint32_t version() const override { return 1; }
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override;
  bool Finish(std::string* merged) const override;
};

// Null: the slot's keyspace has none, and refuses merges.
std::shared_ptr<const MergeOperator> ListOperatorOf(int slot);
// How long puts last in the slot's keyspace that do not say so, in microseconds; 0: for ever.
int64_t DefaultTtlOf(int slot);
// For Options::keyspaces: all of them, or those operators alone that an open does not find by
// itself.
std::map<std::string, KeyspaceOptions> KeyspacesOfLists(bool all);

// What an item writes into its keyspace: bytes that its operator takes, but for a merge that is to
// be refused.
std::string WrittenBytes(const BatchItem& item);
// Whether Write refuses this merge.
bool IsRefusedMerge(const BatchItem& item);

// What the keyspace's value is after the merge; null: it had none before.
std::string MergedInModel(int slot, const std::string* value, std::string_view operand);

}  // namespace logwood::test
