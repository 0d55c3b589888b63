// Reads ACPI tables back out of guest memory, the way a guest finds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arch/acpi.h"

namespace bothy::test {

struct AcpiTable {
  GuestAddress address = 0;
  std::vector<std::uint8_t> bytes;

  [[nodiscard]] std::string text(std::size_t offset, std::size_t length) const;
  // Little-endian, `size` bytes.
  [[nodiscard]] std::uint64_t number(std::size_t offset, std::size_t size) const;
  [[nodiscard]] std::string signature() const { return text(0, 4); }
};

[[nodiscard]] unsigned byte_sum(const std::vector<std::uint8_t>& bytes);

// 2 MiB of RAM from address 0.
[[nodiscard]] GuestMemory acpi_memory();
// A machine with `virtio` devices where a real one has them.
[[nodiscard]] arch::AcpiConfig acpi_config(std::uint32_t vcpus, std::uint32_t virtio);

// `size` bytes; fails the test when they aren't RAM.
[[nodiscard]] AcpiTable read_bytes(const GuestMemory& memory, GuestAddress address,
                                   std::uint64_t size);
// A table of the length that its header says; fails the test when its checksum is wrong.
[[nodiscard]] AcpiTable read_table(const GuestMemory& memory, GuestAddress address);
// All tables but the RSDP: the XSDT, what it points to, and the FADT's DSDT.
[[nodiscard]] std::vector<AcpiTable> read_tables(const GuestMemory& memory, GuestAddress rsdp);
[[nodiscard]] const AcpiTable& find_table(const std::vector<AcpiTable>& tables,
                                          std::string_view signature);

}  // namespace bothy::test
