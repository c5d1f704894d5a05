#include "tests/support/option_sets.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>

namespace logwood::test {

namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * 1024;

using Change = std::function<void(Options&)>;

OptionSet Make(std::string name, bool posix, const Change& change) {
  OptionSet set;
  set.name = std::move(name);
  set.posix = posix;
  // The same for all unless changed: small enough that a short list reaches flush and compaction.
  set.options.memory_budget_bytes = 64 * kMiB;
  set.options.tuning.memtable_bytes = 64 * kKiB;
  set.options.tuning.table_bytes = 64 * kKiB;
  set.options.tuning.log_segment_bytes = 256 * kKiB;
  set.options.tuning.background_threads = 1;
  change(set.options);
  return set;
}

// Memtables, tables, levels: what decides when data moves.
void AddShapes(std::vector<OptionSet>* sets) {
  sets->push_back(Make("default", true, [](Options& o) { o = Options(); }));
  sets->push_back(
      Make("memtable_4k", false, [](Options& o) { o.tuning.memtable_bytes = 4 * kKiB; }));
  sets->push_back(Make("memtable_4k_posix", true, [](Options& o) {
    o.tuning.memtable_bytes = 4 * kKiB;
    o.tuning.background_threads = 2;
  }));
  sets->push_back(Make("memtable_64m", false, [](Options& o) {
    o.memory_budget_bytes = 512 * kMiB;
    o.tuning.memtable_bytes = 64 * kMiB;
    o.tuning.log_segment_bytes = 0;
  }));
  sets->push_back(Make("tiny_everything", false, [](Options& o) {
    o.tuning.memtable_bytes = 4 * kKiB;
    o.tuning.table_bytes = 4 * kKiB;
    o.tuning.block_bytes = 256;
    o.tuning.level0_tables = 2;
    o.tuning.level_multiplier = 4;
    o.tuning.log_segment_bytes = 4 * kKiB;
    o.tuning.cache_bytes = 0;
  }));
  sets->push_back(Make("tiny_tables", false, [](Options& o) {
    o.tuning.memtable_bytes = 16 * kKiB;
    o.tuning.table_bytes = 2 * kKiB;
  }));
  sets->push_back(Make("level0_2_multiplier_4", false, [](Options& o) {
    o.tuning.memtable_bytes = 16 * kKiB;
    o.tuning.level0_tables = 2;
    o.tuning.level_multiplier = 4;
  }));
  sets->push_back(Make("level0_64", false, [](Options& o) {
    o.tuning.memtable_bytes = 8 * kKiB;
    o.tuning.level0_tables = 64;
    o.tuning.level_multiplier = 32;
  }));
}

// Blocks, compression, filters, cache: how bytes lie in tables.
void AddFormats(std::vector<OptionSet>* sets) {
  sets->push_back(Make("block_256_uncompressed", false, [](Options& o) {
    o.tuning.block_bytes = 256;
    o.compression = Compression::kNone;
  }));
  sets->push_back(Make("block_64k", false, [](Options& o) {
    o.tuning.block_bytes = 64 * kKiB;
    o.tuning.table_bytes = 1 * kMiB;
  }));
  sets->push_back(Make("block_64k_uncompressed_posix", true, [](Options& o) {
    o.tuning.block_bytes = 64 * kKiB;
    o.compression = Compression::kNone;
  }));
  sets->push_back(Make("no_cache", false, [](Options& o) {
    o.tuning.cache_bytes = 0;
    o.tuning.memtable_bytes = 16 * kKiB;
  }));
  sets->push_back(Make("cache_32k", false, [](Options& o) {
    o.tuning.cache_bytes = 32 * kKiB;
    o.tuning.memtable_bytes = 8 * kKiB;
  }));
  sets->push_back(Make("no_filters", false, [](Options& o) {
    o.tuning.filter_bits_per_key = 0;
    o.tuning.memtable_bytes = 8 * kKiB;
  }));
  sets->push_back(Make("filters_2_bits", false, [](Options& o) {
    o.tuning.filter_bits_per_key = 2;  // many false positives
    o.tuning.memtable_bytes = 8 * kKiB;
  }));
}

// Log, durability, threads, budget: when things happen.
void AddSchedules(std::vector<OptionSet>* sets) {
  sets->push_back(Make("segment_4k", false, [](Options& o) {
    o.tuning.log_segment_bytes = 4 * kKiB;
    o.tuning.memtable_bytes = 32 * kKiB;
  }));
  sets->push_back(Make("segment_16k_posix_retained", true, [](Options& o) {
    o.tuning.log_segment_bytes = 16 * kKiB;
    o.log_retention = LogRetention{.bytes_min = 256 * kKiB};
  }));
  sets->push_back(Make("power", false, [](Options& o) {
    o.durability = Durability::kPower;
    o.tuning.memtable_bytes = 8 * kKiB;
  }));
  sets->push_back(Make("threads_4", false, [](Options& o) {
    o.tuning.background_threads = 4;
    o.tuning.memtable_bytes = 4 * kKiB;
    o.tuning.table_bytes = 8 * kKiB;
  }));
  sets->push_back(Make("budget_8m", false, [](Options& o) {
    o.memory_budget_bytes = 8 * kMiB;
    o.tuning = Tuning();
  }));
}

std::vector<OptionSet> MakeAll() {
  std::vector<OptionSet> sets;
  AddShapes(&sets);
  AddFormats(&sets);
  AddSchedules(&sets);
  return sets;
}

}  // namespace

const std::vector<OptionSet>& OptionSets() {
  static const std::vector<OptionSet> sets = MakeAll();
  return sets;
}

const OptionSet& OptionSetNamed(const std::string& name) {
  for (const OptionSet& set : OptionSets())
    if (set.name == name) return set;
  std::fprintf(stderr, "no option set \"%s\"; there are:\n", name.c_str());
  for (const OptionSet& set : OptionSets()) std::fprintf(stderr, "  %s\n", set.name.c_str());
  std::exit(2);
}

Place::Place(bool posix) {
  if (posix) {
    directory_ = std::make_unique<TempDirectory>(TempDirectory::Speed::kFast);
  } else {
    memory_ = FileSystem::InMemory();
  }
}

std::string Place::Join(const std::string& name) const {
  return directory_ ? directory_->Join(name) : "/" + name;
}

Options Place::With(Options options) const {
  options.file_system = memory_.get();
  return options;
}

}  // namespace logwood::test
