// A kernel file of any kind, loaded into guest memory.
#pragma once

#include <asm/bootparam.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::boot {

// How the kernel wants to be entered.
enum class EntryProtocol {
  kPvh,      // Xen's docs/misc/pvh.pandoc: 32-bit protected mode, ebx = start_info
  kLinux64,  // boot.rst, "64-bit Boot Protocol": long mode, rsi = zero page
  kLinux32,  // boot.rst, "32-bit Boot Protocol": 32-bit protected mode, esi = zero page
};

struct KernelOptions {
  // Unpack a bzImage's kernel on the host and enter it directly where that is possible; otherwise
  // the kernel unpacks itself, which is slower.
  bool unpack = true;
  // Looked for in an ELF kernel's first segment, code and constants: a text that a driver brings
  // with it. Not looked for when empty.
  std::string_view text;
  // No more than so much is unpacked.
  std::uint64_t unpack_limit = 512ULL << 20U;
};

struct LoadedKernel {
  EntryProtocol protocol = EntryProtocol::kLinux64;
  GuestAddress entry = 0;
  GuestAddress start = 0;  // [start, end) is the kernel's, .bss and room to unpack included
  GuestAddress end = 0;
  // The zero page's setup header: the bzImage's own, or the little that a plain ELF needs.
  setup_header header{};
  std::size_t command_line_limit = 0;  // without the NUL
  GuestAddress initrd_end = 0;         // an initrd must end at or below
  bool has_text = false;               // false too where it can't be looked for
  std::string description;
};

// Loads the kernel at `path` into fresh memory: all zeros but for what the monitor itself put below
// 1 MiB. When it fails the memory's content is undefined.
[[nodiscard]] Result<LoadedKernel> load_kernel(const std::string& path,
                                               const KernelOptions& options, GuestMemory& memory);

}  // namespace bothy::boot
