// What logwood_compare prints: rates, ratios of runs that were paired, and how far they spread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/compare_workload.h"

namespace logwood::bench {

// rates[workload][engine] is one number a run, in the order of the runs; none where the engine
// cannot do it. conflicts likewise, where there were transactions.
class CompareReport {
 public:
  void Add(const std::string& engine, const std::vector<CompareResult>& results);

  // A table for people: median rate of each engine, and the first engine's ratio to each other one
  // as median and range over the runs.
  std::string ToText() const;
  // The same as one JSON object, with every single rate.
  std::string ToJson() const;

 private:
  struct Spread {
    double median = 0, min = 0, max = 0;
  };
  using Numbers = std::map<std::string, std::map<std::string, std::vector<double>>>;
  static Spread SpreadOf(std::vector<double> numbers);
  static std::vector<double> Of(const Numbers& numbers, const std::string& workload,
                                const std::string& engine);
  // first / other, run by run.
  Spread RatioOf(const std::string& workload, const std::string& other) const;

  std::vector<std::string> workloads_, engines_;  // in the order first seen
  Numbers rates_, conflicts_;
};

}  // namespace logwood::bench
