// Start-up: alone, to the first HTTP answer, by phase, many at once, and with others running.
#pragma once

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// One subject under two names, interleaved as two subjects are: what differs is noise. Comes before
// everything else, and decides what the other figures are valid for.
[[nodiscard]] Result<void> measure_noise(BenchRun& run);

[[nodiscard]] Result<void> measure_startup(BenchRun& run);

}  // namespace bothy::bench
