#include "arch/acpi.h"

#include <algorithm>
#include <array>

#include "arch/layout.h"
#include "tests/support/acpi_tables.h"
#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

using test::acpi_config;
using test::AcpiTable;
using test::find_table;

std::vector<AcpiTable> tables_of(const AcpiConfig& config) {
  auto memory = test::acpi_memory();
  const auto rsdp = write_acpi_tables(config, memory);
  REQUIRE(rsdp.has_value());
  return test::read_tables(memory, rsdp.value());
}

std::size_t count(const AcpiTable& table, std::string_view text) {
  const std::string all = table.text(0, table.bytes.size());
  std::size_t found = 0;
  for (auto at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) {
    ++found;
  }
  return found;
}

// A generic address structure of one byte-wide port.
void check_port(const AcpiTable& fadt, std::size_t offset, std::uint16_t port) {
  CHECK(fadt.number(offset, 4) == 0x01000801);  // I/O, 8 bits at 0, byte access
  CHECK(fadt.number(offset + 4, 8) == port);
}

}  // namespace

TEST_CASE("The RSDP comes first, with valid checksums, and points to the XSDT") {
  auto memory = test::acpi_memory();
  const auto address = write_acpi_tables(acpi_config(1, 0), memory);
  REQUIRE(address.has_value());
  CHECK(address.value() == layout::kAcpiTables);

  const AcpiTable first = test::read_bytes(memory, address.value(), 20);
  const AcpiTable rsdp = test::read_bytes(memory, address.value(), 36);
  CHECK(rsdp.text(0, 8) == "RSD PTR ");
  CHECK(test::byte_sum(first.bytes) == 0);
  CHECK(test::byte_sum(rsdp.bytes) == 0);
  CHECK(rsdp.number(15, 1) == 2);
  CHECK(rsdp.number(20, 4) == 36);
  CHECK(test::read_table(memory, rsdp.number(24, 8)).signature() == "XSDT");
}

TEST_CASE(
    "Every table is inside its range, aligned, disjoint from the others, with a valid checksum") {
  for (const std::uint32_t vcpus : {1U, 2U, 64U, 255U}) {
    for (const std::uint32_t virtio : {0U, 1U, 14U, 500U}) {
      auto tables = tables_of(acpi_config(vcpus, virtio));
      REQUIRE(tables.size() == 4);
      std::sort(tables.begin(), tables.end(),
                [](const AcpiTable& a, const AcpiTable& b) { return a.address < b.address; });
      GuestAddress end = layout::kAcpiTables + 36;
      for (const AcpiTable& table : tables) {
        CHECK(table.address % 16 == 0);
        CHECK(table.address >= end);
        CHECK(table.text(10, 6) == "BOTHY ");
        end = table.address + table.bytes.size();
      }
      CHECK(end <= layout::kAcpiTables + layout::kAcpiTablesMax);
    }
  }
}

TEST_CASE("The FADT describes a hardware-reduced platform with sleep and reset registers") {
  const auto tables = tables_of(acpi_config(1, 0));
  const AcpiTable& fadt = find_table(tables, "FACP");
  CHECK(fadt.bytes.size() == 276);
  CHECK(fadt.number(8, 1) == 6);
  CHECK(fadt.number(131, 1) == 5);

  const std::uint64_t flags = fadt.number(112, 4);
  CHECK((flags & 1U << 20U) != 0);  // HW_REDUCED_ACPI
  CHECK((flags & 1U << 10U) != 0);  // RESET_REG_SUP
  CHECK((flags & 1U << 4U) != 0);   // no fixed power button
  CHECK((flags & 1U << 5U) != 0);   // no fixed sleep button

  check_port(fadt, 116, layout::kPortAcpiReset);
  CHECK(fadt.number(128, 1) == layout::kAcpiResetValue);
  check_port(fadt, 244, layout::kPortAcpiSleepControl);
  check_port(fadt, 256, layout::kPortAcpiSleepStatus);

  CHECK(fadt.number(140, 8) == find_table(tables, "DSDT").address);
  CHECK(fadt.number(36, 8) == 0);   // neither a FACS nor a 32-bit DSDT
  CHECK(fadt.number(132, 8) == 0);  // no FACS
}

TEST_CASE("The FADT reports the absent parts of a PC") {
  AcpiConfig config = acpi_config(1, 0);
  // No VGA, no ASPM; the bits for an 8042 and legacy devices say "present" and are clear.
  const auto with_rtc = tables_of(config);
  CHECK(find_table(with_rtc, "FACP").number(109, 2) == 0x14);
  config.rtc = false;
  const auto without_rtc = tables_of(config);
  CHECK(find_table(without_rtc, "FACP").number(109, 2) == 0x34);
}

