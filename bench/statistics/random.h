// Random: numbers that a recorded seed repeats on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace bothy::bench {

// The C++ standard fixes what std::mt19937_64 gives for a seed, but not what its distributions make
// of that, so these are written out. One thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // Each of 0 ... bound - 1 with the same probability; `bound` is at least 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  // At least 0, less than 1, in steps of 2^-53.
  [[nodiscard]] double uniform();
  // Of mean 0 and variance 1 (Box and Muller).
  [[nodiscard]] double normal();

  // Each order with the same probability (Fisher and Yates).
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t left = values.size(); left > 1; --left) {
      std::swap(values[left - 1], values[below(left)]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace bothy::bench
