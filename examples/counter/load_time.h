// How long a page took to load: how often, all together, and at most. And the merge operator that
// adds one to another: what to copy for a figure of your own.
//
// A mean cannot be merged: the mean of two means is not the mean of all. What it is made of can.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/merge_operator.h"

struct LoadTime {
  int64_t loads = 0, total_us = 0, most_us = 0;

  static LoadTime OfOne(int64_t micros) { return {1, micros, micros}; }
  void Add(const LoadTime& other);
  double mean_us() const;

  std::string Encode() const;  // 24 bytes
  static std::optional<LoadTime> Decode(std::string_view bytes);

  bool operator==(const LoadTime&) const = default;
};

class MergeLoadTimes : public logwood::MergeOperator {
 public:
  std::string_view name() const override { return "example.load_time"; }
  uint32_t version() const override { return 1; }
  // What Merge would not understand is refused here, when it is written, and never stored.
  logwood::Status Check(std::string_view operand) const override;
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override;
};
