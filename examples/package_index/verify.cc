#include "verify.h"

#include <memory>
#include <string_view>
#include <unordered_map>

#include "text.h"

namespace package_index {

using logwood::Keyspace;
using logwood::PinnedValue;
using logwood::Status;
using logwood::StatusCode;

namespace {

void Note(Findings* findings, const std::string& problem) {
  if (findings->first_problem.empty()) findings->first_problem = problem;
}

// Whether the key is there with exactly this value. An error ends the verification.
bool Holds(Store& store, Keyspace keyspace, const std::string& key, const std::string& value,
           Findings* findings) {
  PinnedValue found;
  const Status status = store.db->Get({}, keyspace, key, &found);
  if (!status.ok() && !status.Is(StatusCode::kNotFound)) findings->error = status.ToString();
  return status.ok() && found.view() == value;
}

void VerifyBatch(Store& store, const Data& data, size_t index, bool acknowledged,
                 Findings* findings) {
  const BatchRange range = BatchAt(data, index);
  size_t there = 0;
  for (size_t i = range.begin; i < range.end; ++i) {
    const Record& record = data.records[i];
    const bool in_packages = Holds(store, store.packages, record.key, record.value, findings);
    const bool in_sections = Holds(store, store.sections, SectionKey(record), record.key, findings);
    there += in_packages && in_sections;
    if (!acknowledged) continue;
    ++findings->acknowledged;
    if (!in_packages || !in_sections) {
      ++findings->missing;
      Note(findings, "acknowledged, but not there: " + record.key);
    }
  }
  const size_t records = range.end - range.begin;
  if (there != 0 && there != records) {
    ++findings->half_batches;
    Note(findings, "half of a batch: number " + std::to_string(index));
  }
  if (!acknowledged && there == records) ++findings->extra_batches;
}

// Walks the first keyspace; each record must be one of the data, with its partner in the second.
void VerifyPackages(Store& store, const Data& data, Findings* findings) {
  std::unordered_map<std::string_view, const Record*> known;
  for (const Record& record : data.records) known.emplace(record.key, &record);
  auto it = store.db->NewIterator({}, store.packages);
  for (it->SeekToFirst(); it->Valid() && findings->error.empty(); it->Next()) {
    ++findings->packages;
    const auto found = known.find(it->key());
    if (found != known.end() &&
        Holds(store, store.sections, SectionKey(*found->second), found->second->key, findings)) {
      continue;
    }
    ++findings->without_section;
    Note(findings, "in packages only: " + std::string(it->key()));
  }
  if (!it->status().ok()) findings->error = it->status().ToString();
}

// Walks the second; each value is a key of the first.
void VerifySections(Store& store, Findings* findings) {
  auto it = store.db->NewIterator({}, store.sections);
  for (it->SeekToFirst(); it->Valid() && findings->error.empty(); it->Next()) {
    ++findings->sections;
    const auto found = store.db->Contains({}, store.packages, it->value());
    if (!found.ok()) findings->error = found.status().ToString();
    if (found.ok() && *found && it->key().ends_with(it->value())) continue;
    ++findings->without_package;
    Note(findings, "in sections only: " + std::string(it->key()));
  }
  if (!it->status().ok()) findings->error = it->status().ToString();
}

}  // namespace

Findings Verify(Store& store, const Data& data, size_t acknowledged_batches) {
  Findings findings;
  for (size_t i = 0; i < BatchCount(data) && findings.error.empty(); ++i) {
    VerifyBatch(store, data, i, i < acknowledged_batches, &findings);
  }
  VerifyPackages(store, data, &findings);
  VerifySections(store, &findings);
  // The loader has one write under way at a time: only that one may be there unacknowledged.
  if (findings.extra_batches > 1) Note(&findings, "more than one unacknowledged batch is there");
  return findings;
}

bool Report(const Findings& findings) {
  const uint64_t missing = findings.missing;
  Say(Commas(findings.acknowledged) + " records acknowledged, " + Commas(missing) + " missing");
  Say("packages holds " + Commas(findings.packages) + " records, sections " +
      Commas(findings.sections) + "; without a partner: " + Commas(findings.without_section) +
      " and " + Commas(findings.without_package));
  Say("batches that are there by half: " + Commas(findings.half_batches) +
      "; there, but killed before it was acknowledged: " + Commas(findings.extra_batches));
  if (!findings.error.empty()) SayFailed(findings.error);
  if (!findings.first_problem.empty()) SayFailed(findings.first_problem);
  if (findings.ok()) Say("every acknowledged record is there; the keyspaces agree");
  return findings.ok();
}

}  // namespace package_index
