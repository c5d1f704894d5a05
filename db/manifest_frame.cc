#include "db/manifest_frame.h"

#include <algorithm>
#include <utility>

#include "db/edit.h"
#include "util/coding.h"
#include "util/hash.h"

namespace logwood {

namespace {

// In all candidates together, a fraction of a second; and the manifest's own bytes some times over.
constexpr uint64_t kReadBytesMax = uint64_t{1} << 26;
constexpr uint64_t kReadFactorMax = 4;

}  // namespace

uint64_t FirstManifestChain(const Id128& file_id) { return ChecksumSeed(file_id, 0); }

uint64_t NextManifestChain(uint64_t chain, std::string_view length_field, std::string_view body) {
  return Hash64(body, Hash64(length_field, chain));
}

std::optional<ManifestFrame> ManifestFrame::At(std::string_view bytes) {
  if (bytes.size() < kManifestFrameHeaderBytes) return std::nullopt;
  const uint32_t length = LoadFixed<uint32_t>(bytes.data());
  if (length == 0 || length > bytes.size() - kManifestFrameHeaderBytes) return std::nullopt;
  return ManifestFrame{bytes.substr(0, 4), bytes.substr(kManifestFrameHeaderBytes, length),
                       LoadFixed<uint64_t>(bytes.data() + 4)};
}

bool ManifestFrame::Follows(uint64_t chain_before) const {
  return ChecksumMatches(chain, NextManifestChain(chain_before, length_field, body));
}

bool ManifestFrame::LooksLikeEdit(uint64_t* read) const {
  Decoder in(body);
  while (!in.empty() && in.ok()) {
    in.Varint64();
    in.LengthPrefixed();
  }
  *read += body.size() - in.remaining();
  return in.ok();
}

ManifestFrameSearch::ManifestFrameSearch(std::string_view rest, const ManifestState& before,
                                         std::vector<uint64_t> read)
    : rest_(rest), manifest_(before.number), read_(std::move(read)) {
  std::sort(read_.begin(), read_.end());
  if (rest.size() < kManifestFrameHeaderBytes) return;
  seeds_.push_back(LoadFixed<uint64_t>(rest.data() + 4));
  if (auto bad = ManifestFrame::At(rest)) {
    seeds_.push_back(NextManifestChain(before.chain, bad->length_field, bad->body));
  }
}

std::optional<size_t> ManifestFrameSearch::Find(uint64_t* read) {
  constexpr size_t kFirst = kManifestFrameHeaderBytes;
  const uint64_t read_max = std::max(kReadBytesMax, rest_.size() * kReadFactorMax);
  for (size_t at = kFirst; at + kManifestFrameHeaderBytes < rest_.size(); ++at) {
    auto frame = ManifestFrame::At(rest_.substr(at));
    if (!frame || WasRead(*frame)) continue;
    if (*read > read_max) return rest_.size();
    if (!frame->LooksLikeEdit(read)) continue;
    if (FollowsSeed(*frame, read) || FollowedByItsOwn(at, *frame, read)) return at;
    if (at + frame->size() == rest_.size() && IsOwnEdit(*frame)) return at;
  }
  return std::nullopt;
}

bool ManifestFrameSearch::FollowsSeed(const ManifestFrame& frame, uint64_t* read) const {
  return std::any_of(seeds_.begin(), seeds_.end(), [&](uint64_t seed) {
    *read += frame.body.size();
    return frame.Follows(seed);
  });
}

bool ManifestFrameSearch::WasRead(const ManifestFrame& frame) const {
  return std::binary_search(read_.begin(), read_.end(), frame.chain);
}

// Frames of an older manifest, left on the disk, match each other as well; but all their numbers
// were given out before this manifest's own.
bool ManifestFrameSearch::IsOwnEdit(const ManifestFrame& frame) const {
  auto edit = Edit::Decode(frame.body);
  return edit.ok() && edit->next_file_number && *edit->next_file_number > manifest_;
}

bool ManifestFrameSearch::FollowedByItsOwn(size_t at, const ManifestFrame& frame,
                                           uint64_t* read) const {
  auto next = ManifestFrame::At(rest_.substr(at + frame.size()));
  if (!next || !next->LooksLikeEdit(read)) return false;
  *read += next->body.size();
  return next->Follows(frame.chain) && IsOwnEdit(*next);
}

}  // namespace logwood
