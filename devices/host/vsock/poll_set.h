// PollSet: the readiness of many descriptors, as one descriptor.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Edge-triggered: what is reported once is not reported again until it has changed, so its owner
// goes on until the descriptor would block. A descriptor leaves the set when it is closed. Belongs
// to one thread at a time.
class PollSet {
 public:
  [[nodiscard]] static Result<PollSet> create();

  // Watches for input, end of input and hang-up. False when the kernel has no room for it. `token`
  // is what an event names it by.
  [[nodiscard]] bool add(int fd, std::uint64_t token) noexcept;
  // Also for room to write, or no longer.
  void watch_output(int fd, std::uint64_t token, bool on) noexcept;

  // What has happened, without waiting: at most `room` of it.
  [[nodiscard]] std::span<const epoll_event> take(std::span<epoll_event> room) noexcept;

  // Readable when take() would give something. Not owned by the caller.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit PollSet(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bothy
