// The initial RAM disk: one file, or several one after another.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "memory/guest_memory.h"
#include "vmm/boot/kernel.h"

namespace bothy::boot {

// Loads the files as one initrd as high as the kernel can reach it, page-aligned and clear of the
// kernel. Each begins at a multiple of 4 bytes, as the kernel's unpacker wants a cpio header
// (Documentation/driver-api/early-userspace/buffer-format.rst). An empty range without files.
[[nodiscard]] Result<MemoryRange> load_initrd(std::span<const std::string> paths,
                                              const LoadedKernel& kernel, GuestMemory& memory);

}  // namespace bothy::boot
