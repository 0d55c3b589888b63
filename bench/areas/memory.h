// Memory: what one more idle instance takes, as the slope of curves over their number.
#pragma once

#include "bench/areas/bench_run.h"

namespace bothy::bench {

[[nodiscard]] Result<void> measure_memory(BenchRun& run);

}  // namespace bothy::bench
