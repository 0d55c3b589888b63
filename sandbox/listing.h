// What a filter lets a thread do, read from the filter itself: for `bothy inspect` and
// docs/security.md.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sandbox/filters.h"

namespace bothy::sandbox {

enum class Reach : std::uint8_t {
  kNever,
  kByArguments,  // the arguments decide
  kAlways,
};

// Whether a program allows a call of this architecture, found by following every branch that can be
// taken with some arguments.
[[nodiscard]] Reach reach(std::span<const sock_filter> program, std::uint32_t number) noexcept;

// "futex", "ioctl (KVM_RUN)", by name, ascending: what the role's program allows. What the
// arguments may be is told by the rule.
[[nodiscard]] std::vector<std::string> allowed_calls(Role role);

// A row of the table in docs/security.md.
[[nodiscard]] std::string documented_row(Role role);

}  // namespace bothy::sandbox
