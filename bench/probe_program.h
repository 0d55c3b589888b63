// The workload as a file (bench/probe).
#pragma once

#include <string>

#include "base/result.h"

namespace bothy::bench {

// What `probe first` writes (bench/probe/probe.h).
inline constexpr char kProbeFirstByte = 6;

// Writes the static program, executable for everybody.
[[nodiscard]] Result<void> write_probe_program(const std::string& path);

}  // namespace bothy::bench
