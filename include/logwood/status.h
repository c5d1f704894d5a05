// Status and Result: how every fallible call of Logwood answers.
//
//   logwood::Status s = db->Flush();
//   if (!s.ok()) std::cerr << s.ToString() << "\n";
//
//   logwood::Result<logwood::LogPos> position = db->Put({}, "k", "v");
//   if (!position.ok()) return position.status();
//   Use(*position);
//
// Both are [[nodiscard]]. An ok Status is one null pointer: it costs nothing to make, move or test.
// Thread safety: like any value type; distinct objects need no synchronisation.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "logwood/export.h"

namespace logwood {

// What the caller can do about it is written beside each code. No call answers kCancelled,
// kTrimmed or kWrongHistory yet: they are for readers of the log, which are not there, and have
// their numbers so that those need no new ones.
enum class StatusCode : uint8_t {
  kOk = 0,
  kNotFound = 1,         // the key, keyspace or file is not there: an answer, not a failure
  kInvalidArgument = 2,  // the call is wrong; the message names the argument and the limit
  kCorruption = 3,       // bytes on disk are not what was written; the message names file:offset
  kIoError = 4,          // the file system said no; the message names the operation and the path
  kNoSpace = 5,          // the disk is full; make room, writes resume by themselves
  kBusy = 6,     // somebody else has it (a lock, a limit of pins), or there is no memory or thread
  kTimeout = 7,  // the deadline passed; try again
  kCancelled = 8,       // (not used yet) another thread cancelled the call
  kClosed = 9,          // the database (or the handle) is closed
  kReadOnly = 10,       // opened read-only, or stopped accepting writes after a failed sync
  kNotSupported = 11,   // a newer format or a feature this build does not have
  kConflict = 12,       // a condition or transaction did not hold; read again
  kAlreadyExists = 13,  // asked to create what is there
  kTrimmed = 14,        // (not used yet) that position of the log is gone; bootstrap
  kWrongHistory = 15,   // (not used yet) a cursor of another database, or of a fork of this one
};

// The code's name as written above without the k: "NotFound". Never null.
LOGWOOD_EXPORT std::string_view StatusCodeName(StatusCode code);

class [[nodiscard]] LOGWOOD_EXPORT Status {
 public:
  Status() noexcept = default;
  Status(StatusCode code, std::string_view message);

  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  static Status Ok() { return Status(); }
  static Status NotFound(std::string_view m) { return {StatusCode::kNotFound, m}; }
  static Status InvalidArgument(std::string_view m) { return {StatusCode::kInvalidArgument, m}; }
  static Status Corruption(std::string_view m) { return {StatusCode::kCorruption, m}; }
  static Status IoError(std::string_view m) { return {StatusCode::kIoError, m}; }
  static Status NoSpace(std::string_view m) { return {StatusCode::kNoSpace, m}; }
  static Status Busy(std::string_view m) { return {StatusCode::kBusy, m}; }
  static Status Timeout(std::string_view m) { return {StatusCode::kTimeout, m}; }
  static Status Cancelled(std::string_view m) { return {StatusCode::kCancelled, m}; }
  static Status Closed(std::string_view m) { return {StatusCode::kClosed, m}; }
  static Status ReadOnly(std::string_view m) { return {StatusCode::kReadOnly, m}; }
  static Status NotSupported(std::string_view m) { return {StatusCode::kNotSupported, m}; }
  static Status Conflict(std::string_view m) { return {StatusCode::kConflict, m}; }
  static Status AlreadyExists(std::string_view m) { return {StatusCode::kAlreadyExists, m}; }
  static Status Trimmed(std::string_view m) { return {StatusCode::kTrimmed, m}; }
  static Status WrongHistory(std::string_view m) { return {StatusCode::kWrongHistory, m}; }

  bool ok() const noexcept { return rep_ == nullptr; }
  StatusCode code() const noexcept { return rep_ ? rep_->code : StatusCode::kOk; }
  bool Is(StatusCode wanted) const noexcept { return code() == wanted; }
  // Empty when ok. Valid as long as this object is neither assigned nor destroyed.
  std::string_view message() const noexcept {
    return rep_ ? std::string_view(rep_->message) : std::string_view();
  }
  // "Ok", or "Corruption: 000007.table:4096: block checksum does not match".
  std::string ToString() const;

  // The same code with `context: ` before the message; ok stays ok.
  Status WithContext(std::string_view context) const;

 private:
  struct Rep {
    StatusCode code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

// Writes the status to standard error and ends the program.
[[noreturn]] LOGWOOD_EXPORT void EndWithoutValue(const Status& status);

// A value or the Status that says why there is none. Reading the value of a failed Result ends the
// program: it is a broken caller, like dereferencing null.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit by intent
    if (status_.ok()) std::abort();                     // an ok Result needs a value
  }
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit by intent
  template <typename U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Result<T>> &&
           !std::is_same_v<std::remove_cvref_t<U>, Status>) Result(U&& value)
      : value_(T(std::forward<U>(value))) {}  // NOLINT: implicit by intent

  bool ok() const noexcept { return value_.has_value(); }
  const Status& status() const& noexcept { return status_; }
  Status status() && noexcept { return std::move(status_); }

  T& value() & { return *Checked(); }
  const T& value() const& { return *Checked(); }
  // By value: `for (auto& k : *db->ListKeyspaces())` must not walk over what is gone.
  T value() && { return std::move(*Checked()); }
  T& operator*() & { return *Checked(); }
  const T& operator*() const& { return *Checked(); }
  T operator*() && { return std::move(*Checked()); }
  T* operator->() { return &*Checked(); }
  const T* operator->() const { return &*Checked(); }

 private:
  std::optional<T>& Checked() {
    if (!value_.has_value()) EndWithoutValue(status_);
    return value_;
  }
  const std::optional<T>& Checked() const {
    if (!value_.has_value()) EndWithoutValue(status_);
    return value_;
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace logwood
