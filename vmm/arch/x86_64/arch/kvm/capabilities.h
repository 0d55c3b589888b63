// The KVM capabilities that a machine needs on this architecture.
#pragma once

#include <span>
#include <string_view>

namespace bothy::arch {

struct RequiredCapability {
  int capability;  // KVM_CAP_*
  std::string_view name;
};
[[nodiscard]] std::span<const RequiredCapability> required_capabilities() noexcept;

// The modules that provide /dev/kvm, for an error's remedy.
inline constexpr std::string_view kKvmModules = "kvm-amd or kvm-intel";

}  // namespace bothy::arch
