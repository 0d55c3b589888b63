// PVH's start_info, the structure that a kernel is passed by that protocol.
#pragma once

#include <cstdint>

namespace bothy::boot {

// Xen's public arch-x86/hvm/start_info.h, version 1. All addresses are physical; 0 is none.
struct HvmStartInfo {
  static constexpr std::uint32_t kMagic = 0x336ec578;  // "xEn3", the E with its top bit set

  std::uint32_t magic = kMagic;
  std::uint32_t version = 1;
  std::uint32_t flags = 0;  // no SIF_*: not a Xen domain
  std::uint32_t nr_modules = 0;
  std::uint64_t modlist_paddr = 0;
  std::uint64_t cmdline_paddr = 0;
  std::uint64_t rsdp_paddr = 0;
  std::uint64_t memmap_paddr = 0;
  std::uint32_t memmap_entries = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(HvmStartInfo) == 56);

struct HvmModule {
  std::uint64_t paddr = 0;
  std::uint64_t size = 0;
  std::uint64_t cmdline_paddr = 0;
  std::uint64_t reserved = 0;
};
static_assert(sizeof(HvmModule) == 32);

struct HvmMemoryMapEntry {
  std::uint64_t addr = 0;
  std::uint64_t size = 0;
  std::uint32_t type = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(HvmMemoryMapEntry) == 24);

}  // namespace bothy::boot
