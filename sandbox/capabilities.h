// keep_capabilities(): gives up all other capabilities of the calling thread.
#pragma once

#include <cstdint>

namespace bothy::sandbox {

// `kept` has bit 1 << CAP_* for each capability to keep, as far as the thread has it: permitted and
// effective; none is inheritable or ambient. Irrevocable with no_new_privs. Async-signal-safe.
// Returns nullptr, or what failed, with errno set.
[[nodiscard]] const char* keep_capabilities(std::uint64_t kept) noexcept;

}  // namespace bothy::sandbox
