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
    if (result.conflicts)
      conflicts_[result.workload][engine].push_back(static_cast<double>(*result.conflicts));
  }
}

std::vector<double> CompareReport::Of(const Numbers& numbers, const std::string& workload,
                                      const std::string& engine) {
  const auto of_workload = numbers.find(workload);
  if (of_workload == numbers.end()) return {};
  const auto of_engine = of_workload->second.find(engine);
  return of_engine == of_workload->second.end() ? std::vector<double>() : of_engine->second;
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
  const std::vector<double> first = Of(rates_, workload, engines_[0]);
  const std::vector<double> second = Of(rates_, workload, other);
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
      const double rate = SpreadOf(Of(rates_, workload, engine)).median;
      text += rate == 0    ? Format("%14s", "-")
              : rate < 100 ? Format("%14.3f", rate)
                           : Format("%14.0f", rate);
    }
    for (size_t i = 1; i < engines_.size(); ++i) {
      const Spread ratio = RatioOf(workload, engines_[i]);
      text += ratio.median == 0
                  ? Format("   %22s", "-")
                  : Format("   %6.2f (%5.2f .. %5.2f)", ratio.median, ratio.min, ratio.max);
    }
    text += "\n";
    if (!conflicts_.contains(workload)) continue;
    text += Format("%-12s", " conflicts");
    for (const std::string& engine : engines_)
      if (Of(conflicts_, workload, engine).empty())
        text += Format("%14s", "-");
      else
        text += Format("%14.0f", SpreadOf(Of(conflicts_, workload, engine)).median);
    text += "\n";
  }
  return text;
}

std::string CompareReport::ToJson() const {
  JsonObject all;
  for (const std::string& workload : workloads_) {
    JsonObject row;
    for (const std::string& engine : engines_)
      row.Raw(engine, JsonArray(Of(rates_, workload, engine), JsonNumber));
    for (size_t i = 1; i < engines_.size(); ++i) {
      const Spread ratio = RatioOf(workload, engines_[i]);
      JsonObject spread;
      spread.Field("median", ratio.median).Field("min", ratio.min).Field("max", ratio.max);
      row.Raw(engines_[0] + "/" + engines_[i], spread.Finish());
    }
    if (const auto conflicts = conflicts_.find(workload); conflicts != conflicts_.end()) {
      JsonObject counts;
      for (const auto& [engine, numbers] : conflicts->second)
        counts.Raw(engine, JsonArray(numbers, JsonNumber));
      row.Raw("conflicts", counts.Finish());
    }
    all.Raw(workload, row.Finish());
  }
  return all.Finish();
}

}  // namespace logwood::bench
