// The ACPI tables that an x86_64 guest finds its processors, interrupts and devices by, and powers
// off and reboots through.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy {

// One virtio device behind the MMIO transport.
struct VirtioMmioDevice {
  GuestAddress base = 0;  // below 4 GiB
  std::uint64_t size = 0;
  std::uint32_t gsi = 0;
};

// What the tables describe beside what every machine has: one I/O APIC, and the sleep and reset
// registers. Where the legacy devices are comes from layout.h.
struct AcpiConfig {
  std::uint32_t vcpus = 1;  // their APIC ids are 0, 1, 2...
  bool serial = true;
  bool rtc = true;
  bool pvpanic = true;
  std::vector<VirtioMmioDevice> virtio_mmio;
};

// Writes RSDP, XSDT, FADT, MADT and DSDT to layout::kAcpiTables and returns where the RSDP is. The
// memory map that the guest gets must keep these layout::kAcpiTablesMax bytes away from its RAM.
//
// The machine is of the hardware-reduced kind (ACPI 6.5, 4.1): no SCI, no PM timer, no 8259, no PIT
// interrupt. A guest that believes it takes its time from KVM's clock and its local APICs.
//
// kInvalid when the configuration can't be expressed (no vCPU or more than 255, a device beyond 4
// GiB), kExhausted when it doesn't fit.
[[nodiscard]] Result<GuestAddress> write_acpi_tables(const AcpiConfig& config, GuestMemory& memory);

}  // namespace bothy
