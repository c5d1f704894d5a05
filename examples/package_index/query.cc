#include "query.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text.h"

namespace package_index {

using logwood::Iterator;
using logwood::IteratorOptions;
using logwood::PinnedValue;
using logwood::Status;
using logwood::StatusCode;

namespace {

constexpr size_t kLookups = 100'000;
constexpr size_t kShown = 4;

// Steps through all records in an order that looks random and is the same every time: the step has
// no common factor with most sizes.
size_t Scatter(size_t i, size_t size) { return i * 7'368'787 % size; }

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), size_t{60})));
}

// Every key under `prefix`, forward or backward. Empty with an error printed when reading failed.
std::vector<std::string> KeysUnder(Store& store, const std::string& prefix, bool backward) {
  IteratorOptions options;
  options.prefix = prefix;
  const std::unique_ptr<Iterator> it = store.db->NewIterator(options, store.sections);
  std::vector<std::string> keys;
  if (backward) {
    for (it->SeekToLast(); it->Valid(); it->Prev()) keys.emplace_back(it->key());
  } else {
    for (it->SeekToFirst(); it->Valid(); it->Next()) keys.emplace_back(it->key());
  }
  if (!it->status().ok()) SayFailed(it->status().ToString());
  return keys;
}

void Show(const std::string& title, const std::vector<std::string>& keys) {
  Say(title);
  for (size_t i = 0; i < std::min(kShown, keys.size()); ++i) Say("  " + keys[i]);
}

// The section that is neither a giant nor empty: the one of the record in the middle.
std::string SectionOfTheMiddle(const Data& data) {
  return data.records[data.records.size() / 2].section;
}

bool FullScan(Store& store, const Data& data, bool backward) {
  const uint64_t start_us = NowMicros();
  const std::unique_ptr<Iterator> it = store.db->NewIterator({}, store.packages);
  uint64_t records = 0;
  uint64_t bytes = 0;
  backward ? it->SeekToLast() : it->SeekToFirst();
  while (it->Valid()) {
    ++records;
    bytes += it->key().size() + it->value().size();
    backward ? it->Prev() : it->Next();
  }
  const uint64_t micros = NowMicros() - start_us;
  if (!it->status().ok()) return SayFailed(it->status().ToString());
  Say(std::string("all packages, ") + (backward ? "backward: " : "forward:  ") + Commas(records) +
      " records, " + Bytes(bytes) + " in " + Seconds(micros) + " (" + Rate(records, micros) + ")");
  return records == data.records.size() && bytes == data.bytes
             ? true
             : SayFailed("the scan did not see what was loaded");
}

}  // namespace

bool Lookups(Store& store, const Data& data) {
  PinnedValue value;
  uint64_t wrong = 0;
  uint64_t start_us = NowMicros();
  for (size_t i = 0; i < kLookups; ++i) {
    const Record& record = data.records[Scatter(i, data.records.size())];
    const Status status = store.db->Get({}, store.packages, record.key, &value);
    wrong += !status.ok() || value.view() != record.value;
  }
  uint64_t micros = NowMicros() - start_us;
  Say(Commas(kLookups) + " keys that are there:     " + Seconds(micros) + " (" +
      Rate(kLookups, micros) + ")");
  start_us = NowMicros();
  for (size_t i = 0; i < kLookups; ++i) {
    const std::string key = data.records[Scatter(i, data.records.size())].key + "~none";
    wrong += !store.db->Get({}, store.packages, key, &value).Is(StatusCode::kNotFound);
  }
  micros = NowMicros() - start_us;
  Say(Commas(kLookups) + " keys that are not there: " + Seconds(micros) + " (" +
      Rate(kLookups, micros) + "; the filters spare the tables)");
  const Record& shown = data.records[data.records.size() / 2];
  const Status status = store.db->Get({}, store.packages, shown.key, &value);
  if (status.ok()) Say("for example " + shown.key + " -> " + FirstLine(value.view()) + " ...");
  return wrong == 0 && status.ok() ? true : SayFailed(Commas(wrong) + " wrong answers");
}

bool Scans(Store& store, const Data& data) {
  const std::string section = SectionOfTheMiddle(data);
  const std::vector<std::string> forward = KeysUnder(store, section + "/", false);
  std::vector<std::string> backward = KeysUnder(store, section + "/", true);
  Show("section " + section + ", first of " + Commas(forward.size()) + ":", forward);
  Show("the same backward:", backward);
  std::reverse(backward.begin(), backward.end());
  if (forward.empty() || forward != backward) return SayFailed("forward and backward differ");
  const auto expected = static_cast<size_t>(
      std::count_if(data.records.begin(), data.records.end(),
                    [&](const Record& r) { return SectionKey(r).starts_with(section + "/"); }));
  if (forward.size() != expected) return SayFailed("the section has not the records it must have");
  const bool both = FullScan(store, data, false) && FullScan(store, data, true);
  return both;
}

void PrintStatistics(Store& store) {
  std::fflush(stdout);
  std::cout << store.db->GetStats().ToText() << std::flush;
}

}  // namespace package_index
