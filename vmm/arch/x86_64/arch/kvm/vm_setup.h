// What a KVM machine of this architecture is given besides its memory.
#pragma once

#include <vector>

#include "arch/cpu_features.h"
#include "base/result.h"
#include "vmm/kvm/ioctl/interrupt_route.h"

namespace bothy::arch {

// Denies the guest all model-specific registers but those of msr_policy.h. `vm` has nothing yet:
// KVM waits for an SRCU grace period, which takes microseconds then, and milliseconds later.
[[nodiscard]] Result<void> filter_msrs(int vm, const CpuFeatures& features);

// Creates the in-kernel interrupt controllers (8259 pair, I/O APIC, and a local APIC for every
// vCPU) and turns off what `features` leave out. `kvm` and `vm` are descriptors; the machine has
// its memory, and no vCPU yet.
[[nodiscard]] Result<void> set_up_vm(int kvm, int vm, const CpuFeatures& features);

// The interrupt routes of a new machine: those that KVM itself sets with the controllers.
[[nodiscard]] std::vector<InterruptRoute> default_interrupt_routes();

}  // namespace bothy::arch
