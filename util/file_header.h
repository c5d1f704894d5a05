// The first 64 bytes of every file Logwood writes: what it is, which format, which features, and a
// random id that seeds every checksum in it (docs/format/file_header.md).
//
//   offset width
//        0     8  magic: "LOGWOOD" and the file kind's letter (L log, T table, M manifest, R root)
//        8     4  format version
//       12     4  feature flags a reader may ignore
//       16     4  feature flags a reader may ignore if it does not write
//       20     4  feature flags a reader must know
//       24    16  file id (high, low)
//       40     4  the Logwood that wrote the file: major << 16 | minor << 8 | patch; 0: not said
//       44    12  reserved, zero
//       56     8  checksum: Hash64 of bytes 0-55, seed 0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

inline constexpr std::string_view kFileMagic = "LOGWOOD";

enum class FileKind : char { kLog = 'L', kTable = 'T', kManifest = 'M', kRoot = 'R' };
inline constexpr size_t kFileHeaderBytes = 64;
inline constexpr uint32_t kFormatVersion = 1;

// Major << 16 | minor << 8 | patch of this Logwood.
uint32_t WriterOfThisBuild();

struct FileHeader {
  FileKind kind = FileKind::kLog;
  uint32_t version = kFormatVersion;
  uint32_t ignorable_flags = 0;
  uint32_t read_compatible_flags = 0;
  uint32_t incompatible_flags = 0;
  Id128 id;
  uint32_t writer = WriterOfThisBuild();  // only for messages; 0: not said

  std::string Encode() const;
};

// Decodes and checks kind, version, flags and checksum. kCorruption when these are not the bytes of
// such a file, kNotSupported when a newer version or unknown flag says so; both name `file`, the
// latter also what wrote it.
Result<FileHeader> DecodeFileHeader(std::string_view bytes, FileKind kind, std::string_view file,
                                    bool for_writing);

// A refusal of what this build does not know within a file, with the Logwood that its header says
// wrote it: "...; written by Logwood 0.3.0, this is 0.1.0"; 0: "...; a newer version of Logwood
// wrote it". A status other than kNotSupported as it is.
Status WithWriter(const Status& status, uint32_t writer);

}  // namespace logwood
