// Advice: what a microVM costs over a container and what it buys, for one image on one host, by
// what was measured. A sentence for each figure that the data carry; what they don't carry is told
// apart.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/results/results.h"

namespace bothy::bench {

// A difference smaller than this, with its whole interval, is none.
inline constexpr double kNoDifference = 0.05;

struct Advice {
  std::string image;
  std::string place;               // where and with what it was measured
  std::vector<std::string> costs;  // each with both figures, their ratio, its interval and validity
  std::vector<std::string> gains;
  std::vector<std::string> same;     // the interval is within kNoDifference
  std::vector<std::string> unknown;  // with the reason
};

// kUnsupported, with why, where no run has measured both a microVM and a container.
[[nodiscard]] Result<void> require_both(std::span<const Results> runs);

// Of runs of one image on one host; a figure is taken from the first that has it for both. A ratio
// is a cost or a gain when its interval is on one side of 1, and of times also of the A/A run's
// interval, and when each median has enough observations for an interval of its own. kInvalid for
// runs that can't be compared; otherwise as require_both().
[[nodiscard]] Result<Advice> advise(std::span<const Results> runs);

[[nodiscard]] std::string text_of(const Advice& advice);

}  // namespace bothy::bench
