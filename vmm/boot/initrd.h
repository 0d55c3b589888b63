// The initial RAM disk: one file, or several one after another.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::boot {

// The addresses that an initrd may have: behind the kernel, and within its reach.
struct InitrdRoom {
  GuestAddress kernel_end = 0;
  GuestAddress end = 0;
};

// Loads the files as one initrd, as high as `room` permits, page-aligned. Each file starts at a
// multiple of 4 bytes, as the kernel's unpacker requires of a cpio header
// (Documentation/driver-api/early-userspace/buffer-format.rst). An empty range without files.
[[nodiscard]] Result<MemoryRange> load_initrd(std::span<const std::string> paths,
                                              const InitrdRoom& room, GuestMemory& memory);

}  // namespace bothy::boot
