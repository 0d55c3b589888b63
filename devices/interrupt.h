// Interrupt: an interrupt line of a device.
#pragma once

#include <utility>

#include "base/event_fd.h"

namespace bothy {

// An edge-triggered line. The machine binds event() to a GSI by irqfd; tests drain it. trigger():
// any thread.
class Interrupt {
 public:
  explicit Interrupt(EventFd event) noexcept : event_(std::move(event)) {}

  void trigger() const noexcept { event_.signal(); }
  [[nodiscard]] const EventFd& event() const noexcept { return event_; }

 private:
  EventFd event_;
};

}  // namespace bothy
