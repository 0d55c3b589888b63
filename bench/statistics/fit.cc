#include "bench/statistics/fit.h"

#include <algorithm>
#include <cmath>

namespace bothy::bench {
namespace {

struct Sums {
  double mean_x = 0;
  double mean_y = 0;
  double xx = 0;
  double xy = 0;
  double yy = 0;
};

Sums sums_of(const std::vector<Point>& points) {
  Sums sums;
  const double count = static_cast<double>(points.size());
  for (const Point& point : points) {
    sums.mean_x += point.x;
    sums.mean_y += point.y;
  }
  sums.mean_x /= count;
  sums.mean_y /= count;
  for (const Point& point : points) {
    const double x = point.x - sums.mean_x;
    const double y = point.y - sums.mean_y;
    sums.xx += x * x;
    sums.xy += x * y;
    sums.yy += y * y;
  }
  return sums;
}

// The slopes of lines through points drawn from these.
std::vector<double> slopes_of(const std::vector<Point>& points, std::size_t resamples,
                              Random& random) {
  std::vector<double> slopes;
  std::vector<Point> drawn(points.size());
  for (std::size_t i = 0; i < resamples; ++i) {
    std::ranges::generate(drawn, [&] { return points[random.below(points.size())]; });
    if (const Sums again = sums_of(drawn); again.xx > 0) {
      slopes.push_back(again.xy / again.xx);
    }
  }
  return slopes;
}

Interval percentiles(std::vector<double> values, double otherwise) {
  if (values.empty()) {
    return {otherwise, otherwise};
  }
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(
        std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  constexpr double kTail = (1 - kConfidence) / 2;
  return {at(kTail), at(1 - kTail)};
}

}  // namespace

std::optional<Line> fit_line(const std::vector<Point>& points, std::size_t resamples,
                             Random& random) {
  const Sums sums = sums_of(points);
  if (points.size() < kPointsForLine || sums.xx <= 0) {
    return std::nullopt;
  }
  Line line;
  line.slope = sums.xy / sums.xx;
  line.intercept = sums.mean_y - line.slope * sums.mean_x;
  // A horizontal line explains all that there is.
  line.fit = sums.yy > 0 ? sums.xy * sums.xy / (sums.xx * sums.yy) : 1;
  line.slope_interval = percentiles(slopes_of(points, resamples, random), line.slope);
  return line;
}

std::optional<Ratio> ratio_of_slopes(const std::vector<Point>& a, const std::vector<Point>& b,
                                     std::size_t resamples, Random& random) {
  const auto from = fit_line(a, 0, random);
  const auto to = fit_line(b, 0, random);
  if (!from || !to || from->slope <= 0) {
    return std::nullopt;
  }
  const std::vector<double> below = slopes_of(a, resamples, random);
  const std::vector<double> above = slopes_of(b, resamples, random);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(below.size(), above.size()); ++i) {
    if (below[i] <= 0) {
      return std::nullopt;
    }
    ratios.push_back(above[i] / below[i]);
  }
  const double ratio = to->slope / from->slope;
  return Ratio{ratio, percentiles(std::move(ratios), ratio)};
}

}  // namespace bothy::bench
