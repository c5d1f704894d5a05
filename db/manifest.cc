#include "db/manifest.h"

#include "db/file_names.h"
#include "util/coding.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/random.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr size_t kFrameHeaderBytes = 12;
constexpr uint64_t kManifestBytesMax = 1ULL << 30;
constexpr uint64_t kSearchBytesMax = 256ULL << 20;
constexpr size_t kRootBytes = kFileHeaderBytes + 8 + 32 + 8;

uint64_t NextChain(uint64_t chain, std::string_view length_field, std::string_view body) {
  return Hash64(body, Hash64(length_field, chain));
}

uint64_t FirstChain(const Id128& id) { return ChecksumSeed(id, 0); }

std::string At(const std::string& path, uint64_t offset, std::string_view what) {
  return path + ":" + std::to_string(offset) + ": " + std::string(what);
}

// Whether a frame that continues `chain` begins at `at`.
bool FrameAt(std::string_view bytes, size_t at, uint64_t chain) {
  if (at > bytes.size() || bytes.size() - at < kFrameHeaderBytes) return false;
  uint32_t length = LoadFixed<uint32_t>(bytes.data() + at);
  if (length == 0 || length > bytes.size() - at - kFrameHeaderBytes) return false;
  return NextChain(chain, bytes.substr(at, 4), bytes.substr(at + kFrameHeaderBytes, length)) ==
         LoadFixed<uint64_t>(bytes.data() + at + 4);
}

// True when a valid frame follows the bad one at `offset`: then it is damage, not a torn append. If
// its body or length rotted, what follows continues its stored chain; if the stored chain rotted,
// the one that its intact body gives.
bool GoodFrameFollows(std::string_view file, uint64_t offset, uint64_t chain_before) {
  std::string_view rest = file.substr(offset);
  if (rest.size() < kFrameHeaderBytes) return false;
  const uint32_t length = LoadFixed<uint32_t>(rest.data());
  const uint64_t stored_chain = LoadFixed<uint64_t>(rest.data() + 4);
  if (length != 0 && length <= rest.size() - kFrameHeaderBytes) {
    std::string_view body = rest.substr(kFrameHeaderBytes, length);
    uint64_t computed = NextChain(chain_before, rest.substr(0, 4), body);
    size_t next = kFrameHeaderBytes + length;
    if (FrameAt(rest, next, stored_chain) || FrameAt(rest, next, computed)) return true;
  }
  // The length cannot be believed: the next frame may begin anywhere. Bounded work: each try hashes
  // at most what is left, and tries end when so many bytes were looked at.
  uint64_t budget = kSearchBytesMax;
  for (size_t at = kFrameHeaderBytes; at + kFrameHeaderBytes <= rest.size(); ++at) {
    uint32_t next_length = LoadFixed<uint32_t>(rest.data() + at);
    if (next_length > rest.size() - at - kFrameHeaderBytes) continue;
    if (next_length > budget) continue;
    budget -= next_length;
    if (FrameAt(rest, at, stored_chain)) return true;
  }
  return false;
}

}  // namespace

Result<std::string> ReadWholeFile(FileSystem* fs, const std::string& path, uint64_t bytes_max) {
  ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > bytes_max) {
    return Status::Corruption(At(
        path, 0, "the file has " + std::to_string(size) + " bytes, more than its kind can have"));
  }
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(size_t got, file->Read(0, size, bytes.data()));
  if (got != size) return Status::Corruption(At(path, got, "the file ended while it was read"));
  return bytes;
}

Result<std::unique_ptr<ManifestWriter>> ManifestWriter::Create(FileSystem* fs,
                                                               const std::string& directory,
                                                               uint64_t number, const Edit& first) {
  std::string path = JoinPath(directory, ManifestFileName(number));
  ASSIGN_OR_RETURN(auto file, fs->CreateWritable(path));
  std::unique_ptr<ManifestWriter> writer(new ManifestWriter(std::move(file), path));
  FileHeader header;
  header.kind = FileKind::kManifest;
  header.id = NewId();
  RETURN_IF_ERROR(writer->file_->Append(header.Encode()));
  writer->bytes_ = kFileHeaderBytes;
  writer->state_.number = number;
  writer->state_.chain = FirstChain(header.id);
  RETURN_IF_ERROR(writer->Append(first));
  return writer;
}

Status ManifestWriter::AppendFrame(const Edit& edit) {
  std::string body = edit.Encode();
  std::string frame;
  PutFixed32(&frame, static_cast<uint32_t>(body.size()));
  uint64_t chain = NextChain(state_.chain, std::string_view(frame).substr(0, 4), body);
  PutFixed64(&frame, chain);
  frame += body;
  RETURN_IF_ERROR(file_->Append(frame));
  RETURN_IF_ERROR(file_->Sync());
  state_.edits++;
  state_.chain = chain;
  bytes_ += frame.size();
  return Status::Ok();
}

