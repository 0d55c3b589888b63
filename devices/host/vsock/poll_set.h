// PollSet: many descriptors that are polled by one (epoll(7)).
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Edge-triggered: an event is reported once until it changes, so the owner uses a descriptor until
// it would block. A descriptor leaves the set when it is closed. One thread at a time.
class PollSet {
 public:
  [[nodiscard]] static Result<PollSet> create();

  // Watches for input, end of input and hang-up; events carry the `token`. False when the kernel
  // refuses.
  [[nodiscard]] bool add(int fd, std::uint64_t token) noexcept;
  // Starts or stops watching for room to write.
  void watch_output(int fd, std::uint64_t token, bool on) noexcept;

  // The events so far, without waiting, at most as many as `room` holds.
  [[nodiscard]] std::span<const epoll_event> take(std::span<epoll_event> room) noexcept;

  // Readable when take() would return an event. Owned by this object.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit PollSet(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bothy
