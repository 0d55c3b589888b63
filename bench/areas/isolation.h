// Isolation, as a vector: system calls that get through, ways out that are tried, what a workload
// sees of the host.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// A way out that was tried (bench/probe/escape.h).
struct Tried {
  std::string name;
  bool allowed = false;
  std::string detail;
};
// What `probe escape` printed; a console's lines are skipped.
[[nodiscard]] std::vector<Tried> parse_escape(std::string_view text);
// What `probe facts` printed: by name.
[[nodiscard]] std::map<std::string, std::string> parse_facts(std::string_view text);

[[nodiscard]] Result<void> measure_isolation(BenchRun& run);

}  // namespace bothy::bench
