#include "arch/acpi.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>

#include "arch/aml.h"
#include "arch/layout.h"

namespace bothy::arch {
namespace {

// Section numbers are those of ACPI 6.5.
using Bytes = std::vector<std::byte>;

// Id 255 addresses every local APIC at once, so a processor can't have it (5.2.12.2).
constexpr std::uint32_t kMaxLocalApics = 255;
// With the names V000 to VFFF.
constexpr std::size_t kMaxDevices = 0x1000;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kHeaderSize = 36;
constexpr std::size_t kLengthOffset = 4;
constexpr std::size_t kChecksumOffset = 9;
constexpr std::size_t kTableAlignment = 16;
constexpr std::string_view kOemId = "BOTHY ";
constexpr std::string_view kOemTableId = "BOTHYVM ";
constexpr std::string_view kCreatorId = "BTHY";

void append_text(Bytes& out, std::string_view text) {
  for (const char c : text) {
    out.push_back(static_cast<std::byte>(c));
  }
}

void append_zeros(Bytes& out, std::size_t count) {
  out.insert(out.end(), count, std::byte{0});
}

// What makes the bytes sum to zero.
std::byte checksum(std::span<const std::byte> bytes) {
  const auto sum = std::accumulate(bytes.begin(), bytes.end(), 0U, [](unsigned total, std::byte b) {
    return total + std::to_integer<unsigned>(b);
  });
  return static_cast<std::byte>(0U - sum);
}

// The header that every table but the RSDP has (5.2.6); finish() fills in length and checksum.
Bytes begin_table(std::string_view signature, std::uint8_t revision) {
  Bytes table;
  append_text(table, signature);
  append_zeros(table, 4);
  append_le<std::uint8_t>(table, revision);
  append_zeros(table, 1);
  append_text(table, kOemId);
  append_text(table, kOemTableId);
  append_le<std::uint32_t>(table, 1);  // OEM revision
  append_text(table, kCreatorId);
  append_le<std::uint32_t>(table, 1);  // creator revision
  assert(table.size() == kHeaderSize);
  return table;
}

void finish(Bytes& table) {
  Bytes length;
  append_le(length, static_cast<std::uint32_t>(table.size()));
  std::copy(length.begin(), length.end(), table.begin() + kLengthOffset);
  table[kChecksumOffset] = checksum(table);
}

// A generic address structure: one byte-wide I/O port (5.2.3.2).
void append_port(Bytes& out, std::uint16_t port) {
  append_le<std::uint8_t>(out, 1);  // system I/O space
  append_le<std::uint8_t>(out, 8);  // bits wide
  append_le<std::uint8_t>(out, 0);  // bit offset
  append_le<std::uint8_t>(out, 1);  // byte access
  append_le<std::uint64_t>(out, port);
}

void append_legacy_devices(Aml& aml, const AcpiConfig& config) {
  // Extended interrupt descriptors, even for ISA devices: Linux takes trigger and polarity from
  // them as they are, while those of an IRQ descriptor may be overridden by the MADT's.
  if (config.serial) {
    aml.device("COM1", [&] {
      aml.name("_HID").eisa_id("PNP0501");
      aml.name("_UID").integer(0);
      aml.name("_CRS").resource_template(AmlResources()
                                             .io(layout::kPortSerial, 8)
                                             .interrupt(layout::kGsiSerial, AmlTrigger::kEdge));
    });
  }
  if (config.rtc) {
    aml.device("RTC", [&] {
      aml.name("_HID").eisa_id("PNP0B00");
      aml.name("_CRS").resource_template(
          AmlResources().io(layout::kPortRtc, 2).interrupt(layout::kGsiRtc, AmlTrigger::kEdge));
    });
  }
  if (config.pvpanic) {
    // Linux's pvpanic takes the first memory or I/O resource, whichever it is.
    aml.device("PANC", [&] {
      aml.name("_HID").string("QEMU0001");
      aml.name("_CRS").resource_template(AmlResources().io(layout::kPortPvpanic, 1));
    });
  }
}

void append_device(Aml& aml, const BusDevice& device, std::size_t index) {
  aml.device(fmt::format("V{:03X}", index), [&] {
    aml.name("_HID").string(device.hid);
    aml.name("_UID").integer(index);
    // Edge: an irqfd without a resampler raises the line and lowers it at once (KVM's
    // api.rst, 4.75), and a level-triggered pin would lose the pulse that comes before the previous
    // one's EOI.
    aml.name("_CRS").resource_template(
        AmlResources()
            .memory32_fixed(static_cast<std::uint32_t>(device.address),
                            static_cast<std::uint32_t>(device.size))
            .interrupt(device.gsi, AmlTrigger::kEdge));
  });
}

// Processors aren't declared here: the MADT is enough to start them, and a guest's processor driver
// would find neither C- nor P-states, at the price of being probed once per vCPU during boot.
Bytes build_dsdt(const AcpiConfig& config) {
  Bytes table = begin_table("DSDT", 2);  // revision 2: integers have 64 bits (5.2.11.1)
  Aml aml(table);
  aml.scope("\\_SB", [&] {
    append_legacy_devices(aml, config);
    for (std::size_t i = 0; i < config.devices.size(); ++i) {
      append_device(aml, config.devices[i], i);
    }
  });
  // Of \_S5 only the first element, SLP_TYP, means something to the sleep control register (7.4.2).
  aml.name("\\_S5").package(
      4, [&] { aml.integer(layout::kAcpiSleepTypeS5).integer(0).integer(0).integer(0); });
  finish(table);
  return table;
}

// The FADT's flags (5.2.9).
constexpr std::uint32_t kWbinvd = 1U << 0U;
constexpr std::uint32_t kProcC1 = 1U << 2U;
constexpr std::uint32_t kNoFixedPowerButton = 1U << 4U;
constexpr std::uint32_t kNoFixedSleepButton = 1U << 5U;
constexpr std::uint32_t kNoFixedRtcWake = 1U << 6U;
constexpr std::uint32_t kResetRegister = 1U << 10U;
constexpr std::uint32_t kHardwareReduced = 1U << 20U;

// IAPC_BOOT_ARCH (5.2.9.3): parts of a PC that this machine lacks. The bits for an 8042 and for
// other legacy devices say "present" and stay clear, so that a guest does not probe for them: each
// probed port is an exit.
constexpr std::uint16_t kVgaNotPresent = 1U << 2U;
constexpr std::uint16_t kNoPcieAspm = 1U << 4U;
constexpr std::uint16_t kCmosRtcNotPresent = 1U << 5U;
constexpr std::uint16_t kBootArchitecture = kVgaNotPresent | kNoPcieAspm;

Bytes build_fadt(const AcpiConfig& config, GuestAddress dsdt) {
  // 5.2.9. Every field left zero is one that hardware-reduced ACPI ignores, or that is
  // optional.
  Bytes table = begin_table("FACP", 6);
  append_zeros(table, 109 - kHeaderSize);
  append_le<std::uint16_t>(table,
                           config.rtc ? kBootArchitecture : kBootArchitecture | kCmosRtcNotPresent);
  append_zeros(table, 1);
  append_le<std::uint32_t>(table, kWbinvd | kProcC1 | kNoFixedPowerButton | kNoFixedSleepButton |
                                      kNoFixedRtcWake | kResetRegister | kHardwareReduced);
  append_port(table, layout::kPortAcpiReset);
  append_le<std::uint8_t>(table, layout::kAcpiResetValue);
  append_zeros(table, 2);             // ARM_BOOT_ARCH
  append_le<std::uint8_t>(table, 5);  // minor version: this is 6.5's
  append_zeros(table, 8);             // X_FIRMWARE_CTRL: no FACS
  append_le<std::uint64_t>(table, dsdt);
  append_zeros(table, 244 - table.size());
  append_port(table, layout::kPortAcpiSleepControl);
  append_port(table, layout::kPortAcpiSleepStatus);
  append_text(table, "BOTHY");  // hypervisor vendor identity
  append_zeros(table, 276 - table.size());
  finish(table);
  return table;
}

Bytes build_madt(std::uint32_t vcpus) {
  Bytes table = begin_table("APIC", 5);
  append_le(table, static_cast<std::uint32_t>(layout::kLocalApic));
  // PCAT_COMPAT stays clear (5.2.12): KVM's interrupt chip does contain two 8259s, but nothing is
  // wired to them alone, and a guest would spend time on masking them.
  append_le<std::uint32_t>(table, 0);
  for (std::uint32_t id = 0; id < vcpus; ++id) {
    append_le<std::uint8_t>(table, 0);  // processor local APIC (5.2.12.2)
    append_le<std::uint8_t>(table, 8);
    append_le(table, static_cast<std::uint8_t>(id));  // ACPI processor UID
    append_le(table, static_cast<std::uint8_t>(id));  // APIC id
    append_le<std::uint32_t>(table, 1);               // enabled
  }
  append_le<std::uint8_t>(table, 1);  // I/O APIC (5.2.12.3)
  append_le<std::uint8_t>(table, 12);
  append_le<std::uint8_t>(table, 0);  // its id after reset, as KVM has it
  append_zeros(table, 1);
  append_le(table, static_cast<std::uint32_t>(layout::kIoApic));
  append_le<std::uint32_t>(table, 0);  // its pin 0 is GSI 0
  finish(table);
  return table;
}

Bytes build_xsdt(std::span<const GuestAddress> tables) {
  Bytes table = begin_table("XSDT", 1);
  for (const GuestAddress address : tables) {
    append_le<std::uint64_t>(table, address);
  }
  finish(table);
  return table;
}

// 5.2.5.3. The first checksum covers ACPI 1.0's 20 bytes, the second one everything.
constexpr std::size_t kRsdpSize = 36;
constexpr std::size_t kRsdpFirstPart = 20;
constexpr std::size_t kRsdpFirstChecksum = 8;
constexpr std::size_t kRsdpExtendedChecksum = 32;

Bytes build_rsdp(GuestAddress xsdt) {
  Bytes rsdp;
  append_text(rsdp, "RSD PTR ");
  append_zeros(rsdp, 1);
  append_text(rsdp, kOemId);
  append_le<std::uint8_t>(rsdp, 2);  // revision
  append_zeros(rsdp, 4);             // no RSDT
  append_le<std::uint32_t>(rsdp, kRsdpSize);
  append_le<std::uint64_t>(rsdp, xsdt);
  append_zeros(rsdp, 4);
  assert(rsdp.size() == kRsdpSize);
  rsdp[kRsdpFirstChecksum] = checksum(std::span(rsdp).first(kRsdpFirstPart));
  rsdp[kRsdpExtendedChecksum] = checksum(rsdp);
  return rsdp;
}

// Hands out addresses within the tables' range and fills them.
class TableWriter {
 public:
  explicit TableWriter(GuestMemory& memory) noexcept : memory_(memory) {}

