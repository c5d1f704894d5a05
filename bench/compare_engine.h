// CompareEngine: what logwood_compare asks of every engine, so that one driver with one key stream
// measures all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace logwood::bench {

// The same for all engines; everything else is each engine's default.
struct CompareSettings {
  size_t write_buffer_bytes = 64 << 20;
  size_t cache_bytes = 256 << 20;  // Logwood: the whole memory budget
  int filter_bits_per_key = 10;
  bool transactions = false;  // as a database with transactions, where that is one of its own
};

// One open database. A failure ends the program with a message: a benchmark of errors is none.
class CompareEngine {
 public:
  virtual ~CompareEngine() = default;  // closes
  virtual void Put(std::string_view key, std::string_view value, bool sync) = 0;
  // False: not there. The value is seen by `use` where it lies.
  virtual bool Get(std::string_view key, const std::function<void(std::string_view)>& use) = 0;
  // Adds to a counter of 8 bytes, as EncodeInt64 has it: a merge where the engine has them, else a
  // get and a put.
  virtual void Add(std::string_view key, int64_t number);
  // Whether AddInTransaction can be called.
  virtual bool has_transactions() const { return false; }
  // Adds to such a counter in an optimistic transaction: reads it, writes it and commits. False: it
  // is in conflict with another thread's, and nothing was changed. By several threads at once.
  virtual bool AddInTransaction(std::string_view key, int64_t number);
  // Every entry, first to last or back.
  virtual void Scan(bool forward,
                    const std::function<void(std::string_view, std::string_view)>& use) = 0;
  // Until all data is in one sorted run and nothing is left to do.
  virtual void Settle() = 0;
};

struct CompareEngineKind {
  std::string name;
  std::unique_ptr<CompareEngine> (*open)(const std::string& path, const CompareSettings& settings);
};

// Those compiled in, Logwood first.
const std::vector<CompareEngineKind>& CompareEngines();

std::unique_ptr<CompareEngine> OpenLogwood(const std::string&, const CompareSettings&);
std::unique_ptr<CompareEngine> OpenLevelDb(const std::string&, const CompareSettings&);
std::unique_ptr<CompareEngine> OpenRocksDb(const std::string&, const CompareSettings&);

// Ends the program unless ok.
void CompareCheck(bool ok, std::string_view engine, std::string_view what);

}  // namespace logwood::bench
