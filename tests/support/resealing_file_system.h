// ResealingFileSystem: a disk on which checksums prove nothing. Log records are read with checksums
// and history hashes computed anew, whatever their bytes are - as if the database did not look at
// them; and with `spoils`, after a byte of each was changed, as if it read wrong bytes and did not
// notice. For tests of the tests: an oracle that finds nothing wrong then finds nothing at all.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "util/forwarding_file_system.h"

namespace logwood::test {

class ResealingFileSystem final : public ForwardingFileSystem {
 public:
  ResealingFileSystem(FileSystem* base, bool spoils)
      : ForwardingFileSystem(base), spoils_(spoils) {}
  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override;

 private:
  const bool spoils_;
};

}  // namespace logwood::test
