#include "bench/statistics/compare.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bothy::bench {
namespace {

void draw_session(const std::vector<std::vector<double>>& session, Random& random,
                  std::vector<double>& drawn) {
  for (std::size_t i = 0; i < session.size(); ++i) {
    const auto& start = session[random.below(session.size())];
    for (std::size_t j = 0; j < start.size(); ++j) {
      drawn.push_back(start[random.below(start.size())]);
    }
  }
}

Levels without_empty(const Levels& levels) {
  Levels kept;
  for (const auto& session : levels) {
    std::vector<std::vector<double>> starts;
    std::ranges::copy_if(session, std::back_inserter(starts),
                         [](const auto& start) { return !start.empty(); });
    if (!starts.empty()) {
      kept.push_back(std::move(starts));
    }
  }
  return kept;
}

bool usable(const Levels& levels) {
  const auto all = all_of(levels);
  return !all.empty() && std::ranges::all_of(all, [](double value) { return value > 0; });
}

// What is exchanged is reduced to its median's logarithm first: each unit counts once, however many
// observations it has.
std::vector<double> units_of(const Levels& levels, Exchanged exchanged) {
  std::vector<double> units;
  for (const auto& session : levels) {
    std::vector<double> medians;
    for (const auto& start : session) {
      medians.push_back(std::log(median(start)));
    }
    if (exchanged == Exchanged::kSessions) {
      units.push_back(median(std::move(medians)));
    } else {
      units.insert(units.end(), medians.begin(), medians.end());
    }
  }
  return units;
}

// Few sessions are compared by their mean: the medians of five take so few values that no exchange
// could be rare. Starts are many, and have outliers.
double centre(const double* begin, const double* end, Exchanged exchanged) {
  std::vector<double> units(begin, end);
  if (exchanged == Exchanged::kStarts) {
    return median(std::move(units));
  }
  return std::accumulate(begin, end, 0.0) / static_cast<double>(end - begin);
}

double difference(const std::vector<double>& logarithms, std::size_t first, Exchanged exchanged) {
  const double* begin = logarithms.data();
  return std::abs(centre(begin, begin + first, exchanged) -
                  centre(begin + first, begin + logarithms.size(), exchanged));
}

}  // namespace

std::vector<double> all_of(const Levels& levels) {
  std::vector<double> all;
  for (const auto& session : levels) {
    for (const auto& start : session) {
      all.insert(all.end(), start.begin(), start.end());
    }
  }
  return all;
}

std::size_t count_of(const Levels& levels) {
  std::size_t count = 0;
  for (const auto& session : levels) {
    for (const auto& start : session) {
      count += start.size();
    }
  }
  return count;
}

std::optional<Ratio> ratio_of_medians(const Levels& a, const Levels& b, std::size_t resamples,
                                      Random& random) {
  const Levels from = without_empty(a);
  const Levels to = without_empty(b);
  if (!usable(from) || !usable(to) || resamples == 0) {
    return std::nullopt;
  }
  const bool paired = from.size() == to.size();
  std::vector<double> ratios;
  std::vector<double> drawn_a;
  std::vector<double> drawn_b;
  for (std::size_t i = 0; i < resamples; ++i) {
    drawn_a.clear();
    drawn_b.clear();
    for (std::size_t j = 0; j < from.size(); ++j) {
      const std::size_t session = random.below(from.size());
      draw_session(from[session], random, drawn_a);
      if (paired) {
        draw_session(to[session], random, drawn_b);
      }
    }
    for (std::size_t j = 0; !paired && j < to.size(); ++j) {
      draw_session(to[random.below(to.size())], random, drawn_b);
    }
    ratios.push_back(median(drawn_b) / median(drawn_a));
  }
  std::sort(ratios.begin(), ratios.end());
  const auto at = [&](double share) {
    return ratios[static_cast<std::size_t>(
        std::lround(share * static_cast<double>(ratios.size() - 1)))];
  };
  constexpr double kTail = (1 - kConfidence) / 2;
  return Ratio{median(all_of(to)) / median(all_of(from)), {at(kTail), at(1 - kTail)}};
}

std::optional<PermutationTest> permutation_test(const Levels& a, const Levels& b,
                                                std::size_t permutations, Random& random) {
  const Levels from = without_empty(a);
  const Levels to = without_empty(b);
  if (!usable(from) || !usable(to)) {
    return std::nullopt;
  }
  PermutationTest test;
  test.exchanged = std::min(from.size(), to.size()) >= kSessionsToExchange ? Exchanged::kSessions
                                                                           : Exchanged::kStarts;
  std::vector<double> units = units_of(from, test.exchanged);
  const std::size_t first = units.size();
  const std::vector<double> others = units_of(to, test.exchanged);
  units.insert(units.end(), others.begin(), others.end());
  // Rounding must not make an equal difference a smaller one.
  const double observed = difference(units, first, test.exchanged) - 1e-12;
  std::size_t as_large = 0;
  for (std::size_t i = 0; i < permutations; ++i) {
    random.shuffle(units);
    as_large += difference(units, first, test.exchanged) >= observed ? 1 : 0;
  }
  test.p = static_cast<double>(as_large + 1) / static_cast<double>(permutations + 1);
  return test;
}

}  // namespace bothy::bench
