// Density: how many instances run at once, until something stops it, and whether they go away.
#pragma once

#include "bench/areas/bench_run.h"

namespace bothy::bench {

[[nodiscard]] Result<void> measure_density(BenchRun& run);

}  // namespace bothy::bench
