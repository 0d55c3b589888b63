// CpuModel: the processor that the vCPUs of one machine present, and the ioctls that set it.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "arch/cpu_features.h"
#include "arch/vcpu_state.h"
#include "base/result.h"

namespace bothy::arch {

// Errors are errno's and say what KVM refused; the caller adds which vCPU it was.
class CpuModel {
 public:
  // `kvm`: the descriptor of /dev/kvm. The machine has `vcpus` processors. kUnsupported when KVM
  // does not support one of the features on this host.
  [[nodiscard]] static Result<CpuModel> create(int kvm, std::uint32_t vcpus,
                                               const CpuFeatures& features);

  // The width of guest-physical addresses, in bits.
  [[nodiscard]] unsigned physical_address_bits() const noexcept;

  // Gives the vCPU `index` its CPUID, MSRs, FPU and local APIC; once, before its first instruction.
  [[nodiscard]] Result<void> set_up(int vcpu, std::uint32_t index) const;

 private:
  CpuModel(std::vector<kvm_cpuid_entry2> supported, std::uint32_t vcpus,
           const CpuFeatures& features, bool tsc_deadline) noexcept
      : supported_(std::move(supported)),
        vcpus_(vcpus),
        features_(features),
        tsc_deadline_(tsc_deadline) {}

  std::vector<kvm_cpuid_entry2> supported_;
  std::uint32_t vcpus_;
  CpuFeatures features_;
  bool tsc_deadline_;
};

// Sets the registers of the boot processor; the others wait in their local APICs for INIT and SIPI.
[[nodiscard]] Result<void> set_entry(int vcpu, const CpuEntry& entry);

}  // namespace bothy::arch
