#include "arch/mp_table.h"

#include "arch/layout.h"
#include "tests/support/acpi_tables.h"
#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

// The floating pointer must lead to the table, both with right checksums.
test::AcpiTable read_mp_table(const GuestMemory& memory) {
  const auto pointer = test::read_bytes(memory, layout::kMpTable, 16);
  CHECK(pointer.text(0, 4) == "_MP_");
  CHECK(test::byte_sum(pointer.bytes) == 0);
  CHECK(pointer.number(8, 2) == 0x0401);  // one paragraph, revision 1.4
  const auto header = test::read_bytes(memory, pointer.number(4, 4), 44);
  auto table = test::read_bytes(memory, header.address, header.number(4, 2));
  CHECK(table.signature() == "PCMP");
  CHECK(test::byte_sum(table.bytes) == 0);
  return table;
}

std::size_t entry_size(std::uint64_t type) {
  return type == 0 ? 20 : 8;
}

}  // namespace

TEST_CASE("The MP table lists each vCPU by its index, one bus, one I/O APIC and its lines") {
  for (const std::uint32_t vcpus : {1U, 2U, 64U, 255U}) {
    auto memory = test::acpi_memory();
    REQUIRE(write_mp_table(vcpus, memory).has_value());
    const auto table = read_mp_table(memory);
    CHECK(table.number(36, 4) == layout::kLocalApic);

    std::size_t of_type[5] = {};
    std::size_t entries = 0;
    for (std::size_t at = 44; at < table.bytes.size(); at += entry_size(table.number(at, 1))) {
      const auto type = table.number(at, 1);
      REQUIRE(type < std::size(of_type));
      if (type == 0) {
        CHECK(table.number(at + 1, 1) == of_type[0]);
        CHECK(table.number(at + 3, 1) == (of_type[0] == 0 ? 3 : 1));  // enabled; the first boots
      } else if (type == 1) {
        CHECK(table.text(at + 2, 6) == "ISA   ");
      } else if (type == 2) {
        CHECK(table.number(at + 4, 4) == layout::kIoApic);
      } else if (type == 3) {
        CHECK(table.number(at + 5, 1) == table.number(at + 7, 1));  // line and pin
      }
      ++of_type[type];
      ++entries;
    }
    CHECK(entries == table.number(34, 2));
    CHECK(of_type[0] == vcpus);
    CHECK(of_type[1] == 1);
    CHECK(of_type[2] == 1);
    CHECK(of_type[3] == 15);  // every ISA line but the cascade
    CHECK(of_type[4] == 2);   // LINT0 and LINT1
    CHECK(table.address + table.bytes.size() <= layout::kHighMemory);
  }
}

TEST_CASE("An MP table needs a vCPU, at most 255 of them, and memory") {
  auto memory = test::acpi_memory();
  CHECK(write_mp_table(0, memory).error().code == ErrorCode::kInvalid);
  CHECK(write_mp_table(256, memory).error().code == ErrorCode::kInvalid);
  const MemoryRange little[] = {{0, layout::kMpTable}};
  auto small = GuestMemory::create(little, MemoryBacking::kAnonymous);
  REQUIRE(small.has_value());
  CHECK(write_mp_table(1, small.value()).error().code == ErrorCode::kExhausted);
}

}  // namespace bothy::arch
