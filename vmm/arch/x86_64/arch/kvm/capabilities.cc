#include "arch/kvm/capabilities.h"

#include <linux/kvm.h>

#include <array>

namespace bothy::arch {
namespace {

constexpr std::array kRequired{
    RequiredCapability{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    RequiredCapability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    RequiredCapability{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    RequiredCapability{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    RequiredCapability{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    RequiredCapability{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    RequiredCapability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    RequiredCapability{KVM_CAP_X86_MSR_FILTER, "KVM_CAP_X86_MSR_FILTER"},
};

}  // namespace

std::span<const RequiredCapability> required_capabilities() noexcept {
  return kRequired;
}

}  // namespace bothy::arch
