// GuestEventsRecorder: records guest events.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "devices/guest_events.h"

namespace bothy {

class GuestEventsRecorder final : public GuestEvents {
 public:
  void on_guest_event(GuestEvent event) noexcept override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }

  // The events since the last call.
  [[nodiscard]] std::vector<GuestEvent> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<GuestEvent> events_;
};

}  // namespace bothy
