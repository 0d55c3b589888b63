// Nodes of the host's devices that belong to a container's root.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/spec.h"

namespace bothy::run {

// Root in a user namespace has no access to a device that belongs to root and a group of the host,
// and can't make one of its own. So bothy, as root, makes nodes with the modes of the spec's
// devices, which belong to the container's root (or the owners that the spec gives them), and sets
// Device::node of each to one: a detached mount, which the result owns. Without the right to make
// nodes nothing is made: the host's own are mounted. Not thread-safe: for a while this thread is in
// another mount namespace.
[[nodiscard]] Result<std::vector<UniqueFd>> make_device_nodes(container::OciSpec& spec);

}  // namespace bothy::run
