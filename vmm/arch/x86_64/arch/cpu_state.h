// What a vCPU is before its first instruction, as plain KVM structs: computed here, set by vmm/kvm.
// Pure functions: no ioctl, no fd, so all of it is tested without /dev/kvm. Safe from any thread.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::arch {

// How the kernel expects to be entered.
enum class EntryMode {
  kProtected32,  // flat 32-bit protected mode, paging off: PVH and the Linux 32-bit boot protocol
  kLong64,       // long mode with the first 4 GiB mapped one to one: the Linux 64-bit boot protocol
};

// Where the boot processor starts, and what the boot protocol wants in its registers.
struct CpuEntry {
  EntryMode mode = EntryMode::kProtected32;
  GuestAddress rip = 0;
  std::uint64_t rbx = 0;  // PVH: the start-of-day structure
  std::uint64_t rsi = 0;  // Linux boot protocols: the zero page
};

// Writes the GDT that both entry modes name in their segment registers and, for long mode, the page
// tables. The addresses are layout.h's. Fails when guest memory ends below them.
[[nodiscard]] Result<void> write_boot_tables(GuestMemory& memory, EntryMode mode);

[[nodiscard]] kvm_regs boot_registers(const CpuEntry& entry) noexcept;
// `sregs` as KVM has them after reset; returns them changed to what `mode` needs.
[[nodiscard]] kvm_sregs boot_system_registers(kvm_sregs sregs, EntryMode mode) noexcept;
[[nodiscard]] kvm_fpu initial_fpu() noexcept;
[[nodiscard]] std::vector<kvm_msr_entry> initial_msrs();
// LINT0 delivers the 8259's interrupt and LINT1 an NMI, as firmware would have left them.
void set_initial_lapic(kvm_lapic_state& lapic) noexcept;

struct CpuidRequest {
  std::uint32_t index = 0;  // this vCPU; also its APIC id
  std::uint32_t count = 1;  // vCPUs of the machine: one socket of `count` cores of one thread
  bool tsc_deadline = false;
};

// The CPUID leaves of one vCPU: what KVM supports, with identity and topology made to fit the
// machine.
[[nodiscard]] std::vector<kvm_cpuid_entry2> guest_cpuid(std::span<const kvm_cpuid_entry2> supported,
                                                        const CpuidRequest& request);

// How wide a guest-physical address may be on this host.
[[nodiscard]] unsigned physical_address_bits(std::span<const kvm_cpuid_entry2> supported) noexcept;

}  // namespace bothy::arch
