// Loads a kernel file of any kind and prepares the boot processor's entry into it.
#pragma once

#include <asm/bootparam.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arch/vcpu_state.h"
#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::boot {

struct KernelOptions {
  // Unpack a bzImage's kernel on the host and enter it directly where that is possible; otherwise
  // the kernel unpacks itself, which is slower.
  bool unpack = true;
  // Searched for in an ELF kernel's first segment, code and constants: texts that the drivers built
  // into a kernel bring with them.
  std::vector<std::string_view> texts = {};
  // The maximum size of an unpacked kernel in bytes.
  std::uint64_t unpack_limit = 512ULL << 20U;
};

struct LoadedKernel {
  arch::EntryProtocol protocol = arch::EntryProtocol::kLinux64;
  GuestAddress entry = 0;
  GuestAddress start = 0;  // [start, end) is the kernel's, .bss and room to unpack included
  GuestAddress end = 0;
  // The zero page's setup header: the bzImage's own, or the minimum for a plain ELF.
  setup_header header{};
  std::size_t command_line_limit = 0;  // in bytes, without the NUL
  GuestAddress initrd_end = 0;         // an initrd must end at or below
  bool has_texts = false;              // all of them; false too where they can't be searched for
  std::string description;             // for people
};

// Loads the kernel at `path` into fresh memory: all zeros except for what the monitor itself has
// put below 1 MiB. After a failure the memory's content is undefined.
[[nodiscard]] Result<LoadedKernel> load_kernel(const std::string& path,
                                               const KernelOptions& options, GuestMemory& memory);

// What a kernel is passed at its start.
struct BootInfo {
  GuestAddress command_line = 0;  // NUL-terminated
  MemoryRange initrd;             // of size 0 without one
  GuestAddress firmware = 0;      // what arch::write_firmware_tables() returned, 0 without tables
};

// Writes the structure that the kernel's protocol requires, and the tables that the processor needs
// to enter it. kExhausted when guest memory is too small.
[[nodiscard]] Result<arch::CpuEntry> prepare_entry(const LoadedKernel& kernel, const BootInfo& info,
                                                   GuestMemory& memory);

}  // namespace bothy::boot
