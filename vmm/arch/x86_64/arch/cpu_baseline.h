// CpuBaseline: what of a host's CPUID a guest of a baseline sees. Pure functions.
#pragma once

#include <linux/kvm.h>

#include <span>

#include "arch/cpu_features.h"
#include "base/result.h"

namespace bothy::arch {

// Clears what is not of the baseline: instructions of higher levels, and what no level has and an
// operating system does without. What remains besides the level: paging and protection, virtual
// interrupts, clocks, random numbers, and mitigations of the processor's faults. Leaves the
// optional features (--cpu-features) alone, and everything for kHost.
void apply_baseline(kvm_cpuid_entry2& entry, CpuBaseline baseline) noexcept;

// kUnsupported when the host lacks an instruction of the baseline, with its name.
[[nodiscard]] Result<void> check_baseline(CpuBaseline baseline,
                                          std::span<const kvm_cpuid_entry2> supported);

}  // namespace bothy::arch
