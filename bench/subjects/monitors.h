// Monitors whose adapters were made from their documentation: they say so when they are used.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

// kvmtool's README and `lkvm run --help`. It loads a bzImage: that beside the kernel.
[[nodiscard]] std::unique_ptr<Subject> make_kvmtool();
// docs/getting-started.md of Firecracker, with a configuration file and no API socket.
[[nodiscard]] std::unique_ptr<Subject> make_firecracker();
// README.md and docs/ of Cloud Hypervisor.
[[nodiscard]] std::unique_ptr<Subject> make_cloud_hypervisor();

}  // namespace bothy::bench
