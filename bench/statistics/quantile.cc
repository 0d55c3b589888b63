#include "bench/statistics/quantile.h"

#include <algorithm>
#include <cmath>

namespace bothy::bench {

namespace {

// P(B <= k) for k = 0 ... n. By logarithms: the coefficients of a few thousand observations exceed
// any double.
std::vector<double> cumulative(std::size_t n, double p) {
  const double count = static_cast<double>(n);
  std::vector<double> sums(n + 1);
  double sum = 0;
  for (std::size_t k = 0; k <= n; ++k) {
    const double hits = static_cast<double>(k);
    sum += std::exp(std::lgamma(count + 1) - std::lgamma(hits + 1) - std::lgamma(count - hits + 1) +
                    hits * std::log(p) + (count - hits) * std::log1p(-p));
    sums[k] = std::min(sum, 1.0);
  }
  sums[n] = 1;
  return sums;
}

}  // namespace

double binomial_cumulative(std::size_t k, std::size_t n, double p) {
  return k >= n ? 1 : cumulative(n, p)[k];
}

std::optional<Ranks> quantile_ranks(std::size_t n, double p, double confidence) {
  const double error = 1 - confidence;
  // The risk that the quantile lies at or above the largest observation.
  double upper_risk = std::pow(p, static_cast<double>(n));
  if (n == 0 || p <= 0 || p >= 1 || upper_risk > error) {
    return std::nullopt;
  }
  const std::vector<double> at_most = cumulative(n, p);
  std::size_t upper = n;
  while (upper > 1 && 1 - at_most[upper - 2] <= error / 2) {
    --upper;
    upper_risk = 1 - at_most[upper - 1];
  }
  // Equal tails, unless the upper one takes more than its half, and leaves less.
  const double lower_risk = std::min(error / 2, error - upper_risk);
  std::size_t lower = 0;
  while (lower + 1 < upper && at_most[lower] <= lower_risk) {
    ++lower;
  }
  return lower == 0 ? std::nullopt : std::optional(Ranks{lower, upper});
}

std::size_t samples_for(double p, double confidence) {
  std::size_t n = 1;
  while (!quantile_ranks(n, p, confidence)) {
    ++n;
  }
  return n;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) {
    return *middle;
  }
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

std::optional<Quantile> quantile(std::vector<double> values, double p, double confidence) {
  const auto ranks = quantile_ranks(values.size(), p, confidence);
  if (!ranks) {
    return std::nullopt;
  }
  std::sort(values.begin(), values.end());
  const auto rank =
      static_cast<std::size_t>(std::ceil(p * static_cast<double>(values.size()) - 1e-9));
  const double value = p == 0.5 ? median(values) : values[std::max<std::size_t>(rank, 1) - 1];
  return Quantile{value, {values[ranks->lower - 1], values[ranks->upper - 1]}};
}

}  // namespace bothy::bench
