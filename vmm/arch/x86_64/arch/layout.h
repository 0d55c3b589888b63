// The layout of an x86_64 guest: RAM, MMIO, ports, interrupts. ACPI tables, memory map and devices
// all use it.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "memory/guest_memory.h"

namespace bothy::layout {

inline constexpr std::uint64_t kKiB = 1ULL << 10U;
inline constexpr std::uint64_t kMiB = 1ULL << 20U;
inline constexpr std::uint64_t kGiB = 1ULL << 30U;

// --- RAM
// RAM runs from 0 up to the hole below 4 GiB, and goes on above it.
inline constexpr GuestAddress kMmioHoleStart = 3 * kGiB;
inline constexpr GuestAddress kMmioHoleEnd = 4 * kGiB;
inline constexpr GuestAddress kHighRamStart = kMmioHoleEnd;

// The monitor's structures below 1 MiB. The guest may reuse the memory once it has read them,
// except for the ACPI and MP tables.
inline constexpr GuestAddress kGdt = 0x500;
inline constexpr GuestAddress kStartInfo = 0x6000;   // struct hvm_start_info with its tables (PVH)
inline constexpr GuestAddress kZeroPage = 0x7000;    // struct boot_params (Linux boot protocol)
inline constexpr GuestAddress kPageTables = 0x9000;  // PML4, PDPT, four page directories: 6 pages
inline constexpr GuestAddress kCommandLine = 0x20000;
inline constexpr std::uint64_t kCommandLineMax =
    64 * kKiB;  // with its NUL; a kernel's own limit is lower
inline constexpr GuestAddress kLowRamEnd =
    0x9fc00;  // the EBDA began here on a PC; kernels expect the gap
inline constexpr GuestAddress kAcpiTables =
    0xe0000;  // the RSDP first: also where a BIOS scan finds it
inline constexpr std::uint64_t kAcpiTablesMax = 0x10000;
inline constexpr GuestAddress kMpTable =
    0xf0000;  // where a guest's search for it ends soonest (MP 1.4, 4), up to kHighMemory
inline constexpr GuestAddress kHighMemory = 1 * kMiB;  // kernels load from here on

// Linux stores 0x1234 here (BIOS data area, "warm boot") before it resets after a panic when the
// command line says reboot=panic_warm, and 0 before any other reset. So a panic of a
// kernel without pvpanic is recognised.
inline constexpr GuestAddress kWarmBootFlag = 0x472;
inline constexpr std::uint16_t kWarmBootMagic = 0x1234;

// --- MMIO
inline constexpr GuestAddress kVirtioMmio = 0xd0000000;
inline constexpr std::uint64_t kVirtioMmioStride = 0x1000;
inline constexpr GuestAddress kIoApic = 0xfec00000;
inline constexpr GuestAddress kLocalApic = 0xfee00000;
// Three pages that KVM needs for a TSS and one for an identity map where the processor can't run
// real mode unaided (KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR). Above everything else, below 4
// GiB.
inline constexpr GuestAddress kKvmIdentityMap = 0xfffbc000;
inline constexpr GuestAddress kKvmTss = 0xfffbd000;

// --- Ports
inline constexpr std::uint16_t kPortPit = 0x40;
inline constexpr std::uint16_t kPortI8042Data = 0x60;
inline constexpr std::uint16_t kPortPitControl = 0x61;
inline constexpr std::uint16_t kPortI8042Command = 0x64;
inline constexpr std::uint16_t kPortRtc = 0x70;  // index; data at +1
inline constexpr std::uint16_t kPortSerial = 0x3f8;
inline constexpr std::uint16_t kPortPvpanic = 0x505;
// ACPI's hardware-reduced registers (ACPI 6.5, 4.8.3.7): sleep control, sleep status, reset.
inline constexpr std::uint16_t kPortAcpiSleepControl = 0x600;
inline constexpr std::uint16_t kPortAcpiSleepStatus = 0x601;
inline constexpr std::uint16_t kPortAcpiReset = 0x602;
inline constexpr std::uint8_t kAcpiResetValue = 1;
inline constexpr std::uint8_t kAcpiSleepTypeS5 = 5;  // SLP_TYP of \_S5

// --- Interrupts: GSIs are pins of KVM's one I/O APIC
inline constexpr std::uint32_t kGsiSerial = 4;
inline constexpr std::uint32_t kGsiRtc = 8;
inline constexpr std::uint32_t kGsiVirtioFirst = 10;
// One pin of the I/O APIC each.
inline constexpr std::size_t kMaxVirtio = 24 - kGsiVirtioFirst;
inline constexpr std::uint32_t kIoApicPins = 24;

inline constexpr std::uint32_t kMaxVcpus = 64;

// --- Executables
inline constexpr Elf64_Half kElfMachine = EM_X86_64;
inline constexpr std::string_view kMachineName = "x86-64";
// A hint for errors about a kernel for another machine.
inline constexpr std::string_view kElfMachineHint = " (a 32-bit x86 kernel as its bzImage)";

}  // namespace bothy::layout
