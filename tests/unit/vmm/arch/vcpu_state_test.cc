#include "arch/vcpu_state.h"

#include <array>
#include <cstring>

#include "arch/cpu_report.h"
#include "arch/layout.h"
#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

GuestMemory small_memory() {
  const std::array ranges{MemoryRange{0, 8 * layout::kMiB}};
  return GuestMemory::create(ranges, MemoryBacking::kAnonymous).value();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("The boot GDT holds flat segments where the selectors point") {
  auto memory = small_memory();
  REQUIRE(write_boot_tables(memory, EntryProtocol::kPvh).has_value());
  // AMD64 manual, volume 2, 4.7: a flat 32-bit code and data segment, and the busy TSS.
  CHECK(memory.read<std::uint64_t>(layout::kGdt + 0x10) == 0x00cf9b000000ffffULL);
  CHECK(memory.read<std::uint64_t>(layout::kGdt + 0x18) == 0x00cf93000000ffffULL);
  CHECK(memory.read<std::uint64_t>(layout::kGdt + 0x20) == 0x00008b0000000067ULL);

  REQUIRE(write_boot_tables(memory, EntryProtocol::kLinux64).has_value());
  CHECK(memory.read<std::uint64_t>(layout::kGdt + 0x10) == 0x00af9b000000ffffULL);
}

TEST_CASE("PVH enters flat 32-bit code with the start info in ebx") {
  const kvm_regs regs = boot_registers({EntryProtocol::kPvh, 0x1000000, 0x6000});
  CHECK(regs.rip == 0x1000000);
  CHECK(regs.rbx == 0x6000);
  CHECK(regs.rflags == 2);
  const kvm_sregs sregs = boot_system_registers({}, EntryProtocol::kPvh);
  CHECK(sregs.cr0 == 0x11);
  CHECK(sregs.cr4 == 0);
  CHECK(sregs.efer == 0);
  CHECK(sregs.cs.db == 1);
  CHECK(sregs.cs.l == 0);
  CHECK(sregs.tr.type == 0xb);
}

TEST_CASE("Long mode is entered with the first 4 GiB mapped one to one") {
  auto memory = small_memory();
  REQUIRE(write_boot_tables(memory, EntryProtocol::kLinux64).has_value());
  kvm_regs regs = boot_registers({EntryProtocol::kLinux64, 0x300000, 0x7000});
  const kvm_sregs sregs = boot_system_registers({}, EntryProtocol::kLinux64);
  CHECK(regs.rsi == 0x7000);
  CHECK(sregs.cs.l == 1);
  CHECK(sregs.efer == 0x500);

  REQUIRE(memory.write<std::uint32_t>(0x300000, 0x0b0f9090));
  const std::string report = describe_cpu(regs, sregs, memory);
  CHECK(contains(report, "64-bit mode"));
  CHECK(contains(report, "page walk of 0x300000 (4-level paging)"));
  CHECK(contains(report, "bytes at rip (physical 0x300000): 90 90 0f 0b"));

  // The last page below 4 GiB: mapped, but no RAM.
  regs.rip = 0xfffffff0;
  CHECK(contains(describe_cpu(regs, sregs, memory), "(physical 0xfffffff0): not RAM"));
  // One byte further is not mapped.
  regs.rip = 0x100000000;
  CHECK(contains(describe_cpu(regs, sregs, memory), "bytes at rip: not mapped"));
}

TEST_CASE("Hostile page tables end a report's page walk") {
  auto memory = small_memory();
  kvm_regs regs{};
  kvm_sregs sregs = boot_system_registers({}, EntryProtocol::kLinux64);
  regs.rip = 0xffffffff81000000;

  sregs.cr3 = 0xfffffffffffff000;  // the table is nowhere
  CHECK(contains(describe_cpu(regs, sregs, memory), "not RAM"));

  // A table that points to itself: four levels and an end.
  sregs.cr3 = 0x9000;
  for (GuestAddress slot = 0x9000; slot < 0xa000; slot += 8) {
    REQUIRE(memory.write<std::uint64_t>(slot, 0x9003));
  }
  CHECK(contains(describe_cpu(regs, sregs, memory), "bytes at rip (physical 0x9000)"));

  // 32-bit paging with a 4 MiB page.
  sregs.efer = 0;
  sregs.cs.l = 0;
  sregs.cr4 = 0x10;
  regs.rip = 0xc0000004;
  REQUIRE(memory.write<std::uint32_t>(0x9000 + 4 * 0x300, 0x00400083));
  REQUIRE(memory.write<std::uint8_t>(0x400004, 0xcc));
  CHECK(contains(describe_cpu(regs, sregs, memory), "bytes at rip (physical 0x400004): cc"));
}

TEST_CASE("The state after INIT is distinguished from that of a fault") {
  kvm_regs regs{};
  kvm_sregs sregs{};
  regs.rip = 0xfff0;
  sregs.cs.selector = 0xf000;
  CHECK(is_reset_state(regs, sregs));
  regs.rip = 0x1234;
  CHECK_FALSE(is_reset_state(regs, sregs));
}

TEST_CASE("LINT0 and LINT1 are configured as by firmware") {
  kvm_lapic_state lapic{};
  set_initial_lapic(lapic);
  std::uint32_t lint0 = 0;
  std::uint32_t lint1 = 0;
  std::memcpy(&lint0, &lapic.regs[0x350], 4);
  std::memcpy(&lint1, &lapic.regs[0x360], 4);
  CHECK(lint0 == 0x700);
  CHECK(lint1 == 0x400);
}

}  // namespace bothy::arch
