#include "util/file_header.h"

#include <string>

#include "logwood/version.h"
#include "util/check.h"
#include "util/coding.h"
#include "util/hash.h"

namespace logwood {

namespace {

constexpr size_t kReservedBytes = 12;
constexpr size_t kChecksumOffset = kFileHeaderBytes - sizeof(uint64_t);
// The flags of version 1: none yet. A flag this build knows joins its mask.
constexpr uint32_t kReadCompatibleFlagsKnown = 0;
constexpr uint32_t kIncompatibleFlagsKnown = 0;
static_assert(LOGWOOD_VERSION_MAJOR < 1 << 16 && LOGWOOD_VERSION_MINOR < 1 << 8 &&
              LOGWOOD_VERSION_PATCH < 1 << 8);

Status Fail(StatusCode code, std::string_view file, std::string_view what) {
  return Status(code, std::string(file).append(":0: file header: ").append(what));
}

std::string VersionText(uint32_t writer) {
  return std::to_string(writer >> 16) + "." + std::to_string(writer >> 8 & 0xff) + "." +
         std::to_string(writer & 0xff);
}

// `does` is what this build does with a file that has `what`.
Status Refuse(const FileHeader& header, std::string_view file, std::string what,
              std::string_view does) {
  if (header.writer != 0) what += ", written by Logwood " + VersionText(header.writer);
  what += "; this build (" + VersionText(WriterOfThisBuild()) + ") ";
  return Fail(StatusCode::kNotSupported, file, what.append(does));
}

}  // namespace

uint32_t WriterOfThisBuild() {
  return uint32_t{LOGWOOD_VERSION_MAJOR} << 16 | uint32_t{LOGWOOD_VERSION_MINOR} << 8 |
         uint32_t{LOGWOOD_VERSION_PATCH};
}

std::string FileHeader::Encode() const {
  std::string bytes(kFileMagic);
  bytes.push_back(static_cast<char>(kind));
  PutFixed32(&bytes, version);
  PutFixed32(&bytes, ignorable_flags);
  PutFixed32(&bytes, read_compatible_flags);
  PutFixed32(&bytes, incompatible_flags);
  PutFixed64(&bytes, id.high);
  PutFixed64(&bytes, id.low);
  PutFixed32(&bytes, writer);
  bytes.append(kReservedBytes, '\0');
  CHECK(bytes.size() == kChecksumOffset);
  PutFixed64(&bytes, Hash64(bytes));
  return bytes;
}

Result<FileHeader> DecodeFileHeader(std::string_view bytes, FileKind kind, std::string_view file,
                                    bool for_writing) {
  constexpr auto kCorruption = StatusCode::kCorruption;
  if (bytes.size() < kFileHeaderBytes) {
    return Fail(
        kCorruption, file,
        std::to_string(bytes.size()) + " bytes, a header has " + std::to_string(kFileHeaderBytes));
  }
  Decoder in(bytes.substr(0, kFileHeaderBytes));
  if (in.Bytes(kFileMagic.size()) != kFileMagic) {
    return Fail(kCorruption, file, "does not begin with " + std::string(kFileMagic));
  }
  FileHeader header;
  header.kind = static_cast<FileKind>(in.Fixed8());
  header.version = in.Fixed32();
  header.ignorable_flags = in.Fixed32();
  header.read_compatible_flags = in.Fixed32();
  header.incompatible_flags = in.Fixed32();
  header.id.high = in.Fixed64();
  header.id.low = in.Fixed64();
  header.writer = in.Fixed32();
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
    return Refuse(header, file, "format version " + std::to_string(header.version),
                  "reads up to " + std::to_string(kFormatVersion));
  }
  const uint32_t unknown = header.incompatible_flags & ~kIncompatibleFlagsKnown;
  if (unknown != 0) {
    return Refuse(header, file, "unknown incompatible flags " + std::to_string(unknown),
                  "cannot read the file");
  }
  const uint32_t unknown_to_writers = header.read_compatible_flags & ~kReadCompatibleFlagsKnown;
  if (for_writing && unknown_to_writers != 0) {
    return Refuse(header, file,
                  "unknown read-compatible flags " + std::to_string(unknown_to_writers),
                  "may read the file and not write it");
  }
  return header;
}

Status WithWriter(const Status& status, uint32_t writer) {
  if (!status.Is(StatusCode::kNotSupported)) return status;
  std::string text(status.message());
  text += writer == 0 ? "; a newer version of Logwood wrote it"
                      : "; written by Logwood " + VersionText(writer) + ", this is " +
                            VersionText(WriterOfThisBuild());
  return Status::NotSupported(text);
}

}  // namespace logwood
