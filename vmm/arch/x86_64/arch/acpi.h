// The ACPI tables that an x86_64 guest finds its processors, interrupts and devices by, and powers
// off and reboots through.
#pragma once

#include <cstdint>
#include <vector>

#include "arch/firmware_tables.h"
#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::arch {

// What the tables describe in addition to what every machine has: one I/O APIC, and the sleep and
// reset registers. The addresses of the legacy devices are layout.h's.
struct AcpiConfig {
  std::uint32_t vcpus = 1;  // with the APIC ids 0, 1, 2...
  bool serial = true;
  bool rtc = true;
  bool pvpanic = true;
  std::vector<BusDevice> devices;
};

// Writes RSDP, XSDT, FADT, MADT and DSDT to layout::kAcpiTables and returns the address of the
// RSDP. The guest's memory map must reserve these layout::kAcpiTablesMax bytes.
//
// The machine is of the hardware-reduced kind (ACPI 6.5, 4.1): no SCI, no PM timer, no 8259, no PIT
// interrupt. Such a guest keeps time by KVM's clock and its local APICs.
//
// kInvalid when the configuration can't be expressed (no vCPU or more than 255, a device beyond 4
// GiB), kExhausted when it doesn't fit.
[[nodiscard]] Result<GuestAddress> write_acpi_tables(const AcpiConfig& config, GuestMemory& memory);

}  // namespace bothy::arch
