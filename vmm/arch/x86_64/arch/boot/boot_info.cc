#include <asm/bootparam.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <vector>

#include "arch/boot/boot_protocol.h"
#include "arch/boot/start_info.h"
#include "arch/layout.h"
#include "arch/memory_map.h"

namespace bothy::boot {
namespace {

using arch::memory_map;
using arch::MemoryMapEntry;

// boot.rst, "type_of_loader": a loader without a number of its own.
constexpr std::uint8_t kUndefinedLoader = 0xff;

constexpr GuestAddress kModuleList = layout::kStartInfo + 0x40;
constexpr GuestAddress kMemoryMap = layout::kStartInfo + 0x80;
[[maybe_unused]] constexpr std::size_t kMemoryMapMax =
    (layout::kZeroPage - kMemoryMap) / sizeof(HvmMemoryMapEntry);
static_assert(layout::kStartInfo + sizeof(HvmStartInfo) <= kModuleList);
static_assert(kModuleList + sizeof(HvmModule) <= kMemoryMap);
static_assert(sizeof(boot_params) == 4096);
static_assert(layout::kZeroPage + sizeof(boot_params) <= layout::kPageTables);

bool write_start_info(const BootInfo& info, GuestMemory& memory) {
  HvmStartInfo start;
  start.cmdline_paddr = info.command_line;
  start.rsdp_paddr = info.firmware;
  bool written = true;
  if (info.initrd.size != 0) {
    start.nr_modules = 1;
    start.modlist_paddr = kModuleList;
    written = memory.write(kModuleList, HvmModule{info.initrd.start, info.initrd.size, 0, 0});
  }
  std::vector<HvmMemoryMapEntry> map;
  for (const MemoryMapEntry& entry : memory_map(memory)) {
    map.push_back({entry.range.start, entry.range.size, static_cast<std::uint32_t>(entry.type), 0});
  }
  assert(map.size() <= kMemoryMapMax);
  start.memmap_paddr = kMemoryMap;
  start.memmap_entries = static_cast<std::uint32_t>(map.size());
  return written && memory.write_bytes(kMemoryMap, std::as_bytes(std::span(map))) &&
         memory.write(layout::kStartInfo, start);
}

bool write_zero_page(const LoadedKernel& kernel, const BootInfo& info, GuestMemory& memory) {
  // boot.rst, "64-bit Boot Protocol": all zero but for the setup header.
  boot_params params{};
  params.hdr = kernel.header;
  params.hdr.type_of_loader = kUndefinedLoader;
  // Everything the loader passes lies below 4 GiB: no ext_* field is needed.
  params.hdr.cmd_line_ptr = static_cast<std::uint32_t>(info.command_line);
  params.hdr.ramdisk_image = static_cast<std::uint32_t>(info.initrd.start);
  params.hdr.ramdisk_size = static_cast<std::uint32_t>(info.initrd.size);
  params.hdr.setup_data = 0;
  params.acpi_rsdp_addr = info.firmware;
  const std::vector<MemoryMapEntry> map = memory_map(memory);
  assert(map.size() <= E820_MAX_ENTRIES_ZEROPAGE);
  params.e820_entries = static_cast<std::uint8_t>(map.size());
  std::transform(map.begin(), map.end(), params.e820_table, [](const MemoryMapEntry& entry) {
    return boot_e820_entry{entry.range.start, entry.range.size,
                           static_cast<std::uint32_t>(entry.type)};
  });
  return memory.write(layout::kZeroPage, params);
}

}  // namespace

Result<arch::CpuEntry> prepare_entry(const LoadedKernel& kernel, const BootInfo& info,
                                     GuestMemory& memory) {
  const bool pvh = kernel.protocol == arch::EntryProtocol::kPvh;
  if (!(pvh ? write_start_info(info, memory) : write_zero_page(kernel, info, memory))) {
    return make_error(ErrorCode::kExhausted, "the guest has too little memory for its boot tables");
  }
  BOTHY_TRY(arch::write_boot_tables(memory, kernel.protocol));
  return arch::CpuEntry{kernel.protocol, kernel.entry,
                        pvh ? layout::kStartInfo : layout::kZeroPage};
}

}  // namespace bothy::boot
