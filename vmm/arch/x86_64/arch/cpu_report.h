// Describes a stopped vCPU, for people, when a guest has failed.
#pragma once

#include <linux/kvm.h>

#include <string>

#include "memory/guest_memory.h"

namespace bothy::arch {

// Registers, the page walk of rip, and the bytes at rip, as several lines without a final newline.
// Page tables are the guest's and hostile: a walk is bounded, and addresses outside RAM are
// reported.
[[nodiscard]] std::string describe_cpu(const kvm_regs& regs, const kvm_sregs& sregs,
                                       const GuestMemory& memory);

// True when the state is that of a processor fresh from INIT. AMD's SVM leaves nothing else behind
// after a shutdown, so the registers of the fault itself are gone (AMD64 manual, volume
// 2, 15.14.3).
[[nodiscard]] bool is_reset_state(const kvm_regs& regs, const kvm_sregs& sregs) noexcept;

}  // namespace bothy::arch
