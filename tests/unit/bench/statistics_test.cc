// Intervals and tests against distributions whose truth is known, with recorded seeds: the same
// numbers, and so the same verdict, on every machine.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

#include "bench/statistics/compare.h"
#include "bench/statistics/fit.h"
#include "bench/statistics/quantile.h"
#include "bench/statistics/random.h"
#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

// Exponential: skewed, as latencies are. Its quantile p is -ln(1 - p).
double exponential(Random& random) {
  return -std::log(1 - random.uniform());
}

double coverage_of_quantile(std::size_t n, double p, std::size_t experiments) {
  Random random(7);
  const double truth = -std::log(1 - p);
  std::size_t covered = 0;
  for (std::size_t i = 0; i < experiments; ++i) {
    std::vector<double> values(n);
    std::ranges::generate(values, [&] { return exponential(random); });
    const Quantile found = quantile(values, p).value();
    covered += found.interval.lower <= truth && truth <= found.interval.upper ? 1 : 0;
  }
  return static_cast<double>(covered) / static_cast<double>(experiments);
}

// `sessions` of `starts`, each around 10 with a spread of `noise`, times `factor`; sessions differ.
Levels start_times(Random& random, std::size_t sessions, std::size_t starts, double noise,
                   double factor) {
  Levels levels(sessions);
  for (std::size_t i = 0; i < sessions; ++i) {
    for (std::size_t j = 0; j < starts; ++j) {
      levels[i].push_back({factor * 10 * std::exp(noise * random.normal())});
    }
  }
  return levels;
}

double share_of(std::size_t experiments, const std::function<bool()>& holds) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < experiments; ++i) {
    count += holds() ? 1 : 0;
  }
  return static_cast<double>(count) / static_cast<double>(experiments);
}

}  // namespace

TEST_CASE("Random numbers are the same for a seed on every machine") {
  Random random(1);
  // The first of std::mt19937_64 for the seed 1 is fixed by its definition.
  CHECK(random.below(1'000'000) == 2469588189546311528ULL % 1'000'000);
  std::vector<int> order{0, 1, 2, 3, 4, 5, 6, 7};
  random.shuffle(order);
  std::vector<int> again{0, 1, 2, 3, 4, 5, 6, 7};
  Random same(1);
  CHECK(same.below(1'000'000) == 2469588189546311528ULL % 1'000'000);
  same.shuffle(again);
  CHECK(order == again);
}

