// Two samples compared: the ratio of their medians, and whether a difference may be chance.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bench/statistics/quantile.h"
#include "bench/statistics/random.h"

namespace bothy::bench {

// Observations by session, start and iteration. Those of one start have more in common than those
// of two, and those of one session more than those of two, so they are drawn level by level.
using Levels = std::vector<std::vector<std::vector<double>>>;

[[nodiscard]] std::vector<double> all_of(const Levels& levels);
[[nodiscard]] std::size_t count_of(const Levels& levels);

struct Ratio {
  double value = 0;
  Interval interval;  // of kConfidence
};

// The median of `b` over that of `a`, with the percentile interval of a hierarchical bootstrap
// (Efron and Tibshirani, 1993, 8 and 13). Where both have the same number of sessions, these are
// drawn together: what a session did to one it did to the other. One session alone says nothing of
// the difference between sessions. Nothing when a sample is empty or has a value that isn't
// positive.
[[nodiscard]] std::optional<Ratio> ratio_of_medians(const Levels& a, const Levels& b,
                                                    std::size_t resamples, Random& random);

// What is exchanged between the two samples under the hypothesis that they don't differ.
enum class Exchanged { kSessions, kStarts };
struct PermutationTest {
  double p = 1;  // two-sided, of the logarithm of their ratio
  Exchanged exchanged = Exchanged::kStarts;
};
// Whole sessions are exchanged when both samples have at least kSessionsToExchange: it takes that
// many for a p below 0.05. Otherwise starts are, which takes a drift between two runs for a
// difference. Nothing when a sample is empty or has a value that isn't positive.
inline constexpr std::size_t kSessionsToExchange = 4;
[[nodiscard]] std::optional<PermutationTest> permutation_test(const Levels& a, const Levels& b,
                                                              std::size_t permutations,
                                                              Random& random);

}  // namespace bothy::bench
