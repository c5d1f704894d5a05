#include "db/manifest_scan.h"

#include "db/file_names.h"
#include "db/manifest.h"
#include "db/manifest_frame.h"
#include "util/coding.h"
#include "util/file_header.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kFileIdOffset = 24;

class ManifestScanner {
 public:
  ManifestScanner(std::string_view file, uint64_t number) : file_(file) {
    scan_.state.number = number;
  }

  Result<ManifestScan> Run(const std::string& name) {
    RETURN_IF_ERROR(ReadHeader(name));
    uint64_t at = kFileHeaderBytes;
    while (at < file_.size()) at = TakeFrame(at) ? next_ : PassGap(at);
    return std::move(scan_);
  }

 private:
  Status ReadHeader(const std::string& name) {
    auto header = DecodeFileHeader(file_, FileKind::kManifest, name, /*for_writing=*/false);
    scan_.header_ok = header.ok();
    if (header.ok()) {
      writer_ = header->writer;
      scan_.state.chain = FirstManifestChain(header->id);
      return Status::Ok();
    }
    if (header.status().Is(StatusCode::kNotSupported)) return header.status();
    scan_.gaps.push_back({0, kFileHeaderBytes, std::string(header.status().message())});
    if (file_.size() < kFileHeaderBytes) return Status::Ok();
    // The id may be whole all the same: then the first edit says so.
    const Id128 id = {LoadFixed<uint64_t>(file_.data() + kFileIdOffset),
                      LoadFixed<uint64_t>(file_.data() + kFileIdOffset + 8)};
    scan_.state.chain = FirstManifestChain(id);
    const auto first = ManifestFrame::At(file_.substr(kFileHeaderBytes));
    first_on_trust_ =
        first && !first->Follows(scan_.state.chain) && first->LooksLikeEdit(&read_in_vain_);
    return Status::Ok();
  }

  bool TakeFrame(uint64_t at) {
    const auto frame = ManifestFrame::At(file_.substr(at));
    const bool trusted = trust_next_ || (first_on_trust_ && at == kFileHeaderBytes);
    trust_next_ = false;
    if (!frame || (!trusted && !frame->Follows(scan_.state.chain))) return false;
    auto edit = Edit::Decode(frame->body);
    if (!edit.ok() && trusted) return false;
    if (edit.ok()) {
      scan_.edits.push_back(std::move(*edit));
      ++scan_.state.edits;
    } else {
      scan_.gaps.push_back(
          {at, at + frame->size(), std::string(WithWriter(edit.status(), writer_).message())});
    }
    scan_.state.chain = frame->chain;
    scan_.chains.push_back(frame->chain);
    next_ = at + frame->size();
    return true;
  }

  // Where reading goes on behind bad bytes; the file's end: nowhere.
  uint64_t PassGap(uint64_t at) {
    const std::optional<size_t> found =
        ManifestFrameSearch(file_.substr(at), scan_.state, scan_.chains).Find(&read_in_vain_);
    if (!found || *found >= file_.size() - at) {
      scan_.tail = {at, file_.size(), "an edit does not match the checksum chain"};
      return file_.size();
    }
    scan_.gaps.push_back({at, at + *found, "an edit does not match the checksum chain"});
    trust_next_ = true;  // the search has verified it, against what the gap's edit stored
    return at + *found;
  }

  const std::string_view file_;
  ManifestScan scan_;
  uint32_t writer_ = 0;  // of the header, for messages
  bool first_on_trust_ = false;
  uint64_t read_in_vain_ = 0;
  bool trust_next_ = false;
  uint64_t next_ = 0;
};

}  // namespace

Result<ManifestScan> ScanManifest(FileSystem* fs, const std::string& directory, uint64_t number) {
  const std::string path = JoinPath(directory, ManifestFileName(number));
  ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(fs, path, kManifestBytesMax));
  return ManifestScanner(bytes, number).Run(path);
}

}  // namespace logwood
