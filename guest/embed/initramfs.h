// The initial RAM disk of guests that run an image.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bothy::guest {

// An uncompressed kernel module, with the name in its kModule record.
struct Module {
  std::string name;
  std::span<const std::byte> content;
};

// An uncompressed newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)
// of the program as /init, the configuration and modules at the paths of guest/protocol/agent.h, a
// device node for the console that the kernel opens for init, and the mount points of bothy-init.
// The same input gives the same bytes.
[[nodiscard]] std::vector<std::byte> make_initramfs(std::span<const std::byte> program,
                                                    std::string_view config,
                                                    std::span<const Module> modules);

}  // namespace bothy::guest
