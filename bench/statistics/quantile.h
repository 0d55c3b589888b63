// Quantiles of a sample, with intervals that assume nothing about its distribution.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace bothy::bench {

inline constexpr double kConfidence = 0.95;

// The ranks (from 1 on) of the two observations between which the quantile lies with at least the
// given confidence.
struct Ranks {
  std::size_t lower = 0;
  std::size_t upper = 0;
};

struct Interval {
  double lower = 0;
  double upper = 0;
};

struct Quantile {
  double value = 0;
  Interval interval;
};

// The probability that at most `k` of `n` independent observations lie below the quantile `p`.
[[nodiscard]] double binomial_cumulative(std::size_t k, std::size_t n, double p);

// Order-statistic interval (Conover, Practical Nonparametric Statistics, 3.2): with B the binomial
// number of observations below the quantile, P(lower <= B < upper) is the coverage. The tails are
// of equal probability where n allows; otherwise the upper rank is n, and the lower tail gets what
// is left. Nothing where n is too small for any: below 6 for the median, 29 for p90, 299 for p99.
[[nodiscard]] std::optional<Ranks> quantile_ranks(std::size_t n, double p,
                                                  double confidence = kConfidence);
// The smallest n for which quantile_ranks() has an answer.
[[nodiscard]] std::size_t samples_for(double p, double confidence = kConfidence);

// `values` is not empty. The mean of the two in the middle when there is an even number.
[[nodiscard]] double median(std::vector<double> values);
// Nothing when so few values can't carry this quantile.
[[nodiscard]] std::optional<Quantile> quantile(std::vector<double> values, double p,
                                               double confidence = kConfidence);

}  // namespace bothy::bench
