// PinnedValue: where a read puts its value.
//
//   logwood::PinnedValue value;
//   if (db->Get({}, "planet/3", &value).ok()) Use(value.view());
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "logwood/export.h"

namespace logwood {

// A value read without copying where that pays: small ones are copied into this object's reusable
// buffer, large ones stay where they lie and are pinned. Reuse one object for many reads. The view
// stays valid until Reset, the next read into this object, or its end. What is pinned counts
// against the database's memory budget (Stats::memory); beyond that large values are copied, too.
class LOGWOOD_EXPORT PinnedValue {
 public:
  PinnedValue() = default;
  PinnedValue(const PinnedValue&) = delete;
  PinnedValue& operator=(const PinnedValue&) = delete;

  std::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }
  std::string ToString() const { return std::string(view_); }
  // Whether the bytes lie outside of the reusable buffer.
  bool pinned() const { return pin_ != nullptr; }
  void Reset() {
    view_ = {};
    pin_.reset();
  }

  // For the engine: copies into the buffer, or pins.
  void Assign(std::string_view bytes) {
    pin_.reset();
    buffer_.assign(bytes);
    view_ = buffer_;
  }
  void Pin(std::string_view bytes, std::shared_ptr<const void> owner) {
    pin_ = std::move(owner);
    view_ = bytes;
  }

 private:
  std::string buffer_;
  std::shared_ptr<const void> pin_;
  std::string_view view_;
};

}  // namespace logwood
