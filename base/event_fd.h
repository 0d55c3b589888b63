// EventFd: the doorbell and the interrupt line of this program (eventfd(2)).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Move-only. Non-blocking and close-on-exec. signal() and drain() may be called from any thread.
class EventFd {
 public:
  [[nodiscard]] static Result<EventFd> create();

  // Adds one to the counter. Never blocks; a counter at its limit is already signalled.
  void signal() const noexcept;
  // Takes the counter's value and leaves zero; zero when it was not signalled.
  [[nodiscard]] std::uint64_t drain() const noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit EventFd(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bothy
