// Portability: what an image takes until it runs, and which images start at all.
#pragma once

#include <string>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// A name for each of these directories: the end of its path, with as much before it as tells it
// from the others, and the whole path where nothing does.
[[nodiscard]] std::vector<std::string> image_names(const std::vector<std::string>& directories);

[[nodiscard]] Result<void> measure_portability(BenchRun& run);

}  // namespace bothy::bench
