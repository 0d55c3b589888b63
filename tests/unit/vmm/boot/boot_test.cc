#include "vmm/boot/boot.h"

#include "arch/boot/start_info.h"
#include "tests/unit/vmm/boot/boot_fixture.h"

namespace bothy::boot {
namespace {

constexpr std::uint64_t kHighRam = 2 * layout::kGiB;

// 3 GiB below the hole and 2 GiB above; only touched pages cost anything.
GuestMemory large_memory() {
  const std::array ranges{MemoryRange{0, layout::kMmioHoleStart},
                          MemoryRange{layout::kHighRamStart, kHighRam}};
  auto memory = GuestMemory::create(ranges, MemoryBacking::kAnonymous);
  REQUIRE(memory.has_value());
  return std::move(memory).value();
}

}  // namespace

TEST_CASE("PVH's start_info leads to the command line, the initrd, the map and the tables") {
  GuestMemory memory = large_memory();
  const test::TestFile kernel(test::small_elf().build());
  const test::TestFile initrd(test::to_bytes("070701 a cpio archive"));
  BootRequest request = request_for(kernel.path());
  request.initrds = {initrd.path()};
  request.command_line.add_default("console=ttyS0");
  request.command_line.add_user("quiet");
  request.firmware = layout::kAcpiTables;
  const BootEntry entry = load_good(request, memory);
  CHECK(entry.command_line == "console=ttyS0 quiet");

  const auto start = memory.read<HvmStartInfo>(entry.cpu.boot_info);
  CHECK(start->magic == 0x336ec578);
  CHECK(start->version == 1);
  CHECK(start->flags == 0);
  CHECK(start->rsdp_paddr == 0xe0000);
  CHECK(text_at(memory, start->cmdline_paddr) == "console=ttyS0 quiet");

  REQUIRE(start->nr_modules == 1);
  const auto module = memory.read<HvmModule>(start->modlist_paddr);
  CHECK(MemoryRange{module->paddr, module->size} == entry.initrd);
  CHECK(holds(memory, module->paddr, test::to_bytes("070701 a cpio archive")));

  REQUIRE(start->memmap_entries == 4);
  const auto last = memory.read<HvmMemoryMapEntry>(start->memmap_paddr + 72);
  CHECK(last->addr == layout::kHighRamStart);
  CHECK(last->size == kHighRam);
  CHECK(last->type == 1);
  const auto tables = memory.read<HvmMemoryMapEntry>(start->memmap_paddr + 24);
  CHECK(tables->addr == layout::kAcpiTables);
  CHECK(tables->type == 3);
}

TEST_CASE("Without an initrd start_info has no modules") {
  GuestMemory memory = guest_memory();
  const BootEntry entry = load_good(test::small_elf().build(), memory);
  const auto start = memory.read<HvmStartInfo>(entry.cpu.boot_info);
  CHECK(start->nr_modules == 0);
  CHECK(start->modlist_paddr == 0);
  CHECK(start->rsdp_paddr == 0);
  CHECK(text_at(memory, start->cmdline_paddr).empty());
}

TEST_CASE("The zero page has the setup header, the memory map and all addresses") {
  GuestMemory memory = guest_memory();
  test::BzImageFile image;
  image.header.vid_mode = 0xffff;
  const test::TestFile kernel(image.build());
  const test::TestFile initrd(test::to_bytes("070701 a cpio archive"));
  BootRequest request = request_for(kernel.path());
  request.initrds = {initrd.path()};
  request.command_line.add_user("quiet");
  request.firmware = layout::kAcpiTables;
  const BootEntry entry = load_good(request, memory);

  // Its fields are packed: + reads one, where a reference to it would be misaligned.
  const auto page = memory.read<boot_params>(entry.cpu.boot_info);
  CHECK(+page->hdr.header == 0x53726448);
  CHECK(+page->hdr.boot_flag == 0xaa55);
  CHECK(+page->hdr.vid_mode == 0xffff);
  CHECK(+page->hdr.type_of_loader == 0xff);
  CHECK(+page->hdr.cmd_line_ptr == layout::kCommandLine);
  CHECK(text_at(memory, layout::kCommandLine) == "quiet");
  CHECK(+page->hdr.ramdisk_image == entry.initrd.start);
  CHECK(+page->hdr.ramdisk_size == entry.initrd.size);
  CHECK(+page->hdr.setup_data == 0);
  CHECK(+page->acpi_rsdp_addr == layout::kAcpiTables);
  CHECK(+page->sentinel == 0);
  REQUIRE(+page->e820_entries == 3);
  CHECK(+page->e820_table[0].addr == 0);
  CHECK(+page->e820_table[0].size == layout::kLowRamEnd);
  CHECK(+page->e820_table[1].type == 3);
  CHECK(+page->e820_table[2].addr == layout::kMiB);
  CHECK(+page->e820_table[2].size == 63 * layout::kMiB);
}

TEST_CASE("The zero page of a plain ELF has what a boot loader must fill in") {
  GuestMemory memory = guest_memory();
  test::ElfImage elf = test::small_elf();
  elf.pvh_entry.reset();
  load_good(elf.build(), memory);
  const auto page = memory.read<boot_params>(layout::kZeroPage);
  CHECK(+page->hdr.header == 0x53726448);
  CHECK(+page->hdr.boot_flag == 0xaa55);
  CHECK(+page->hdr.type_of_loader == 0xff);
  CHECK(+page->hdr.ramdisk_size == 0);
}

TEST_CASE("The command line's limit is that of the kernel") {
  test::BzImageFile image;
  image.header.cmdline_size = 100;
  const test::TestFile kernel(image.build());
  BootRequest request = request_for(kernel.path());
  request.command_line.add_user(std::string(101, 'x'));
  check_refused(request, ErrorCode::kInvalid, {"1 bytes too long", "101", "100"});
  // A limit beyond the room that is kept for it counts as that room.
  image.header.cmdline_size = 0xffffffff;
  const test::TestFile boundless(image.build());
  request = request_for(boundless.path());
  request.command_line.add_user(std::string(layout::kCommandLineMax, 'x'));
  check_refused(request, ErrorCode::kInvalid, {"1 bytes too long"});
}

}  // namespace bothy::boot
