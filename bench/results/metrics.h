// Metric: what a figure is, how it is measured and where that method comes from. One line of a
// table each; reports and their footnotes follow from it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bothy::bench {

enum class Quantity { kTime, kRate, kBytes, kCount };
// Rates are better when they are larger, everything else when it is smaller.

// What a start's iterations are: repetitions of the same, or values for n = 1, 2, 3 ... instances,
// whose slope is the figure.
enum class Shape { kRepetitions, kCurve };

struct Metric {
  std::string_view name;   // "startup.first-byte"
  std::string_view title;  // for a table's row
  std::string_view unit;   // of the samples: "ns", "bytes", "bytes/s", "1/s", "ns/op", "count"
  Quantity quantity;
  std::string_view method;  // in a sentence
  Shape shape = Shape::kRepetitions;
};

[[nodiscard]] std::span<const Metric> metrics() noexcept;
// nullptr for an unknown name: a file of a newer bothy.
[[nodiscard]] const Metric* find_metric(std::string_view name) noexcept;

// A value of `metric` with a unit that fits: "12.3 ms", "4.51 MiB", "1.20 GB/s".
[[nodiscard]] std::string format_value(const Metric& metric, double value);
// With so many significant digits.
[[nodiscard]] double rounded(double value, int digits);

}  // namespace bothy::bench
