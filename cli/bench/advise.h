// `bothy bench advise`: what a microVM costs over a container, and what it buys.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/bench/measure.h"

namespace bothy {

struct AdviseFlags {
  BenchFlags measure;                    // the image, and how it is measured without directories
  std::vector<std::string> directories;  // of earlier results; none: it is measured, quickly
};
// Prints the advice.
[[nodiscard]] Result<int> advise_runs(const AdviseFlags& flags);

}  // namespace bothy