Status ManifestWriter::Append(const Edit& edit) {
  if (failure_.ok()) failure_ = AppendFrame(edit);
  return failure_;
}

Result<ManifestContents> ReadManifest(FileSystem* fs, const std::string& directory, uint64_t number,
                                      bool for_writing) {
  std::string name = ManifestFileName(number);
  std::string path = JoinPath(directory, name);
  auto read = ReadWholeFile(fs, path, kManifestBytesMax);
  if (!read.ok() && read.status().Is(StatusCode::kNotFound)) {
    return Status::Corruption(At(path, 0, "the manifest that ROOT names is missing"));
  }
  if (!read.ok()) return read.status();
  const std::string& bytes = *read;
  ASSIGN_OR_RETURN(FileHeader header,
                   DecodeFileHeader(bytes, FileKind::kManifest, path, for_writing));

  ManifestContents contents;
  contents.state.number = number;
  contents.state.chain = FirstChain(header.id);
  std::string_view file(bytes);
  uint64_t offset = kFileHeaderBytes;
  while (offset < file.size()) {
    std::string_view rest = file.substr(offset);
    uint32_t length = rest.size() < kFrameHeaderBytes ? 0 : LoadFixed<uint32_t>(rest.data());
    bool good = length != 0 && length <= rest.size() - kFrameHeaderBytes;
    uint64_t chain = 0;
    if (good) {
      chain = NextChain(contents.state.chain, rest.substr(0, 4),
                        rest.substr(kFrameHeaderBytes, length));
      good = chain == LoadFixed<uint64_t>(rest.data() + 4);
    }
    if (!good) {
      if (contents.edits.empty() || GoodFrameFollows(file, offset, contents.state.chain)) {
        return Status::Corruption(At(path, offset, "an edit does not match the checksum chain"));
      }
      contents.tail_offset = offset;
      contents.tail_bytes = file.size() - offset;
      break;
    }
    auto edit = Edit::Decode(rest.substr(kFrameHeaderBytes, length));
    if (!edit.ok()) return edit.status().WithContext(At(path, offset, "edit"));
    contents.state.edits++;
    contents.state.chain = chain;
    contents.edits.push_back(std::move(*edit));
    contents.states.push_back(contents.state);
    offset += kFrameHeaderBytes + length;
  }
  if (contents.edits.empty()) {
    return Status::Corruption(At(path, kFileHeaderBytes, "the manifest holds no edit"));
  }
  return contents;
}

Status WriteRoot(FileSystem* fs, const std::string& directory, const Root& root) {
  FileHeader header;
  header.kind = FileKind::kRoot;
  header.id = NewId();
  std::string bytes = header.Encode();
  PutFixed64(&bytes, root.manifest);
  PutFixed64(&bytes, root.history_id.high);
  PutFixed64(&bytes, root.history_id.low);
  PutFixed64(&bytes, root.instance_id.high);
  PutFixed64(&bytes, root.instance_id.low);
  PutFixed64(&bytes, Hash64(bytes, ChecksumSeed(header.id, kFileHeaderBytes)));

  std::string fresh = JoinPath(directory, kRootNewFileName);
  ASSIGN_OR_RETURN(auto file, fs->CreateWritable(fresh));
  RETURN_IF_ERROR(file->Append(bytes));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(file->Close());
  // The manifest's name must be durable before ROOT refers to it (invariant 5).
  RETURN_IF_ERROR(fs->SyncDirectory(directory));
  RETURN_IF_ERROR(fs->Rename(fresh, JoinPath(directory, kRootFileName)));
  return fs->SyncDirectory(directory);
}

Result<Root> ReadRoot(FileSystem* fs, const std::string& directory, bool for_writing) {
  std::string path = JoinPath(directory, kRootFileName);
  ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(fs, path, 1 << 20));
  ASSIGN_OR_RETURN(FileHeader header, DecodeFileHeader(bytes, FileKind::kRoot, path, for_writing));
  if (bytes.size() != kRootBytes) {
    return Status::Corruption(At(path, bytes.size(), "ROOT has a wrong length"));
  }
  uint64_t checksum = Hash64(std::string_view(bytes).substr(0, kRootBytes - 8),
                             ChecksumSeed(header.id, kFileHeaderBytes));
  Decoder in(std::string_view(bytes).substr(kFileHeaderBytes));
  Root root;
  root.manifest = in.Fixed64();
  root.history_id = {in.Fixed64(), in.Fixed64()};
  root.instance_id = {in.Fixed64(), in.Fixed64()};
  if (in.Fixed64() != checksum) {
    return Status::Corruption(At(path, kFileHeaderBytes, "the checksum of ROOT does not match"));
  }
  return root;
}

}  // namespace logwood
