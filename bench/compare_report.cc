#include "bench/compare_report.h"

#include <algorithm>
#include <cstdio>

#include "util/json_writer.h"

namespace logwood::bench {

namespace {

void AddOnce(std::vector<std::string>* names, const std::string& name) {
  if (std::find(names->begin(), names->end(), name) == names->end()) names->push_back(name);
}

template <typename... Numbers>
std::string Format(const char* format, Numbers... numbers) {
  char text[128];
  std::snprintf(text, sizeof text, format, numbers...);
  return text;
}

}  // namespace

void CompareReport::Add(const std::string& engine, const std::vector<CompareResult>& results) {
  AddOnce(&engines_, engine);
  for (const CompareResult& result : results) {
    AddOnce(&workloads_, result.workload);
    rates_[result.workload][engine].push_back(result.rate());
  }
}

CompareReport::Spread CompareReport::SpreadOf(std::vector<double> numbers) {
  if (numbers.empty()) return {};
  std::sort(numbers.begin(), numbers.end());
  const size_t middle = numbers.size() / 2;
  const double median =
      numbers.size() % 2 == 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
  return {median, numbers.front(), numbers.back()};
}

CompareReport::Spread CompareReport::RatioOf(const std::string& workload,
                                             const std::string& other) const {
  const auto& of_workload = rates_.at(workload);
  const std::vector<double>& first = of_workload.at(engines_[0]);
  const std::vector<double>& second = of_workload.at(other);
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(first.size(), second.size()); ++i)
    ratios.push_back(second[i] > 0 ? first[i] / second[i] : 0);
  return SpreadOf(ratios);
}

std::string CompareReport::ToText() const {
  std::string text = Format("%-12s", "ops/s");
  for (const std::string& engine : engines_) text += Format("%14s", engine.c_str());
  for (size_t i = 1; i < engines_.size(); ++i)
    text += Format("   %22s", (engines_[0] + "/" + engines_[i]).c_str());
  text += "\n";
  for (const std::string& workload : workloads_) {
    text += Format("%-12s", workload.c_str());
    for (const std::string& engine : engines_) {
      const double rate = SpreadOf(rates_.at(workload).at(engine)).median;
      text += rate < 100 ? Format("%14.3f", rate) : Format("%14.0f", rate);
    }
    for (size_t i = 1; i < engines_.size(); ++i) {
      const Spread ratio = RatioOf(workload, engines_[i]);
      text += Format("   %6.2f (%5.2f .. %5.2f)", ratio.median, ratio.min, ratio.max);
    }
    text += "\n";
  }
  return text;
}

std::string CompareReport::ToJson() const {
  JsonObject all;
  for (const std::string& workload : workloads_) {
    JsonObject row;
    for (const std::string& engine : engines_)
      row.Raw(engine, JsonArray(rates_.at(workload).at(engine), JsonNumber));
    for (size_t i = 1; i < engines_.size(); ++i) {
      const Spread ratio = RatioOf(workload, engines_[i]);
      JsonObject spread;
      spread.Field("median", ratio.median).Field("min", ratio.min).Field("max", ratio.max);
      row.Raw(engines_[0] + "/" + engines_[i], spread.Finish());
    }
    all.Raw(workload, row.Finish());
  }
  return all.Finish();
}

}  // namespace logwood::bench
