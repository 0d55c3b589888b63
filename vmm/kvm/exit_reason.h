// Describes an exit after which a vCPU can't continue.
#pragma once

#include <linux/kvm.h>

#include <string>

namespace bothy {

[[nodiscard]] std::string describe_exit(const kvm_run& run);

}  // namespace bothy
