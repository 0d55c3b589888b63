// The initial RAM disk of guests that run an image, made in memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bothy::guest {

// A kernel module, uncompressed, under the name that a kModule record has for it.
struct Module {
  std::string name;
  std::span<const std::byte> content;
};

// An uncompressed newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)
// of the program as /init, the configuration and modules where guest/protocol/agent.h says, a node
// for the console that the kernel opens for init, and the directories that bothy-init mounts on.
// The same input gives the same bytes.
[[nodiscard]] std::vector<std::byte> make_initramfs(std::span<const std::byte> program,
                                                    std::string_view config,
                                                    std::span<const Module> modules);

}  // namespace bothy::guest
