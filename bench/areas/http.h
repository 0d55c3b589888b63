// Starts to the first HTTP answer.
#pragma once

#include "bench/areas/bench_run.h"

namespace bothy::bench {

[[nodiscard]] Result<void> measure_http(BenchRun& run, const Workspace& workspace,
                                        std::size_t session);

}  // namespace bothy::bench
