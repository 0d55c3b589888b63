// Inside: what system calls, processes, memory, files and the network cost the workload.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// What `probe inside` printed: for each measure its repetitions, in operations (or bytes) and
// nanoseconds, or why it failed. Lines that aren't the probe's, a console's, are skipped.
struct InsideOutput {
  struct Repetition {
    double operations = 0;
    double nanoseconds = 0;
  };
  std::map<std::string, std::vector<Repetition>> repetitions;
  std::map<std::string, std::string> failures;
};
[[nodiscard]] InsideOutput parse_inside(std::string_view text);

[[nodiscard]] Result<void> measure_inside(BenchRun& run);

}  // namespace bothy::bench
