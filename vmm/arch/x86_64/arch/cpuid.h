// CPUID: what a vCPU reports about itself. Pure functions without ioctls; safe from any thread.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <vector>

#include "arch/cpu_features.h"
#include "base/result.h"

namespace bothy::arch {

struct CpuidRequest {
  std::uint32_t index = 0;  // of this vCPU; also its APIC id
  std::uint32_t count = 1;  // vCPUs of the machine: one socket of `count` cores of one thread
  bool tsc_deadline = false;
  CpuFeatures features = {};
};

// The CPUID leaves of one vCPU: what KVM supports, without the features that are off, with identity
// and topology made to fit the machine.
[[nodiscard]] std::vector<kvm_cpuid_entry2> guest_cpuid(std::span<const kvm_cpuid_entry2> supported,
                                                        const CpuidRequest& request);

// kUnsupported when `features` turns on a feature, or names a baseline, that KVM does not support
// on this host.
[[nodiscard]] Result<void> check_supported(const CpuFeatures& features,
                                           std::span<const kvm_cpuid_entry2> supported);

// The width of guest-physical addresses on this host, in bits.
[[nodiscard]] unsigned physical_address_bits(std::span<const kvm_cpuid_entry2> supported) noexcept;

}  // namespace bothy::arch
