// `bothy bench [AREA]`: measures, and writes and prints what it has measured.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/results/results.h"

namespace bothy {

struct BenchFlags {
  std::vector<std::string> areas;     // none: all
  std::vector<std::string> subjects;  // of --subject, separated by commas
  std::string image;
  std::vector<std::string> images;  // of --images, separated by commas
  std::string output;
  std::string baseline;  // earlier results to compare with; empty: none
  std::string kernel;
  std::string memory = "128M";
  std::size_t sessions = 0;  // 0: the default, which --quick makes smaller
  std::size_t runs = 0;
  std::size_t instances = 0;
  std::uint64_t seed = 0;  // 0: a new one
  bool quick = false;
  bool json = false;
};

// The areas that bench_main() knows, in their order.
[[nodiscard]] std::vector<std::string> bench_areas();

// Of a path of the command line; an empty one stays so.
[[nodiscard]] Result<std::string> absolute_path(const std::string& path);

struct Measured {
  bench::Results results;
  std::string output;  // their directory
  bool interrupted = false;
};
// Measures, and writes the files of OUTPUT. `check` sees what will be measured, on what host,
// before anything is: its error ends the run.
using BenchCheck = std::function<Result<void>(const bench::Results& described)>;
[[nodiscard]] Result<Measured> measure_bench(const BenchFlags& flags, const BenchCheck& check);

// Measures, and prints a report, or with a baseline the comparison. The exit status: 0 when
// everything was measured, 1 when starts failed or it was interrupted; with a baseline that of
// compare_runs(), where what failed is inconclusive.
[[nodiscard]] Result<int> run_bench(const BenchFlags& flags);

}  // namespace bothy
