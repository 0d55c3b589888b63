// The seccomp filters of bothy's threads: for each role a table of rules, and the BPF program made
// of it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/thread_role.h"
#include "sandbox/rule.h"

namespace bothy::sandbox {

enum class Role : std::uint8_t {
  kVcpu,
  kDevices,
  kConsole,
  kDisk,
  kNetwork,
  kBoot,     // the main thread of `bothy boot`, and of an owner of `bothy oci`
  kVmOwner,  // the main thread of the owner of a microVM of `bothy run`
};
inline constexpr std::size_t kRoles = 7;

[[nodiscard]] Role role_of(ThreadRole role) noexcept;
// Nothing for a main thread's role.
[[nodiscard]] std::optional<ThreadRole> thread_role_of(Role role) noexcept;

// "vcpu", "devices", ...
[[nodiscard]] std::string_view to_string(Role role) noexcept;
[[nodiscard]] std::optional<Role> role_named(std::string_view name) noexcept;

// In the order of the program.
[[nodiscard]] std::span<const Rule> rules_of(Role role) noexcept;
// With kOwnProcessMark where install_filter() puts the process's id.
[[nodiscard]] std::span<const sock_filter> program_of(Role role) noexcept;

// Confines the calling thread to the role's calls; no_new_privs is set. Async-signal-safe. Returns
// nullptr, or what failed, with errno set.
// `with_sanitizers`: and to what sanitizers call, in a build that has them.
[[nodiscard]] const char* install_filter(Role role, bool with_sanitizers = false) noexcept;

// The result of a program for a call, SECCOMP_RET_*, as the kernel computes it; `data` is what the
// kernel gives it. For listing what a program allows, and for tests.
[[nodiscard]] std::uint32_t evaluate(std::span<const sock_filter> program,
                                     const seccomp_data& data) noexcept;

}  // namespace bothy::sandbox
