// Names of system calls of this architecture, as the kernel's headers have them at build time.
#pragma once

#include <cstdint>
#include <string_view>

namespace bothy::sandbox {

// Numbers from 0 up to this one may have names.
[[nodiscard]] std::uint32_t syscall_count() noexcept;
// Empty for a number without a name. Async-signal-safe.
[[nodiscard]] std::string_view syscall_name(std::uint32_t number) noexcept;

}  // namespace bothy::sandbox
