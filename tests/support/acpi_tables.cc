#include "tests/support/acpi_tables.h"

#include <array>
#include <numeric>

#include "arch/layout.h"
#include "tests/support/catch.h"

namespace bothy::test {

std::string AcpiTable::text(std::size_t offset, std::size_t length) const {
  REQUIRE(offset + length <= bytes.size());
  const auto start = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  return {start, start + static_cast<std::ptrdiff_t>(length)};
}

std::uint64_t AcpiTable::number(std::size_t offset, std::size_t size) const {
  REQUIRE(offset + size <= bytes.size());
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8U | bytes[offset + i];
  }
  return value;
}

unsigned byte_sum(const std::vector<std::uint8_t>& bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0U) & 0xffU;
}

GuestMemory acpi_memory() {
  const std::array ranges{MemoryRange{0, 2 * layout::kMiB}};
  auto memory = GuestMemory::create(ranges, MemoryBacking::kAnonymous);
  REQUIRE(memory.has_value());
  return std::move(memory).value();
}

arch::AcpiConfig acpi_config(std::uint32_t vcpus, std::uint32_t virtio) {
  arch::AcpiConfig config;
  config.vcpus = vcpus;
  for (std::uint32_t i = 0; i < virtio; ++i) {
    config.devices.push_back({layout::kVirtioMmio + i * layout::kVirtioMmioStride,
                              layout::kVirtioMmioStride, layout::kGsiVirtioFirst + i,
                              arch::kVirtioMmioHid});
  }
  return config;
}

AcpiTable read_bytes(const GuestMemory& memory, GuestAddress address, std::uint64_t size) {
  const auto bytes = memory.slice(address, size);
  REQUIRE(bytes.has_value());
  AcpiTable table{address, {}};
  for (const std::byte b : *bytes) {
    table.bytes.push_back(std::to_integer<std::uint8_t>(b));
  }
  return table;
}

AcpiTable read_table(const GuestMemory& memory, GuestAddress address) {
  const auto length = memory.read<std::uint32_t>(address + 4);
  REQUIRE(length.has_value());
  REQUIRE(*length >= 36);
  AcpiTable table = read_bytes(memory, address, *length);
  REQUIRE(byte_sum(table.bytes) == 0);
  return table;
}

std::vector<AcpiTable> read_tables(const GuestMemory& memory, GuestAddress rsdp) {
  const GuestAddress xsdt = read_bytes(memory, rsdp, 36).number(24, 8);
  std::vector<AcpiTable> tables{read_table(memory, xsdt)};
  const std::size_t entries = (tables[0].bytes.size() - 36) / 8;
  for (std::size_t i = 0; i < entries; ++i) {
    const GuestAddress address = tables[0].number(36 + 8 * i, 8);
    tables.push_back(read_table(memory, address));
  }
  const GuestAddress dsdt = find_table(tables, "FACP").number(140, 8);
  tables.push_back(read_table(memory, dsdt));
  return tables;
}

const AcpiTable& find_table(const std::vector<AcpiTable>& tables, std::string_view signature) {
  for (const AcpiTable& table : tables) {
    if (table.signature() == signature) {
      return table;
    }
  }
  FAIL("no table " << signature);
  return tables.front();
}

}  // namespace bothy::test
