// DamagedTable: the entries of a table file, whatever has become of it. Where TableReader refuses a
// file that is not whole, this reads every block whose own checksum fits: by the index, or where
// that is damaged, block after block (table/block_scan.h). Forwards only, one block in memory.
//
//   ASSIGN_OR_RETURN(auto table, DamagedTable::Open(fs, path, &meta));
//   while (table->Next()) Use(table->entry());
//   RETURN_IF_ERROR(table->status());
//   for (const TableLoss& loss : table->losses()) ...
//
// One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "table/block.h"
#include "table/block_io.h"
#include "table/block_scan.h"
#include "table/table_meta.h"
#include "table/table_reader.h"
#include "util/internal_iterator.h"

namespace logwood {

struct TableLoss {
  uint64_t offset = 0, end = 0;  // bytes of the file
  std::string what;
  // False: only the table's own bookkeeping is damaged, every entry is there.
  bool entries_lost = true;
  bool of_ranges = false;  // lost are range deletes
  // The stored keys of which entries may be lost. An absent one: not known, any.
  std::optional<std::string> first_key, last_key;
};

class DamagedTable {
 public:
  // `meta` (may be null) is what the manifest knows of it. kCorruption: nothing in the file can be
  // verified, or it is another table than `meta` means. kNotFound: there is no file.
  static Result<std::unique_ptr<DamagedTable>> Open(FileSystem* fs, const std::string& path,
                                                    const TableMeta* meta);

  // To the next entry that can be read; false: there is none, or the file system failed.
  bool Next();
  // REQUIRES: the last Next returned true. The bytes live until the next one.
  const Entry& entry() const { return entry_; }
  Status status() const { return status_; }
  // All of them once Next has returned false.
  const std::vector<TableLoss>& losses() const { return losses_; }

  const Id128& id() const { return source_.id; }
  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t bytes_read() const { return bytes_read_; }
  // Null: it has none, or they are among the losses.
  const RangeFragmentsPtr& range_deletes() const { return range_deletes_; }
  // As the properties say; null where they cannot be read.
  const TableProperties* properties() const { return has_properties_ ? &properties_ : nullptr; }

 private:
  explicit DamagedTable(std::unique_ptr<RandomAccessFile> file, std::string path)
      : file_(std::move(file)) {
    source_.file = file_.get();
    source_.path = std::move(path);
  }
  Status Identify(const TableMeta* meta);
  Status ReadParts();
  Status CheckFilter(const BlockHandle& handle);
  Status ReadRangeDeletes(const BlockHandle& handle);
  void LoseRangeDeletes(const BlockHandle& part, std::string what);
  Status ReadIndex(const BlockHandle& handle, uint64_t data_end);
  // Makes the next readable block the current one; false: there is none.
  bool LoadBlock();
  Result<std::optional<BlockHandle>> NextHandle();
  uint64_t DataEnd();
  void SetEntry();
  // A stretch of the file whose entries are lost; ended by the next good block.
  void BeginLoss(uint64_t offset, uint64_t end, std::string what);
  void EndLoss(std::optional<std::string> last_key);
  void AddPartLoss(const BlockHandle& part, std::string what);
  bool Stop(Status status) {
    status_ = std::move(status);
    return false;
  }

  const std::unique_ptr<RandomAccessFile> file_;
  BlockSource source_;
  uint64_t file_bytes_ = 0;
  TableProperties properties_;
  bool has_properties_ = false;
  std::optional<std::string> smallest_, largest_;                // stored keys, as far as known
  std::optional<std::string> first_range_key_, last_range_key_;  // as the manifest knows them
  LogPos position_override_ = 0;
  RangeFragmentsPtr range_deletes_;
  bool may_have_ranges_ = true;  // by what the manifest knows

  // Where blocks are: the index's handles, or a scan.
  BlockRef index_block_;
  Block index_;
  bool has_footer_ = false;
  bool has_index_ = false;
  uint32_t next_in_index_ = 0;
  std::optional<BlockScan> scan_;
  uint64_t data_end_ = 0;
  uint64_t position_ = kFileHeaderBytes;  // behind the last block looked at

  BlockRef block_ref_;
  Block block_;
  uint32_t at_ = 0;
  bool in_block_ = false;
  std::string key_;  // buffer for the entry's key
  std::string last_key_;
  uint64_t last_trailer_ = 0;
  bool has_last_ = false;

  Entry entry_;
  Status status_;
  std::vector<TableLoss> losses_;
  std::optional<TableLoss> open_loss_;
  uint64_t bytes_read_ = 0;
};

}  // namespace logwood
