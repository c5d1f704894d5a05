#include "bench/compare_workload.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "logwood/merge_operator.h"
#include "util/hash.h"
#include "util/random.h"

namespace logwood::bench {

namespace {

constexpr size_t kPoolBytes = 1 << 20;

// A bijection of 64-bit numbers (the finaliser of MurmurHash3): distinct numbers, distinct keys.
uint64_t Shuffled(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 33);
}

std::string Hex(uint64_t number) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(CompareData::kKeyBytes, '0');
  for (size_t i = text.size(); i > 0; --i, number >>= 4) text[i - 1] = kDigits[number & 15];
  return text;
}

// One engine's workloads on one data set.
class Workloads {
 public:
  Workloads(const CompareEngineKind& kind, const CompareSettings& settings, std::string directory,
            CompareData* data)
      : kind_(kind), settings_(settings), directory_(std::move(directory)), data_(*data) {}

  std::vector<CompareResult> Run(uint64_t sync_count) {
    Open("seq");
    Time("fillseq", data_.count(), [this] {
      for (uint64_t i = 0; i < data_.count(); ++i)
        engine_->Put(CompareData::RisingKey(i), data_.Value(i, 0), false);
    });
    CheckContent(CompareData::RisingKey);
    Open("sync");
    Time("fillsync", sync_count, [this, sync_count] {
      for (uint64_t i = 0; i < sync_count; ++i)
        engine_->Put(CompareData::RandomKey(i), data_.Value(i, 0), true);
    });
    Open("random");
    Time("fillrandom", data_.count(), [this] {
      for (uint64_t i = 0; i < data_.count(); ++i)
        engine_->Put(CompareData::RandomKey(i), data_.Value(i, 0), false);
    });
    Time("overwrite", data_.count(), [this] { Overwrite(); });
    Time("settle", 1, [this] { engine_->Settle(); });
    CheckContent(CompareData::RandomKey);
    ReadAll();
    Counters();
    Transactions();
    engine_.reset();
    return std::move(results_);
  }

 private:
  void Open(const std::string& name) {
    engine_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    engine_ = kind_.open(directory_ + "/" + name, settings_);
    versions_.assign(data_.count(), 0);
  }