  Result<GuestAddress> put(const Bytes& table) {
    const GuestAddress address = next_;
    if (table.size() > layout::kAcpiTables + layout::kAcpiTablesMax - address) {
      return make_error(ErrorCode::kExhausted,
                        "the ACPI tables exceed {} bytes: the machine has too many devices",
                        layout::kAcpiTablesMax);
    }
    if (!memory_.write_bytes(address, table)) {
      return make_error(ErrorCode::kExhausted, "no guest memory at {:#x} for the ACPI tables",
                        address);
    }
    next_ = (address + table.size() + kTableAlignment - 1) / kTableAlignment * kTableAlignment;
    return address;
  }

 private:
  GuestMemory& memory_;
  GuestAddress next_ = layout::kAcpiTables;
};

Result<void> check(const AcpiConfig& config) {
  if (config.vcpus == 0 || config.vcpus > kMaxLocalApics) {
    return make_error(ErrorCode::kInvalid, "invalid number of vCPUs {}: expected 1 to {}",
                      config.vcpus, kMaxLocalApics);
  }
  if (config.devices.size() > kMaxDevices) {
    return make_error(ErrorCode::kExhausted, "too many devices for the ACPI tables: at most {}",
                      kMaxDevices);
  }
  for (const BusDevice& device : config.devices) {
    if (device.address > kMax32 || device.size > kMax32 - device.address) {
      return make_error(ErrorCode::kInvalid, "the registers of a device lie above 4 GiB: {:#x}",
                        device.address);
    }
  }
  return success();
}

}  // namespace

Result<GuestAddress> write_acpi_tables(const AcpiConfig& config, GuestMemory& memory) {
  BOTHY_TRY(check(config));
  TableWriter writer(memory);
  // The RSDP comes first, where a guest's search finds it (5.2.5.1); it is written twice because it
  // points to the tables behind it.
  BOTHY_TRY(const GuestAddress rsdp, writer.put(build_rsdp(0)));
  BOTHY_TRY(const GuestAddress dsdt, writer.put(build_dsdt(config)));
  BOTHY_TRY(const GuestAddress fadt, writer.put(build_fadt(config, dsdt)));
  BOTHY_TRY(const GuestAddress madt, writer.put(build_madt(config.vcpus)));
  BOTHY_TRY(const GuestAddress xsdt, writer.put(build_xsdt(std::array{fadt, madt})));
  [[maybe_unused]] const bool written = memory.write_bytes(rsdp, build_rsdp(xsdt));
  assert(written);
  return rsdp;
}

}  // namespace bothy::arch
