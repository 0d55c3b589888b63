// The tables by which a guest finds its processors, interrupt controllers and devices.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::arch {

// A device with memory-mapped registers.
struct BusDevice {
  GuestAddress address = 0;  // of its registers: below 4 GiB
  std::uint64_t size = 0;    // in bytes
  std::uint32_t gsi = 0;     // its one interrupt line, edge-triggered
  std::string_view hid;      // its ACPI hardware id (ACPI 6.5, 6.1.5); a constant
};

// The hardware id of a virtio device behind the MMIO transport, which its driver's image contains
// (drivers/virtio/virtio_mmio.c).
inline constexpr std::string_view kVirtioMmioHid = "LNRO0005";

struct FirmwareConfig {
  std::uint32_t vcpus = 1;
  bool serial = true;
  std::vector<BusDevice> devices;
};

// Writes the tables where layout.h says; returns the address that the boot protocol passes to the
// kernel. kInvalid when the configuration can't be expressed, kExhausted when the tables do not
// fit.
[[nodiscard]] Result<GuestAddress> write_firmware_tables(const FirmwareConfig& config,
                                                         GuestMemory& memory);

}  // namespace bothy::arch
