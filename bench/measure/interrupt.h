// Interrupt: SIGINT, SIGTERM and SIGHUP as something to wait for, so that a benchmark that is
// interrupted keeps what it has measured and removes what it has started.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::bench {

// One in a process, on its only thread; the handlers stay until the process ends.
class Interrupt {
 public:
  [[nodiscard]] static Result<Interrupt> install();

  // Readable from the first of these signals on.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool requested() const noexcept;

 private:
  explicit Interrupt(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bothy::bench
