// Neighbours: how much longer a subject's requests take beside instances of the same subject that
// take as much as they get.
#pragma once

#include <string_view>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// The nanoseconds of each request, from what `probe victim` printed. Lines that aren't the probe's
// are skipped.
[[nodiscard]] std::vector<double> parse_requests(std::string_view text);

[[nodiscard]] Result<void> measure_neighbours(BenchRun& run);

}  // namespace bothy::bench
