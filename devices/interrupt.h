// Interrupt: one interrupt line as a device sees it.
#pragma once

#include <utility>

#include "base/event_fd.h"

namespace bothy {

// An edge-triggered line. The machine binds fd() to a GSI with irqfd; a test drains it.
// trigger() may be called from any thread.
class Interrupt {
 public:
  explicit Interrupt(EventFd event) noexcept : event_(std::move(event)) {}

  void trigger() const noexcept { event_.signal(); }
  [[nodiscard]] const EventFd& event() const noexcept { return event_; }

 private:
  EventFd event_;
};

}  // namespace bothy
