// Devices of the host for --device.
#pragma once

#include <vector>

#include "base/result.h"
#include "run/container/container_spec.h"

namespace bothy::run {

// The devices that a flag names: one, or those in a directory and below. kNotFound for a path that
// doesn't exist, kInvalid for one that is neither.
[[nodiscard]] Result<std::vector<HostDevice>> find_devices(const DeviceFlag& flag);

// All devices of the host's /dev but terminals and what a container has of its own, for
// --privileged.
[[nodiscard]] std::vector<HostDevice> all_devices();

}  // namespace bothy::run
