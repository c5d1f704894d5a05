#include "db/manifest.h"

#include <algorithm>
#include <new>
#include <optional>

#include "db/file_names.h"
#include "db/manifest_frame.h"
#include "util/coding.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/random.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr size_t kRootBytes = kFileHeaderBytes + 8 + 32 + 8;

std::string At(const std::string& path, uint64_t offset, std::string_view what) {
  return path + ":" + std::to_string(offset) + ": " + std::string(what);
}

}  // namespace

Result<std::string> ReadWholeFile(FileSystem* fs, const std::string& path, uint64_t bytes_max) {
  ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > bytes_max) {
    return Status::Corruption(At(
        path, 0, "the file has " + std::to_string(size) + " bytes, more than its kind can have"));
  }
  std::string bytes;
  try {
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return Status::Busy("no memory for the " + std::to_string(size) + " bytes of " + path);
  }
  ASSIGN_OR_RETURN(size_t got, file->Read(0, size, bytes.data()));
  if (got != size) return Status::Corruption(At(path, got, "the file ended while it was read"));
  return bytes;
}

Result<std::unique_ptr<ManifestWriter>> ManifestWriter::Create(FileSystem* fs,
                                                               const std::string& directory,
                                                               uint64_t number, const Edit& first,
                                                               bool* began) {
  std::string path = JoinPath(directory, ManifestFileName(number));
  ASSIGN_OR_RETURN(auto file, fs->CreateWritable(path));
  if (began != nullptr) *began = true;
  std::unique_ptr<ManifestWriter> writer(new ManifestWriter(std::move(file), path));
  FileHeader header;
  header.kind = FileKind::kManifest;
  header.id = NewId();
  writer->bytes_ = kFileHeaderBytes;
  writer->state_.number = number;
  writer->state_.chain = FirstManifestChain(header.id);
  Status status = writer->file_->Append(header.Encode());
  if (status.ok()) status = writer->Append(first);
  if (status.ok()) return writer;
  // Nothing names it: tried again and again on a full disk, it must not fill that for good.
  static_cast<void>(writer->Close());
  static_cast<void>(fs->Remove(path));
  return status;
}

Status ManifestWriter::AppendFrame(const Edit& edit) {
  std::string body = edit.Encode();
  std::string frame;
  PutFixed32(&frame, static_cast<uint32_t>(body.size()));
  uint64_t chain = NextManifestChain(state_.chain, std::string_view(frame).substr(0, 4), body);
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
  contents.writer = header.writer;
  contents.state.number = number;
  contents.state.chain = FirstManifestChain(header.id);
  std::string_view file(bytes);
  uint64_t offset = kFileHeaderBytes;
  while (offset < file.size()) {
    std::string_view rest = file.substr(offset);
    auto frame = ManifestFrame::At(rest);
    if (!frame || !frame->Follows(contents.state.chain)) {
      std::vector<uint64_t> chains;
      for (const ManifestState& state : contents.states) chains.push_back(state.chain);
      ManifestFrameSearch search(rest, contents.state, std::move(chains));
      uint64_t read_in_vain = 0;
      if (contents.edits.empty() || search.Find(&read_in_vain).has_value()) {
        return Status::Corruption(At(path, offset, "an edit does not match the checksum chain"));
      }
      contents.tail_offset = offset;
      contents.tail_bytes = file.size() - offset;
      break;
    }
    auto edit = Edit::Decode(frame->body);
    if (!edit.ok()) {
      return WithWriter(edit.status().WithContext(At(path, offset, "edit")), header.writer);
    }
    contents.state.edits++;
    contents.state.chain = frame->chain;
    contents.edits.push_back(std::move(*edit));
    contents.offsets.push_back(offset);
    contents.states.push_back(contents.state);
    offset += frame->size();
  }
  if (contents.edits.empty()) {
    return Status::Corruption(At(path, kFileHeaderBytes, "the manifest holds no edit"));
  }
  return contents;
}

Status WriteRoot(FileSystem* fs, const std::string& directory, const Root& root, bool* may_show,
                 bool* began) {
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
  if (began != nullptr) *began = true;
  RETURN_IF_ERROR(file->Append(bytes));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(file->Close());
  // The manifest's name must be durable before ROOT refers to it (invariant 5).
  RETURN_IF_ERROR(fs->SyncDirectory(directory));
  if (may_show != nullptr) *may_show = true;
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
  if (!ChecksumMatches(in.Fixed64(), checksum)) {
    return Status::Corruption(At(path, kFileHeaderBytes, "the checksum of ROOT does not match"));
  }
  return root;
}

}  // namespace logwood
