// A straight line through points: memory over the number of instances.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bench/statistics/compare.h"
#include "bench/statistics/quantile.h"
#include "bench/statistics/random.h"

namespace bothy::bench {

struct Point {
  double x = 0;
  double y = 0;
};

struct Line {
  double slope = 0;
  Interval slope_interval;  // of kConfidence
  double intercept = 0;
  double fit = 0;  // r squared: the share of y's variance that the line explains
};

inline constexpr std::size_t kPointsForLine = 5;

// Least squares; the slope's interval by a bootstrap of the points. Nothing for fewer than
// kPointsForLine points or for one x alone.
[[nodiscard]] std::optional<Line> fit_line(const std::vector<Point>& points, std::size_t resamples,
                                           Random& random);

// The slope of `b` over that of `a`, with an interval by the same bootstrap. Nothing where one has
// no line or `a`'s isn't above 0 in all of its resamples.
[[nodiscard]] std::optional<Ratio> ratio_of_slopes(const std::vector<Point>& a,
                                                   const std::vector<Point>& b,
                                                   std::size_t resamples, Random& random);

}  // namespace bothy::bench
