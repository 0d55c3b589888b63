// Companion: a process made beforehand for what this one may do no longer once it is confined, such
// as starting a program.
#pragma once

#include <functional>
#include <map>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// A copy of this process, in a session of its own, with its stderr and the descriptors that it is
// given. It does what `body` does and ends; it has to end once its socket has no other end, which
// is so at the latest when this process ends. Nobody waits for it. Move-only.
class Companion {
 public:
  // The companion's end of the connection, a stream.
  static constexpr int kSocket = 3;

  // `descriptors`: number in the companion, from 4 up -> descriptor of this process, which keeps
  // it. `body` may allocate, but not log: a lock may have been held by another thread.
  [[nodiscard]] static Result<Companion> start(const std::map<int, int>& descriptors,
                                               const std::function<void()>& body);

  // The connection; any thread may use it.
  [[nodiscard]] int socket() const noexcept { return socket_.get(); }

 private:
  explicit Companion(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

}  // namespace bothy
