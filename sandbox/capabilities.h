// The capabilities of the calling thread (capabilities(7)). All functions are async-signal-safe.
#pragma once

#include <cstdint>

namespace bothy::sandbox {

// Gives up all others. `kept` has bit 1 << CAP_* for each capability to keep, as far as the thread
// has it: permitted and effective; none is inheritable or ambient. Irrevocable with no_new_privs.
// Returns nullptr, or what failed, with errno set.
[[nodiscard]] const char* keep_capabilities(std::uint64_t kept) noexcept;

// The permitted capabilities are in effect, or none is. Returns nullptr, or what failed, with errno
// set.
[[nodiscard]] const char* set_capabilities_in_effect(bool in_effect) noexcept;

// Whether CAP_* `capability` is in effect.
[[nodiscard]] bool has_capability(int capability) noexcept;

}  // namespace bothy::sandbox
