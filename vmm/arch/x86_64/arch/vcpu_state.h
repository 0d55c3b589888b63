// The state of a vCPU before its first instruction, as plain KVM structs: computed here, set by
// arch/kvm. Pure functions without ioctls; safe from any thread.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::arch {

// How a kernel is entered.
enum class EntryProtocol {
  kPvh,      // Xen's docs/misc/pvh.pandoc: 32-bit protected mode, ebx = start_info
  kLinux64,  // boot.rst, "64-bit Boot Protocol": long mode, rsi = zero page
  kLinux32,  // boot.rst, "32-bit Boot Protocol": 32-bit protected mode, esi = zero page
};

// Where the boot processor starts, and the one argument that it passes to the kernel.
struct CpuEntry {
  EntryProtocol protocol = EntryProtocol::kPvh;
  GuestAddress address = 0;    // the instruction pointer
  GuestAddress boot_info = 0;  // the start_info (PVH) or the zero page (Linux)
};

// Writes the GDT that the segment registers of every protocol refer to and, for long mode, page
// tables that map the first 4 GiB one to one. The addresses are layout.h's. kInvalid when guest
// memory ends below them.
[[nodiscard]] Result<void> write_boot_tables(GuestMemory& memory, EntryProtocol protocol);

[[nodiscard]] kvm_regs boot_registers(const CpuEntry& entry) noexcept;
// `sregs` as KVM has them after reset; returns them changed to what `protocol` needs.
[[nodiscard]] kvm_sregs boot_system_registers(kvm_sregs sregs, EntryProtocol protocol) noexcept;
[[nodiscard]] kvm_fpu initial_fpu() noexcept;
[[nodiscard]] std::vector<kvm_msr_entry> initial_msrs();
// LINT0 delivers the 8259's interrupt and LINT1 an NMI, as firmware would have left them.
void set_initial_lapic(kvm_lapic_state& lapic) noexcept;

}  // namespace bothy::arch
