// Network: TCP between the host and an instance, by the network that a subject makes by default,
// and inside the instance as the control.
#pragma once

#include "bench/areas/bench_run.h"

namespace bothy::bench {

[[nodiscard]] Result<void> measure_network(BenchRun& run);

}  // namespace bothy::bench
