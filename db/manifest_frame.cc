#include "db/manifest_frame.h"

#include <algorithm>
#include <utility>

#include "db/edit.h"
#include "util/coding.h"
#include "util/hash.h"

namespace logwood {

namespace {

constexpr uint64_t kSearchedBytesMax = uint64_t{1} << 30;

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

bool ManifestFrame::LooksLikeEdit() const {
  Decoder in(body);
  while (!in.empty()) {
    in.Varint64();
    in.LengthPrefixed();
    if (!in.ok()) return false;
  }
  return true;
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

std::optional<size_t> ManifestFrameSearch::Find() {
  constexpr size_t kFirst = kManifestFrameHeaderBytes;
  for (size_t at = kFirst; at + kManifestFrameHeaderBytes < rest_.size(); ++at) {
    auto frame = ManifestFrame::At(rest_.substr(at));
    if (!frame || !frame->LooksLikeEdit() || WasRead(*frame)) continue;
    if (FollowsSeed(*frame) || FollowedByItsOwn(at, *frame)) return at;
    if (at + frame->size() == rest_.size() && IsOwnEdit(*frame)) return at;
    if (hashed_bytes_ > kSearchedBytesMax) return rest_.size();
  }
  return std::nullopt;
}

bool ManifestFrameSearch::Follows(const ManifestFrame& frame, uint64_t chain) {
  hashed_bytes_ += frame.body.size();
  return frame.Follows(chain);
}

bool ManifestFrameSearch::FollowsSeed(const ManifestFrame& frame) {
  return std::any_of(seeds_.begin(), seeds_.end(),
                     [&](uint64_t seed) { return Follows(frame, seed); });
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

bool ManifestFrameSearch::FollowedByItsOwn(size_t at, const ManifestFrame& frame) {
  auto next = ManifestFrame::At(rest_.substr(at + frame.size()));
  return next && next->LooksLikeEdit() && Follows(*next, frame.chain) && IsOwnEdit(*next);
}

}  // namespace logwood
