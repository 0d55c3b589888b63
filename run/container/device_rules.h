// The device filter of a container.
#pragma once

#include <vector>

#include "container/device_rule.h"
#include "run/container/container_spec.h"

namespace bothy::run {

// Everything is denied but what every container has (config-linux.md, Default Devices), terminals,
// and `devices`. With `all` everything is allowed: no rules.
[[nodiscard]] std::vector<container::DeviceRule> device_rules(
    bool all, const std::vector<HostDevice>& devices);

}  // namespace bothy::run
