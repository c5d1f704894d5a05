// SalvageTables: what the tables of a directory still hold, and what of them is lost.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/inventory.h"
#include "db/position_set.h"
#include "db/salvage.h"
#include "db/salvage_catalogue.h"
#include "db/salvage_log.h"
#include "db/salvage_merge.h"

namespace logwood {

class SalvageTables {
 public:
  struct Loss {
    SalvageLoss loss;  // without keys
    LostKeys keys;
    bool entries = true;                  // false: bookkeeping only
    LogPos first_position = 0;            // of what may be lost; 0: positions were dropped, any
    std::optional<LogPos> last_position;  // absent: not known
  };

  SalvageTables(const SalvageOptions& options, const Inventory& inventory)
      : options_(options), inventory_(inventory) {}

  // Reads all of them. `advance` gets the bytes read.
  Status Survey(SalvageCatalogue* catalogue, const std::function<void(uint64_t)>& advance);
  const std::vector<Loss>& losses() const { return losses_; }
  uint64_t tables() const { return tables_.size(); }
  // That their entries may have, by their properties.
  const PositionSet& positions() const { return positions_; }
  uint64_t record_bytes_max() const { return record_bytes_max_; }
  // Their keys live as long as this.
  void AddRangeDeletes(RangeFragmenter* to) const {
    for (const RangeFragmentsPtr& ranges : range_deletes_) to->Add(*ranges);
  }
  // Their entries, as few streams as there can be. They read the tables once more; `report` gets
  // what only this reading loses.
  void AddStreams(const std::function<void(uint64_t)>& advance,
                  const std::function<void(const Loss&)>& report,
                  std::vector<std::unique_ptr<SalvageStream>>* streams) const;

 private:
  Status SurveyTable(uint64_t number, const TableMeta* meta, SalvageCatalogue* catalogue);
  Result<std::unique_ptr<DamagedTable>> Find(uint64_t number, const TableMeta* meta,
                                             std::string* path);
  void AddPositions(const TableMeta* meta, const DamagedTable& table);
  static Loss LossOf(uint64_t number, const TableMeta* meta, const DamagedTable* table,
                     const TableLoss& found);
  bool IsKnown(const Loss& loss) const;
  TableLoss WholeTable(const Status& why) const;
  // The file that holds the table with this id, whatever its name; null: there is none.
  Result<const std::string*> FileOf(const Id128& id);

  const SalvageOptions& options_;
  const Inventory& inventory_;
  std::vector<SalvageTable> tables_;
  std::vector<Loss> losses_;
  PositionSet positions_;
  uint64_t record_bytes_max_ = 0;
  std::vector<RangeFragmentsPtr> range_deletes_;
  std::optional<std::map<std::string, std::string>> files_;  // by id
};

}  // namespace logwood
