#include "db/settings.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <utility>

#include "util/arena.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

// What a flush or a compaction cannot do without.
constexpr uint64_t kJobBytesMin = 192 * kKiB;

// Resolves one value at a time and notes where it came from.
class Resolver {
 public:
  explicit Resolver(Settings* settings) : settings_(settings) {}

  Status ReadStored(std::string_view text) {
    while (!text.empty()) {
      size_t line_end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, line_end);
      text.remove_prefix(std::min(line_end + 1, text.size()));
      size_t equals = line.find('=');
      uint64_t value = 0;
      auto parsed =
          equals == std::string_view::npos
              ? std::from_chars_result{nullptr, std::errc::invalid_argument}
              : std::from_chars(line.data() + equals + 1, line.data() + line.size(), value);
      if (parsed.ec != std::errc() || parsed.ptr != line.data() + line.size()) {
        return Status::Corruption("stored settings: cannot read \"" + std::string(line) + "\"");
      }
      stored_[std::string(line.substr(0, equals))] = value;
    }
    return Status::Ok();
  }

  struct Range {
    uint64_t min, max;
  };
  // Given, else stored (when `kept`), else derived.
  uint64_t Value(const char* name, std::optional<uint64_t> given, bool kept, uint64_t derived,
                 std::string_view why, Range range) {
    uint64_t value = derived;
    std::string source(why);
    auto it = stored_.find(name);
    if (given) {
      value = *given;
      source = "given";
    } else if (kept && it != stored_.end()) {
      value = it->second;
      source = "stored with the database";
    }
    if (it != stored_.end()) stored_.erase(it);
    if ((value < range.min || value > range.max) && status_.ok()) {
      std::string what = std::string(name) + " is " + std::to_string(value) + "; it must be " +
                         std::to_string(range.min) + " to " + std::to_string(range.max);
      status_ = given ? Status::InvalidArgument("options: " + what)
                      : Status::Corruption("stored settings: " + what);
    }
    settings_->sources.push_back({name, std::to_string(value), std::move(source)});
    return value;
  }

  void FitsInto(const char* name, uint64_t value, uint64_t limit) {
    if (value <= limit || !status_.ok()) return;
    status_ = Status::InvalidArgument("options: " + std::string(name) + " is " +
                                      std::to_string(value) + "; memory_budget_bytes (" +
                                      std::to_string(settings_->memory_budget_bytes) +
                                      ") leaves it at most " + std::to_string(limit));
  }

  Status Finish() {
    RETURN_IF_ERROR(std::move(status_));
    if (!stored_.empty()) {
      return Status::NotSupported("stored settings: this version does not know \"" +
                                  stored_.begin()->first + "\"");
    }
    return Status::Ok();
  }

 private:
  Settings* settings_;
  std::map<std::string, uint64_t, std::less<>> stored_;
  Status status_;
};

std::optional<uint64_t> Given(uint64_t value) {
  return value == 0 ? std::nullopt : std::optional<uint64_t>(value);
}

template <typename T>
std::optional<uint64_t> Given(const std::optional<T>& value) {
  return value ? std::optional<uint64_t>(*value) : std::nullopt;
}

void ResolveChoices(const Options& options, Resolver* r, Settings* s) {
  std::optional<uint64_t> durability;
  if (options.durability != Durability::kDefault) {
    durability = static_cast<uint64_t>(options.durability);
  }
  s->durability =
      static_cast<Durability>(r->Value("durability", durability, true, 1, "default", {1, 2}));
  s->sources.back().value = s->durability == Durability::kPower ? "power" : "process";
  std::optional<uint64_t> compression;
  if (options.compression) compression = static_cast<uint64_t>(*options.compression);
  s->compression =
      static_cast<Compression>(r->Value("compression", compression, true, 1, "default", {0, 1}));
  s->sources.back().value = s->compression == Compression::kSnappy ? "snappy" : "none";
  std::optional<uint64_t> keep_bytes, keep_seconds;
  if (options.log_retention) {
    keep_bytes = options.log_retention->bytes_min;
    keep_seconds = static_cast<uint64_t>(options.log_retention->age_min.count());
  }
  constexpr uint64_t kSecondsMax = 1ULL << 40;
  s->log_retention.bytes_min =
      r->Value("log_retention_bytes", keep_bytes, true, 0, "default: none", {0, ~uint64_t{0}});
  s->log_retention.age_min = std::chrono::seconds(
      r->Value("log_retention_seconds", keep_seconds, true, 0, "default: none", {0, kSecondsMax}));
}