  void Time(const std::string& workload, uint64_t operations, const std::function<void()>& run) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    results_.push_back({workload, operations, taken.count(), {}});
  }

  void Check(bool right, const char* what) { CompareCheck(right, kind_.name, what); }

  void Overwrite() {
    Random random(1);
    for (uint64_t n = 0; n < data_.count(); ++n) {
      const uint64_t i = random.Uniform(data_.count());
      engine_->Put(CompareData::RandomKey(i), data_.Value(i, ++versions_[i]), false);
    }
  }

  void ReadAll() {
    Time("readrandom", data_.count(), [this] { ReadRandom(2, 0); });
    Time("readmissing", data_.count(), [this] { ReadRandom(3, data_.count()); });
    for (const bool forward : {true, false}) {
      uint64_t entries = 0, bytes = 0;
      Time(forward ? "scan" : "scanreverse", data_.count(), [&] {
        engine_->Scan(forward, [&](std::string_view key, std::string_view value) {
          ++entries;
          bytes += key.size() + value.size();
        });
      });
      Check(entries == data_.count(), "a scan missed entries");
      Check(bytes == entries * (CompareData::kKeyBytes + CompareData::kValueBytes), "wrong sizes");
    }
  }

  // Counters that are added to and read by turns: by merges, and by a get and a put.
  void Counters() {
    constexpr uint64_t kHot = 16, kReads = 20'000;
    Open("counters");
    Time("addhot", data_.count(), [this] {
      for (uint64_t i = 0; i < data_.count(); ++i)
        engine_->Add(CompareData::RisingKey(i % kHot), 1);
    });
    uint64_t sum = 0, expected = 0;
    Time("readhot", kReads, [&] {
      for (uint64_t i = 0; i < kReads; ++i) sum += Counter(CompareData::RisingKey(i % kHot));
    });
    for (uint64_t i = 0; i < kReads; ++i)
      expected += data_.count() / kHot + (i % kHot < data_.count() % kHot);
    Check(sum == expected, "a hot counter is wrong");
    Time("addrandom", data_.count(), [this] {
      Random random(4);
      for (uint64_t n = 0; n < data_.count(); ++n)
        engine_->Add(CompareData::RandomKey(random.Uniform(data_.count())), 1);
    });
    Time("getputrandom", data_.count(), [this] {
      Random random(5);
      for (uint64_t n = 0; n < data_.count(); ++n) {
        const std::string key = CompareData::RandomKey(random.Uniform(data_.count()));
        engine_->Put(key, EncodeInt64(static_cast<int64_t>(Counter(key) + 1)), false);
      }
    });
    sum = 0;
    engine_->Scan(true, [&](std::string_view, std::string_view value) {
      sum += static_cast<uint64_t>(DecodeInt64(value).value_or(0));
    });
    Check(sum == 3 * data_.count(), "counters lost or gained");
  }
  // Two threads that add to counters in transactions, again where that is a conflict: those of the
  // data, where they rarely meet, and a hundred, where they often do.
  void Transactions() {
    for (const auto& [name, keys] : {std::pair<const char*, uint64_t>{"txnlow", data_.count()},
                                     std::pair<const char*, uint64_t>{"txnhigh", 100}}) {
      settings_.transactions = true;
      Open(name);
      if (!engine_->has_transactions()) return;
      const uint64_t count = data_.count() / 2;
      std::atomic<uint64_t> conflicts{0};
      Time(name, 2 * count, [&, keys = keys] {
        std::thread other([&] { conflicts += AddInTransactions(6, count, keys); });
        conflicts += AddInTransactions(7, count, keys);
        other.join();
      });
      results_.back().conflicts = conflicts.load();
      uint64_t sum = 0;
      engine_->Scan(true, [&](std::string_view, std::string_view value) {
        sum += static_cast<uint64_t>(DecodeInt64(value).value_or(0));
      });
      Check(sum == 2 * count, "transactions lost or gained");
    }
  }
  // How often one was refused.
  uint64_t AddInTransactions(uint64_t seed, uint64_t count, uint64_t keys) {
    Random random(seed);
    uint64_t conflicts = 0;
    for (uint64_t n = 0; n < count; ++n) {
      const std::string key = CompareData::RandomKey(random.Uniform(keys));
      while (!engine_->AddInTransaction(key, 1)) ++conflicts;
    }
    return conflicts;
  }

  uint64_t Counter(const std::string& key) {
    int64_t number = 0;
    engine_->Get(key, [&](std::string_view value) { number = DecodeInt64(value).value_or(0); });
    return static_cast<uint64_t>(number);
  }

  // Numbers from `first` on; those from count() on must not be found.
  void ReadRandom(uint64_t seed, uint64_t first) {
    Random random(seed);
    uint64_t found = 0, wrong = 0;
    for (uint64_t n = 0; n < data_.count(); ++n) {
      const uint64_t i = random.Uniform(data_.count());
      found += engine_->Get(CompareData::RandomKey(first + i), [&](std::string_view value) {
        wrong += value.size() != CompareData::kValueBytes ||
                 std::memcmp(value.data(), &i, sizeof i) != 0;
      });
    }
    Check(found == (first == 0 ? data_.count() : 0), "a get found too few or too many");
    Check(wrong == 0, "a get found a wrong value");
  }

  // Untimed: the sum over all entries of a hash of each must be that of what was written.
  void CheckContent(std::string (*key_of)(uint64_t)) {
    uint64_t expected = 0, seen = 0;
    for (uint64_t i = 0; i < data_.count(); ++i)
      expected += Hash64(data_.Value(i, versions_[i]), Hash64(key_of(i), 0));
    engine_->Scan(true, [&seen](std::string_view key, std::string_view value) {
      seen += Hash64(value, Hash64(key, 0));
    });
    Check(seen == expected, "the content is not what was written");
  }

  const CompareEngineKind& kind_;
  CompareSettings settings_;
  const std::string directory_;
  CompareData& data_;
  std::unique_ptr<CompareEngine> engine_;
  std::vector<uint32_t> versions_;
  std::vector<CompareResult> results_;
};

}  // namespace

CompareData::CompareData(uint64_t count) : count_(count), value_(kValueBytes, '\0') {
  Random random(301);
  while (pool_.size() < kPoolBytes) {
    for (size_t i = 0; i < kValueBytes / 2; ++i) pool_.push_back(static_cast<char>(random.Next()));
    pool_.append(kValueBytes / 2, 'v');
  }
}

std::string CompareData::RandomKey(uint64_t i) { return Hex(Shuffled(i + 1)); }
std::string CompareData::RisingKey(uint64_t i) { return Hex(i); }

std::string_view CompareData::Value(uint64_t i, uint32_t version) {
  const uint64_t offset = Shuffled(i + (uint64_t{version} << 40)) % (kPoolBytes - kValueBytes);
  std::memcpy(value_.data(), pool_.data() + offset, kValueBytes);
  std::memcpy(value_.data(), &i, sizeof i);
  return value_;
}

std::vector<CompareResult> RunWorkloads(const CompareEngineKind& engine,
                                        const CompareSettings& settings,
                                        const std::string& directory, CompareData* data,
                                        uint64_t sync_count) {
  return Workloads(engine, settings, directory, data).Run(sync_count);
}

}  // namespace logwood::bench
