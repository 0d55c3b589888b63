// The class of this host, as far as guests' figures depend on it: for `bothy doctor` and
// `bothy bench`.
#pragma once

#include <string_view>

#include "cli/doctor/finding.h"

namespace bothy::doctor {

inline constexpr std::string_view kHostClass = "host-class";  // the finding's id

// Whether /proc/cpuinfo is that of a processor that QEMU emulates (TCG).
[[nodiscard]] bool is_emulated_processor(std::string_view cpuinfo);

// The finding's `found` is one of "bare", "nested", "emulated" and "none", from the findings on
// microVMs so far.
[[nodiscard]] Finding judge_host_class(const Findings& findings, std::string_view cpuinfo);

}  // namespace bothy::doctor
