// An exit that a run loop can't go on from, in words.
#pragma once

#include <linux/kvm.h>

#include <string>

namespace bothy {

[[nodiscard]] std::string describe_exit(const kvm_run& run);

}  // namespace bothy
