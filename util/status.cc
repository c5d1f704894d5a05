#include "logwood/status.h"

#include <cstdio>

namespace logwood {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "Ok";
    case StatusCode::kNotFound:
      return "NotFound";
    case StatusCode::kInvalidArgument:
      return "InvalidArgument";
    case StatusCode::kCorruption:
      return "Corruption";
    case StatusCode::kIoError:
      return "IoError";
    case StatusCode::kNoSpace:
      return "NoSpace";
    case StatusCode::kBusy:
      return "Busy";
    case StatusCode::kTimeout:
      return "Timeout";
    case StatusCode::kCancelled:
      return "Cancelled";
    case StatusCode::kClosed:
      return "Closed";
    case StatusCode::kReadOnly:
      return "ReadOnly";
    case StatusCode::kNotSupported:
      return "NotSupported";
    case StatusCode::kConflict:
      return "Conflict";
    case StatusCode::kAlreadyExists:
      return "AlreadyExists";
    case StatusCode::kTrimmed:
      return "Trimmed";
    case StatusCode::kWrongHistory:
      return "WrongHistory";
  }
  return "Unknown";
}

Status::Status(StatusCode code, std::string_view message) {
  if (code != StatusCode::kOk) rep_ = std::make_unique<Rep>(Rep{code, std::string(message)});
}

Status::Status(const Status& other)
    : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
  return *this;
}

std::string Status::ToString() const {
  std::string text(StatusCodeName(code()));
  if (!message().empty()) text.append(": ").append(message());
  return text;
}

void EndWithoutValue(const Status& status) {
  const std::string text =
      "logwood: the value of a failed Result was read: " + status.ToString() + "\n";
  std::fputs(text.c_str(), stderr);
  std::abort();
}

Status Status::WithContext(std::string_view context) const {
  if (ok()) return Status();
  std::string text(context);
  text.append(": ").append(message());
  return Status(code(), text);
}

}  // namespace logwood
