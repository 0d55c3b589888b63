// LoopbackSockets: sockets that listen on loopback addresses of this process's network namespace,
// made after it was confined.
#pragma once

#include <cstdint>
#include <vector>

#include "base/companion.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::oci {

// Move-only.
class LoopbackSockets {
 public:
  // Before this process is confined: another process makes the sockets.
  [[nodiscard]] static Result<LoopbackSockets> start();

  // Of 127.0.0.1 and ::1, non-blocking; without those whose port is taken.
  [[nodiscard]] std::vector<UniqueFd> listen(std::uint16_t port) const;

 private:
  explicit LoopbackSockets(Companion maker) noexcept : maker_(std::move(maker)) {}

  Companion maker_;
};

}  // namespace bothy::oci
