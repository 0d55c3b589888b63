// EventFd: an eventfd(2), for notifications between threads and with KVM.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Move-only. Non-blocking and close-on-exec. signal() and drain() may be called from any thread.
class EventFd {
 public:
  [[nodiscard]] static Result<EventFd> create();

  // Adds one to the counter. Never blocks: a counter at its maximum is signalled already.
  void signal() const noexcept;
  // Resets the counter to zero and returns its value before. Never blocks.
  [[nodiscard]] std::uint64_t drain() const noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit EventFd(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bothy
