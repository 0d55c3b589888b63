// Storage: what writing, making durable and reading costs on a subject's root, a volume and a disk.
#pragma once

#include <string>
#include <string_view>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// The type of file system that `probe storage` says it writes on; empty without that.
[[nodiscard]] std::string parse_file_system(std::string_view text);

[[nodiscard]] Result<void> measure_storage(BenchRun& run);

}  // namespace bothy::bench
