// start_inside(): a function of bothy's in a child process that has joined a container's mount and
// user namespaces, for copies and look-ups.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "base/process.h"
#include "base/result.h"

namespace bothy::container {

// Runs `body` in a child, with "/" and the working directory at the root of the container whose
// first process is `pid`, with the descriptor `pidfd`, and as root of that process's user
// namespace. The child sees the descriptors given, as 0, 1, ..., and no others. The container's
// processes don't see the child: it isn't in their PID namespace. The calling process must have one
// thread, so that `body` may allocate; the body may block for as long as a file system of the
// container does. The child ends with the status that `body` returns, or kNotInside when it can't
// join the container.
inline constexpr int kNotInside = 125;
[[nodiscard]] Result<bothy::Process> start_inside(pid_t pid, int pidfd,
                                                  const std::vector<int>& descriptors,
                                                  const std::function<int()>& body);

}  // namespace bothy::container
