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
// first process is `pidfd`, as root of its user namespace, without what it doesn't need of
// capabilities, in the cgroup `cgroup` (-1: this process's). The child sees the descriptors given,
// as 0, 1, ..., and no others. The container's processes don't see the child: it isn't in their PID
// namespace. The calling process must have one thread, so that `body` may allocate; it may block
// for as long as a file system of the container does.
[[nodiscard]] Result<Process> start_inside(int pidfd, int cgroup,
                                           const std::vector<int>& descriptors,
                                           const std::function<int()>& body);

}  // namespace bothy::container
