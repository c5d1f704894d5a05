#include "util/file_header.h"

#include <string>

#include "util/check.h"
#include "util/coding.h"
#include "util/hash.h"

namespace logwood {

namespace {

constexpr std::string_view kMagic = "LOGWOOD";
constexpr size_t kReservedBytes = 16;
constexpr size_t kChecksumOffset = kFileHeaderBytes - sizeof(uint64_t);
// The flags of version 1: none yet. A flag this build knows joins its mask.
constexpr uint32_t kReadCompatibleFlagsKnown = 0;
constexpr uint32_t kIncompatibleFlagsKnown = 0;

Status Fail(StatusCode code, std::string_view file, std::string_view what) {
  return Status(code, std::string(file).append(":0: file header: ").append(what));
}

}  // namespace

std::string FileHeader::Encode() const {
  std::string bytes(kMagic);
  bytes.push_back(static_cast<char>(kind));
  PutFixed32(&bytes, version);
  PutFixed32(&bytes, ignorable_flags);
  PutFixed32(&bytes, read_compatible_flags);
  PutFixed32(&bytes, incompatible_flags);
  PutFixed64(&bytes, id.high);
  PutFixed64(&bytes, id.low);
  bytes.append(kReservedBytes, '\0');
  CHECK(bytes.size() == kChecksumOffset);
  PutFixed64(&bytes, Hash64(bytes));
  return bytes;
}

Result<FileHeader> DecodeFileHeader(std::string_view bytes, FileKind kind, std::string_view file,
                                    bool for_writing) {
  constexpr auto kCorruption = StatusCode::kCorruption;
  constexpr auto kNotSupported = StatusCode::kNotSupported;
  if (bytes.size() < kFileHeaderBytes) {
    return Fail(
        kCorruption, file,
        std::to_string(bytes.size()) + " bytes, a header has " + std::to_string(kFileHeaderBytes));
  }
  Decoder in(bytes.substr(0, kFileHeaderBytes));
  if (in.Bytes(kMagic.size()) != kMagic) {
    return Fail(kCorruption, file, "does not begin with " + std::string(kMagic));
  }
  FileHeader header;
  header.kind = static_cast<FileKind>(in.Fixed8());
  header.version = in.Fixed32();
  header.ignorable_flags = in.Fixed32();
  header.read_compatible_flags = in.Fixed32();
  header.incompatible_flags = in.Fixed32();
  header.id.high = in.Fixed64();
  header.id.low = in.Fixed64();
  in.Bytes(kReservedBytes);
  // Before anything is believed: a flipped bit in the version is damage, not a newer format.
  if (!ChecksumMatches(in.Fixed64(), Hash64(bytes.substr(0, kChecksumOffset)))) {
    return Fail(kCorruption, file, "checksum does not match");
  }
  if (header.kind != kind) {
    return Fail(kCorruption, file,
                std::string("is of kind ") + static_cast<char>(header.kind) + ", expected " +
                    static_cast<char>(kind));
  }
  if (header.version == 0 || header.version > kFormatVersion) {
    return Fail(kNotSupported, file,
                "format version " + std::to_string(header.version) + ", this build reads up to " +
                    std::to_string(kFormatVersion));
  }
  const uint32_t unknown = header.incompatible_flags & ~kIncompatibleFlagsKnown;
  if (unknown != 0) {
    return Fail(kNotSupported, file, "unknown incompatible flags " + std::to_string(unknown));
  }
  const uint32_t unknown_to_writers = header.read_compatible_flags & ~kReadCompatibleFlagsKnown;
  if (for_writing && unknown_to_writers != 0) {
    return Fail(kNotSupported, file,
                "flags " + std::to_string(unknown_to_writers) +
                    " are unknown: this build may read the file and not write it");
  }
  return header;
}

}  // namespace logwood
