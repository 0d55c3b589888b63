// Two runs compared: what became slower, larger, or stayed the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/results/metrics.h"
#include "bench/results/results.h"

namespace bothy::bench {

enum class Change { kSlower, kFaster, kSame, kInconclusive };
[[nodiscard]] std::string_view name_of(Change change) noexcept;

struct Difference {
  const Metric* metric = nullptr;
  std::string subject;
  std::string title;  // of metric and parameters
  Ratio ratio;        // new over old
  double p = 1;       // of the permutation test; 1 for a curve
  Change change = Change::kInconclusive;
};

struct Comparison {
  double threshold = 0;  // 0.05: five percent
  std::vector<Difference> differences;
  std::vector<std::string> notes;  // what is to be known of it
};

// kInvalid, with what differs, for runs of another host class, processor, kernel or configuration.
[[nodiscard]] Result<void> require_comparable(const Results& before, const Results& after);
// The ratio as a cost: for a rate, half as much is twice as slow.
[[nodiscard]] Interval as_cost(const Metric& metric, const Ratio& ratio);

// What both have measured. Slower (for sizes: larger): the ratio is beyond the threshold, its
// interval is above 1, and a permutation test of this figure says at 5 % that it isn't chance.
// Same: the interval is within the threshold. Otherwise inconclusive. Curves have no permutation
// test. kInvalid for runs that can't be compared.
[[nodiscard]] Result<Comparison> compare(const Results& before, const Results& after,
                                         double threshold);

[[nodiscard]] std::string text_of(const Comparison& comparison);

}  // namespace bothy::bench
