// The steps of a start, where a subject tells them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// The steps of the table that `bothy run --trace-timing` prints on stderr: name and nanoseconds
// since the step before, in their order. Lines that aren't of the table are skipped.
[[nodiscard]] std::vector<std::pair<std::string, double>> parse_timing(std::string_view text);

[[nodiscard]] Result<void> measure_phases(BenchRun& run, const Workspace& workspace,
                                          std::size_t session);

}  // namespace bothy::bench
