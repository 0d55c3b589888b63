// A bzImage's setup header, read and checked (Documentation/arch/x86/boot.rst).
#pragma once

#include <asm/bootparam.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "memory/guest_memory.h"
#include "vmm/boot/image/content.h"
#include "vmm/boot/image/image_file.h"

namespace bothy::boot {

struct BzImage {
  setup_header header{};   // cleaned: fields that the kernel's protocol version lacks are zero
  std::uint64_t code = 0;  // the protected-mode kernel: offset in the file, and size
  std::uint64_t code_size = 0;
  std::uint64_t payload = 0;       // the compressed kernel within it: offset in the file, and size;
  std::uint64_t payload_size = 0;  // zero when the header names none
  std::string version;             // "6.1.0-56-cloud-amd64", empty when the header names none
  bool entry64 = false;

  // The load address of the kernel's own entry, and the memory that it needs from there on.
  GuestAddress load_address = 0;
  std::uint64_t run_size = 0;
};

// `head` is the file's first kContentHead bytes, or all of it when it is shorter.
[[nodiscard]] Result<BzImage> read_bzimage(const ImageFile& file, Bytes head);

// Loads the protected-mode kernel, to be entered by its own entry point.
[[nodiscard]] Result<void> load_bzimage(const ImageFile& file, const BzImage& image,
                                        GuestMemory& memory);

}  // namespace bothy::boot