void ResolveMemory(const Options& options, Resolver* r, Settings* s) {
  const Tuning& t = options.tuning;
  const char* why = "derived from memory_budget_bytes";
  uint64_t budget = r->Value("memory_budget_bytes", options.memory_budget_bytes, false, 0, "",
                             {kMemoryBudgetBytesMin, kMemoryBudgetBytesMax});
  if (budget == Options().memory_budget_bytes) s->sources.back().source = "default";
  s->memory_budget_bytes = budget;
  s->memtable_bytes = r->Value("memtable_bytes", Given(t.memtable_bytes), false,
                               std::clamp(budget / 6, 64 * kKiB, 64 * kMiB), why, {4 * kKiB, kGiB});
  // An active one, one being flushed, and half a one to bridge the change.
  s->memtables_bytes_max =
      std::min(s->memtable_bytes * 5 / 2 + 64 * kKiB, std::max(budget / 3 * 2, 192 * kKiB));
  const uint64_t uncounted = std::clamp(budget / 16, 256 * kKiB, 64 * kMiB);
  s->capacity_bytes = budget - std::min(budget, uncounted);
  s->cache_bytes = r->Value("cache_bytes", Given(t.cache_bytes), false, s->capacity_bytes, why,
                            {0, kMemoryBudgetBytesMax});
  // One budget pays for both.
  r->FitsInto("memtable_bytes", t.memtable_bytes, budget / 2);
  if (t.cache_bytes.has_value()) r->FitsInto("cache_bytes", *t.cache_bytes, budget);
  s->pins_bytes_max = budget / 3;
  s->pins_bytes_over_max = uncounted / 2;
  s->readers_bytes_max = std::max(budget / 4, 64 * kKiB);
  s->batch_bytes_max = std::min<uint64_t>(kBatchBytesMax, budget / 4);
  // Fewer cost about what a note and going by it do; a small memtable cannot have many.
  s->dead_range_keys = std::clamp<uint64_t>(s->memtable_bytes / (4 * kKiB), 2, 128);
}

void ResolveTree(const Options& options, Resolver* r, Settings* s) {
  const Tuning& t = options.tuning;
  const char* by_memtable = "derived from memtable_bytes";
  s->table_bytes =
      r->Value("table_bytes", Given(t.table_bytes), true, 32 * kMiB, "default", {kKiB, 4 * kGiB});
  s->block_bytes = static_cast<uint32_t>(
      r->Value("block_bytes", Given(t.block_bytes), true, 4 * kKiB, "default", {256, 256 * kKiB}));
  s->filter_bits_per_key = static_cast<uint32_t>(
      r->Value("filter_bits_per_key", Given(t.filter_bits_per_key), true, 10, "default", {0, 32}));
  s->level0_tables = static_cast<uint32_t>(
      r->Value("level0_tables", Given(t.level0_tables), true, 4, "default", {2, 64}));
  s->level_multiplier = static_cast<uint32_t>(
      r->Value("level_multiplier", Given(t.level_multiplier), true, 10, "default", {4, 32}));
  // Each has a job, and one flushes beside them: together at most half of the budget.
  const uint64_t threads_max = s->memory_budget_bytes / 2 / kJobBytesMin - 1;
  s->background_threads =
      static_cast<uint32_t>(r->Value("background_threads", Given(t.background_threads), false,
                                     std::min<uint64_t>(threads_max, 2), "default", {1, 64}));
  r->FitsInto("background_threads", t.background_threads, threads_max);
  s->log_segment_bytes =
      r->Value("log_segment_bytes", Given(t.log_segment_bytes), false,
               std::clamp(s->memtable_bytes, 64 * kKiB, 64 * kMiB), by_memtable, {4 * kKiB, kGiB});
  s->job_bytes_max = std::clamp(s->memory_budget_bytes / 12 / (uint64_t{s->background_threads} + 1),
                                kJobBytesMin, 32 * kMiB);
  s->event_log_bytes = r->Value("event_log_bytes", Given(t.event_log_bytes), false, 4 * kMiB,
                                "default", {4 * kKiB, kGiB});
}

}  // namespace

Result<Settings> ResolveSettings(const Options& options, std::optional<std::string_view> stored) {
  constexpr size_t kSourcesLikely = 24;
  Settings settings;
  settings.sources.reserve(kSourcesLikely);
  Resolver resolver(&settings);
  if (stored) RETURN_IF_ERROR(resolver.ReadStored(*stored));
  ResolveChoices(options, &resolver, &settings);
  ResolveMemory(options, &resolver, &settings);
  ResolveTree(options, &resolver, &settings);
  RETURN_IF_ERROR(resolver.Finish());
  return settings;
}

std::string Settings::EncodeStored() const {
  const std::pair<const char*, uint64_t> kept[] = {
      {"durability", static_cast<uint64_t>(durability)},
      {"compression", static_cast<uint64_t>(compression)},
      {"log_retention_bytes", log_retention.bytes_min},
      {"log_retention_seconds", static_cast<uint64_t>(log_retention.age_min.count())},
      {"table_bytes", table_bytes},
      {"block_bytes", block_bytes},
      {"filter_bits_per_key", filter_bits_per_key},
      {"level0_tables", level0_tables},
      {"level_multiplier", level_multiplier},
  };
  std::string text;
  for (const auto& [name, value] : kept) {
    text += std::string(name) + '=' + std::to_string(value) + '\n';
  }
  return text;
}

size_t Settings::memtable_block_bytes() const {
  return std::clamp<size_t>(std::bit_floor(memtable_bytes / 16), 4 * kKiB, Arena::kBlockBytesMax);
}

TableOptions Settings::table_options() const {
  TableOptions options;
  options.block_bytes = block_bytes;
  options.compression = compression;
  options.filter_bits_per_key = filter_bits_per_key;
  options.append_bytes =
      static_cast<uint32_t>(std::clamp(job_bytes_max / 8, 32 * kKiB, 256 * kKiB));
  return options;
}

CompactionSettings Settings::compaction() const {
  CompactionSettings c;
  c.level0_tables = level0_tables;
  c.level_multiplier = level_multiplier;
  c.base_bytes = std::max<uint64_t>(level0_tables * memtable_bytes, 2 * table_bytes);
  c.table_bytes = table_bytes;
  c.grandparent_bytes_max = 10 * table_bytes;
  c.job_bytes_max = 16 * table_bytes;
  return c;
}

}  // namespace logwood
