// `bothy bench [AREA]`: measures, and writes and prints what it has measured.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace bothy {

struct BenchFlags {
  std::string area = "all";
  std::vector<std::string> subjects;  // of --subject, separated by commas
  std::string image;
  std::vector<std::string> images;  // of --images, separated by commas
  std::string output;
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

// The exit status: 0 when everything was measured, 1 when starts failed or it was interrupted.
[[nodiscard]] Result<int> run_bench(const BenchFlags& flags);

}  // namespace bothy
