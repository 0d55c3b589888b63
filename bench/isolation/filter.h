// Filter: a seccomp filter as the kernel has it, and what passes it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace bothy::bench {

// A classic BPF program over struct seccomp_data (seccomp(2)).
using Filter = std::vector<sock_filter>;

// Whether a system call gets to the kernel: with all arguments, with some, with none. A filter that
// hands it to another process to decide (SECCOMP_RET_USER_NOTIF, _TRACE) lets it pass with some.
enum class Reach { kNever, kSometimes, kAlways };

// By running the filters with a known architecture (AUDIT_ARCH_*) and number, and unknown
// arguments: where an argument decides, both ways are taken. Of several filters the strictest
// decides, as in the kernel. An invalid program lets nothing be known: kSometimes.
[[nodiscard]] Reach reach(const std::vector<Filter>& filters, std::uint32_t architecture,
                          std::uint32_t number);

}  // namespace bothy::bench