TEST_CASE("The MADT lists each vCPU by its index, and one I/O APIC") {
  for (const std::uint32_t vcpus : {1U, 2U, 64U, 255U}) {
    const auto tables = tables_of(acpi_config(vcpus, 0));
    const AcpiTable& madt = find_table(tables, "APIC");
    REQUIRE(madt.bytes.size() == 44 + 8 * vcpus + 12);
    CHECK(madt.number(36, 4) == layout::kLocalApic);
    CHECK(madt.number(40, 4) == 0);
    for (std::uint32_t id = 0; id < vcpus; ++id) {
      const std::size_t entry = 44 + 8 * id;
      CHECK(madt.number(entry, 2) == 0x0800);
      CHECK(madt.number(entry + 2, 1) == id);
      CHECK(madt.number(entry + 3, 1) == id);
      CHECK(madt.number(entry + 4, 4) == 1);
    }
    const std::size_t io_apic = 44 + 8 * vcpus;
    CHECK(madt.number(io_apic, 2) == 0x0c01);
    CHECK(madt.number(io_apic + 4, 4) == layout::kIoApic);
    CHECK(madt.number(io_apic + 8, 4) == 0);
  }
}

TEST_CASE("The DSDT describes exactly the devices of the machine") {
  const std::string com1("\x0c\x41\xd0\x05\x01", 5);
  const std::string rtc("\x0c\x41\xd0\x0b\x00", 5);

  const auto all = tables_of(acpi_config(2, 14));
  const AcpiTable& full = find_table(all, "DSDT");
  CHECK(full.number(8, 1) == 2);
  CHECK(count(full, com1) == 1);
  CHECK(count(full, rtc) == 1);
  CHECK(count(full, "QEMU0001") == 1);
  CHECK(count(full, "LNRO0005") == 14);
  CHECK(count(full, "V000") == 1);
  CHECK(count(full, "V00D") == 1);
  // The last device's registers and interrupt: fixed memory, then an edge-triggered GSI 23.
  CHECK(count(full, std::string("\x86\x09\x00\x01\x00\xd0\x00\xd0\x00\x10\x00\x00"
                                "\x89\x06\x00\x03\x01\x17\x00\x00\x00",
                                21)) == 1);
  // \_S5's first element is the sleep type that the sleep control register gets.
  const std::string s5("\x08\\_S5_\x12\x07\x04\x0a", 10);
  CHECK(count(full, s5 + static_cast<char>(layout::kAcpiSleepTypeS5)) == 1);

  AcpiConfig config;
  config.serial = config.rtc = config.pvpanic = false;
  const auto none = tables_of(config);
  const AcpiTable& empty = find_table(none, "DSDT");
  CHECK(count(empty, com1) == 0);
  CHECK(count(empty, rtc) == 0);
  CHECK(count(empty, "QEMU0001") == 0);
  CHECK(count(empty, "LNRO0005") == 0);
}

TEST_CASE("A configuration that the tables can't express or hold is an error") {
  auto memory = test::acpi_memory();
  const auto code = [&](const AcpiConfig& config) {
    const auto result = write_acpi_tables(config, memory);
    REQUIRE(result.has_error());
    return result.error().code;
  };
  CHECK(code(acpi_config(0, 0)) == ErrorCode::kInvalid);
  CHECK(code(acpi_config(256, 0)) == ErrorCode::kInvalid);

  AcpiConfig config;
  config.devices = {{1ULL << 32U, 0x1000, 10, kVirtioMmioHid}};
  CHECK(code(config) == ErrorCode::kInvalid);
  config.devices = {{0xfffff000, 0x2000, 10, kVirtioMmioHid}};
  CHECK(code(config) == ErrorCode::kInvalid);
  for (const std::size_t too_many : {4096U, 10000U}) {
    config.devices.assign(too_many, BusDevice{layout::kVirtioMmio, 0x1000, 10, kVirtioMmioHid});
    CHECK(code(config) == ErrorCode::kExhausted);
  }

  const std::array ranges{MemoryRange{0, 512 * layout::kKiB}};
  auto small = GuestMemory::create(ranges, MemoryBacking::kAnonymous);
  REQUIRE(small.has_value());
  const auto result = write_acpi_tables(acpi_config(1, 0), small.value());
  REQUIRE(result.has_error());
  CHECK(result.error().code == ErrorCode::kExhausted);
}

}  // namespace bothy::arch
