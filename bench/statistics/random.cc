#include "bench/statistics/random.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace bothy::bench {

std::uint64_t Random::below(std::uint64_t bound) {
  // Numbers from the last, incomplete run of `bound` would favour the small remainders.
  const std::uint64_t complete =
      std::numeric_limits<std::uint64_t>::max() - std::numeric_limits<std::uint64_t>::max() % bound;
  std::uint64_t number = engine_();
  while (number >= complete) {
    number = engine_();
  }
  return number % bound;
}

double Random::uniform() {
  constexpr unsigned kBits = std::numeric_limits<double>::digits;
  return std::ldexp(static_cast<double>(engine_() >> (64U - kBits)), -static_cast<int>(kBits));
}

double Random::normal() {
  // 1 - uniform() is never 0, whose logarithm doesn't exist.
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace bothy::bench
