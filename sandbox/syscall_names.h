// Names of system calls of this architecture, as the kernel's headers have them at build time.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace bothy::sandbox {

struct SyscallName {
  std::uint32_t number;
  std::string_view name;
};

// By number, ascending.
[[nodiscard]] std::span<const SyscallName> syscall_names() noexcept;
// Empty for one without a name. Async-signal-safe.
[[nodiscard]] std::string_view syscall_name(std::uint32_t number) noexcept;

}  // namespace bothy::sandbox
