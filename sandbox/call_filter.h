// CallFilter: the only system calls that a process may still make, for children that do one thing.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

namespace bothy::sandbox {

struct AllowedCall {
  long number = 0;  // SYS_*
  // An argument, 0 to 5, and bits that the call may not have set in the lower half of it; no bits:
  // any arguments.
  std::uint8_t argument = 0;
  std::uint32_t without = 0;
};

// A seccomp filter; any other system call, and any of another architecture or ABI, ends the whole
// process by SIGSYS. Calls that are made often belong in front.
class CallFilter {
 public:
  explicit CallFilter(std::span<const AllowedCall> calls);

  // Filters the calling thread and those that it starts; no_new_privs must be set. Irrevocable,
  // async-signal-safe. Returns nullptr, or what failed, with errno set: EINVAL where the kernel has
  // no seccomp filters.
  [[nodiscard]] const char* install() const noexcept;

 private:
  std::vector<sock_filter> program_;
};

}  // namespace bothy::sandbox
