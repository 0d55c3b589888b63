// Sysctls that a container may have: those that belong to one of its namespaces.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "container/spec.h"

namespace bothy::container {

// kInvalid for a name that isn't one, one that concerns the whole host, and one of a namespace that
// isn't made for the container.
[[nodiscard]] Result<void> check_sysctls(const OciSpec& spec);

// "net.ipv4.ip_forward" as a path in procfs: "sys/net/ipv4/ip_forward". With a "/" in it, the name
// has "/" for separators, and dots belong to names of interfaces (sysctl(8)).
[[nodiscard]] std::string sysctl_path(std::string_view name);

}  // namespace bothy::container
