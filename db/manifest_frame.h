// The frames of a manifest file, and the search for good ones behind a bad one. For those who read
// manifests: db/manifest.cc, which refuses damage, and db/manifest_scan.cc, which reads around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "logwood/types.h"
#include "wal/log_format.h"

namespace logwood {

inline constexpr size_t kManifestFrameHeaderBytes = 12;
inline constexpr uint64_t kManifestBytesMax = uint64_t{1} << 30;

uint64_t FirstManifestChain(const Id128& file_id);
uint64_t NextManifestChain(uint64_t chain, std::string_view length_field, std::string_view body);

// A frame as its bytes say; nothing of it is proven.
struct ManifestFrame {
  std::string_view length_field, body;
  uint64_t chain = 0;

  // The one that `bytes` begin with; nullopt when the length cannot be right.
  static std::optional<ManifestFrame> At(std::string_view bytes);
  size_t size() const { return kManifestFrameHeaderBytes + body.size(); }
  bool Follows(uint64_t chain_before) const;
  // Whether the body is a row of fields: cheap, and hardly ever true of other bytes. Adds to *read
  // how many bytes of it were looked at.
  bool LooksLikeEdit(uint64_t* read) const;
};

// Looks for whole frames behind a bad one: then it is damage, not a torn append, which is the last
// thing in a file. Whatever part of the bad frame was hit, its successor matches the chain that is
// stored in it or the one that follows from its body. Where all of it is gone, two frames further
// on match each other, or a single one is an edit of this manifest and ends where the file does.
// What was read before is no successor: a torn append may be a copy of the file's own beginning.
class ManifestFrameSearch {
 public:
  // `rest` begins with the bad frame; `read`: the chains of the frames before it.
  ManifestFrameSearch(std::string_view rest, const ManifestState& before,
                      std::vector<uint64_t> read);

  // Where in `rest` the first good frame begins; nullopt: there is none. rest.size(): no append is
  // like this, bytes made to look like frames over and over. The work is bounded: *read counts the
  // bytes looked at in vain, for several searches in one file together.
  std::optional<size_t> Find(uint64_t* read);

 private:
  bool FollowsSeed(const ManifestFrame& frame, uint64_t* read) const;
  bool WasRead(const ManifestFrame& frame) const;
  bool IsOwnEdit(const ManifestFrame& frame) const;
  bool FollowedByItsOwn(size_t at, const ManifestFrame& frame, uint64_t* read) const;

  const std::string_view rest_;
  const uint64_t manifest_;
  std::vector<uint64_t> read_;  // ascending
  std::vector<uint64_t> seeds_;
};

}  // namespace logwood