TEST_CASE("A bounded random number has no favourites") {
  Random random(2);
  std::vector<std::size_t> counts(6);
  for (int i = 0; i < 60'000; ++i) {
    ++counts[random.below(6)];
  }
  // Five standard deviations of a binomial count.
  for (const std::size_t count : counts) {
    CHECK(std::abs(static_cast<double>(count) - 10'000) < 5 * 92);
  }
}

TEST_CASE("The median is the middle, or the mean of the two in the middle") {
  CHECK(median({3}) == 3);
  CHECK(median({4, 1, 3}) == 3);
  CHECK(median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("The binomial distribution agrees with exact values") {
  CHECK(binomial_cumulative(0, 5, 0.5) == Approx(1.0 / 32));
  CHECK(binomial_cumulative(2, 5, 0.5) == Approx(0.5));
  CHECK(binomial_cumulative(5, 5, 0.5) == 1);
  CHECK(binomial_cumulative(2999, 3000, 0.99) == Approx(1 - std::pow(0.99, 3000)));
}

TEST_CASE("A quantile that the sample can't carry is refused") {
  CHECK(samples_for(0.5) == 6);
  CHECK(samples_for(0.9) == 29);
  CHECK(samples_for(0.99) == 299);
  CHECK(!quantile(std::vector<double>(298, 1.0), 0.99));
  CHECK(quantile(std::vector<double>(299, 1.0), 0.99));
  CHECK(!quantile({}, 0.5));
}

TEST_CASE("The ranks for the median are those of the tables") {
  // Conover's table of the binomial: n = 10: ranks 2 and 9; n = 20: 6 and 15.
  CHECK(quantile_ranks(10, 0.5)->lower == 2);
  CHECK(quantile_ranks(10, 0.5)->upper == 9);
  CHECK(quantile_ranks(20, 0.5)->lower == 6);
  CHECK(quantile_ranks(20, 0.5)->upper == 15);
}

TEST_CASE("Intervals of quantiles cover the truth as often as they say") {
  // Discrete ranks cover at least 95 %, and not much more; the margins are three standard errors.
  for (const auto& [n, p] : std::vector<std::pair<std::size_t, double>>{
           {6, 0.5}, {30, 0.5}, {150, 0.5}, {29, 0.9}, {100, 0.9}, {299, 0.99}, {600, 0.99}}) {
    INFO("n = " << n << ", p = " << p);
    const double covered = coverage_of_quantile(n, p, 500);
    CHECK(covered >= 0.95 - 0.03);
    CHECK(covered <= 0.996);
  }
}

TEST_CASE("Intervals of the ratio of medians cover the truth") {
  Random random(11);
  const double covered = share_of(120, [&] {
    const Levels a = start_times(random, 1, 30, 0.2, 1);
    const Levels b = start_times(random, 1, 30, 0.2, 1.3);
    const Ratio ratio = ratio_of_medians(a, b, 200, random).value();
    return ratio.interval.lower <= 1.3 && 1.3 <= ratio.interval.upper;
  });
  CHECK(covered >= 0.90);
  CHECK(covered <= 0.99);
}

TEST_CASE("What a session does to both samples is no difference between them") {
  Random random(12);
  // Sessions differ by a factor of up to two, the samples by 10 %.
  Levels a;
  Levels b;
  for (int i = 0; i < 5; ++i) {
    const double session = 1 + random.uniform();
    a.push_back(start_times(random, 1, 20, 0.03, session)[0]);
    b.push_back(start_times(random, 1, 20, 0.03, 1.1 * session)[0]);
  }
  const Ratio ratio = ratio_of_medians(a, b, 1000, random).value();
  CHECK(ratio.interval.lower > 1.0);
  CHECK(ratio.interval.upper < 1.25);
}

TEST_CASE("A sample beside itself is null, and a shift of a tenth is found") {
  Random random(13);
  const auto alarms = [&](double factor, std::size_t sessions) {
    return share_of(60, [&] {
      const Levels a = start_times(random, sessions, 30, 0.1, 1);
      const Levels b = start_times(random, sessions, 30, 0.1, factor);
      return permutation_test(a, b, 199, random)->p <= 0.05;
    });
  };
  // A test at 5 % alarms for nothing in 5 of 100, and, by chance, hardly in more than 15.
  CHECK(alarms(1, 1) <= 0.15);
  CHECK(alarms(1, 5) <= 0.15);
  CHECK(alarms(1.1, 1) >= 0.75);
  CHECK(alarms(1.1, 5) >= 0.95);
}

TEST_CASE("Whole sessions are exchanged where there are enough: their drift is no difference") {
  Random random(14);
  const auto drifting = [&] {
    Levels levels;
    for (int i = 0; i < 5; ++i) {
      levels.push_back(start_times(random, 1, 30, 0.02, std::exp(0.3 * random.normal()))[0]);
    }
    return levels;
  };
  const double alarms = share_of(100, [&] {
    const auto test = permutation_test(drifting(), drifting(), 199, random);
    CHECK(test->exchanged == Exchanged::kSessions);
    return test->p <= 0.05;
  });
  CHECK(alarms <= 0.12);
}

TEST_CASE("Nothing is concluded from an empty sample") {
  Random random(15);
  const Levels one{{{1, 2, 3}}};
  CHECK(!ratio_of_medians({}, one, 100, random));
  CHECK(!ratio_of_medians(one, {{{}}}, 100, random));
  CHECK(!permutation_test(one, {{}}, 100, random));
  CHECK(!ratio_of_medians({{{0, 0}}}, one, 100, random));
}

TEST_CASE("A line's slope has an interval that covers it") {
  Random random(16);
  const double covered = share_of(200, [&] {
    std::vector<Point> points;
    for (int n = 1; n <= 20; ++n) {
      points.push_back({static_cast<double>(n), 100 + 12.0 * n + 3 * random.normal()});
    }
    const Line line = fit_line(points, 200, random).value();
    CHECK(line.fit > 0.95);
    return line.slope_interval.lower <= 12 && 12 <= line.slope_interval.upper;
  });
  CHECK(covered >= 0.87);
  std::vector<Point> one;
  std::vector<Point> two;
  for (int n = 1; n <= 20; ++n) {
    one.push_back({static_cast<double>(n), 12.0 * n + random.normal()});
    two.push_back({static_cast<double>(n), 24.0 * n + random.normal()});
  }
  const Ratio ratio = ratio_of_slopes(one, two, 200, random).value();
  CHECK(ratio.interval.lower > 1.9);
  CHECK(ratio.interval.upper < 2.1);
  CHECK(!ratio_of_slopes({}, two, 200, random));
  CHECK(!fit_line({{1, 1}, {2, 2}}, 10, random));
  CHECK(!fit_line(std::vector<Point>(10, Point{1, 1}), 10, random));
}

}  // namespace bothy::bench
