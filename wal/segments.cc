#include "wal/segments.h"

#include <limits>

namespace logwood {
namespace {

constexpr std::string_view kSuffix = ".log";
constexpr size_t kDigitsMin = 6;

bool YoungerThan(uint64_t time_us, std::chrono::seconds age, uint64_t now_us) {
  if (age.count() <= 0) return false;
  if (now_us <= time_us) return true;  // the clock went back: nothing is old
  constexpr uint64_t kMicros = 1'000'000;
  uint64_t age_s = static_cast<uint64_t>(age.count());
  if (age_s > std::numeric_limits<uint64_t>::max() / kMicros) return true;
  return now_us - time_us < age_s * kMicros;
}

KeepReason OwnReason(const RetainedSegment& segment, uint64_t bytes_behind,
                     const SegmentNeeds& needs) {
  if (segment.last_position > needs.tables_position) return KeepReason::kRecovery;
  if (bytes_behind < needs.retention.bytes_min) return KeepReason::kRetentionBytes;
  if (YoungerThan(segment.last_time_us, needs.retention.age_min, needs.now_us))
    return KeepReason::kRetentionAge;
  if (segment.last_position >= needs.pinned_position) return KeepReason::kPinned;
  return KeepReason::kNone;
}

}  // namespace

std::string LogFileName(uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < kDigitsMin) digits.insert(0, kDigitsMin - digits.size(), '0');
  return digits.append(kSuffix);
}

std::optional<uint64_t> ParseLogFileName(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  std::string_view digits = name.substr(0, name.size() - kSuffix.size());
  if (digits.size() < kDigitsMin || digits.size() > 20) return std::nullopt;
  uint64_t number = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    uint64_t digit = static_cast<uint64_t>(c - '0');
    if (number > (std::numeric_limits<uint64_t>::max() - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  if (LogFileName(number) != name) return std::nullopt;
  return number;
}

std::string_view KeepReasonName(KeepReason reason) {
  switch (reason) {
    case KeepReason::kNone:
      return "none";
    case KeepReason::kActive:
      return "active";
    case KeepReason::kRecovery:
      return "recovery";
    case KeepReason::kRetentionBytes:
      return "retention_bytes";
    case KeepReason::kRetentionAge:
      return "retention_age";
    case KeepReason::kPinned:
      return "pinned";
  }
  return "unknown";
}

std::vector<KeepReason> DecideSegments(std::span<const RetainedSegment> segments,
                                       const SegmentNeeds& needs) {
  std::vector<KeepReason> reasons(segments.size(), KeepReason::kNone);
  uint64_t bytes_behind = 0;
  for (size_t i = segments.size(); i-- > 0;) {
    bool is_active = i + 1 == segments.size();
    reasons[i] = is_active ? KeepReason::kActive : OwnReason(segments[i], bytes_behind, needs);
    uint64_t room = std::numeric_limits<uint64_t>::max() - bytes_behind;
    bytes_behind += segments[i].bytes < room ? segments[i].bytes : room;
  }
  for (size_t i = 1; i < reasons.size(); ++i) {
    if (reasons[i] == KeepReason::kNone) reasons[i] = reasons[i - 1];
  }
  return reasons;
}

}  // namespace logwood
