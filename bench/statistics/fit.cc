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
  std::vector<double> slopes;
  std::vector<Point> drawn(points.size());
  for (std::size_t i = 0; i < resamples; ++i) {
    std::ranges::generate(drawn, [&] { return points[random.below(points.size())]; });
    if (const Sums again = sums_of(drawn); again.xx > 0) {
      slopes.push_back(again.xy / again.xx);
    }
  }
  std::ranges::sort(slopes);
  const auto at = [&](double share) {
    return slopes.empty() ? line.slope
                          : slopes[static_cast<std::size_t>(
                                std::lround(share * static_cast<double>(slopes.size() - 1)))];
  };
  constexpr double kTail = (1 - kConfidence) / 2;
  line.slope_interval = {at(kTail), at(1 - kTail)};
  return line;
}

}  // namespace bothy::bench
