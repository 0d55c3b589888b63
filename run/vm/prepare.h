// `--isolation vm` for the table of kinds of isolation (run/isolations/table.cc).
#pragma once

#include <string>

#include "base/result.h"
#include "run/isolation.h"

namespace bothy::run {

inline constexpr std::string_view kKernelFlag = "--kernel";
inline constexpr std::string_view kModulesFlag = "--modules";
inline constexpr std::string_view kCpuFeaturesFlag = "--cpu-features";
inline constexpr std::string_view kReceiveRateFlag = "--network-rx-bps";
inline constexpr std::string_view kTransmitRateFlag = "--network-tx-bps";
inline constexpr std::string_view kCoreSchedulingFlag = "--core-scheduling";

[[nodiscard]] const IsolationKind& vm_isolation_kind() noexcept;

// bothy's own kernel: $BOTHY_KERNEL, where it was built beside this program, or where it was
// installed. kNotFound, with the remedy, when there is none.
[[nodiscard]] Result<std::string> find_kernel();

}  // namespace bothy::run
