// The bothy-init program, embedded in this executable.
#pragma once

#include <cstddef>
#include <span>

namespace bothy::guest {

// An ELF executable of the guest's architecture. Valid as long as this process runs.
[[nodiscard]] std::span<const std::byte> guest_init_program();

}  // namespace bothy::guest
