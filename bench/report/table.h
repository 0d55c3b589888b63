// The tables of a report, from which its text, Markdown, CSV and HTML are written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/results/metrics.h"
#include "bench/results/results.h"

namespace bothy::bench {

// One subject's figure.
struct Cell {
  const Series* series = nullptr;    // null: not measured
  std::size_t count = 0;             // observations
  double value = 0;                  // the median; of a curve the slope
  std::optional<Interval> interval;  // of that; nothing where so few carry none
  double fit = 0;                    // r squared, of a curve
  std::optional<Quantile> p90;
  std::optional<Quantile> p99;
  std::optional<Ratio> ratio;  // to the reference subject's; nothing for that one itself
};

// One metric with its parameters.
struct Row {
  const Metric* metric = nullptr;
  std::string title;  // with the parameters
  Parameters parameters;
  std::vector<Cell> cells;  // as Table::subjects
};

struct Table {
  std::vector<std::string> subjects;  // those with a figure, in the order of the run
  std::size_t reference = 0;          // in subjects: that of the ratios
  std::vector<Row> rows;
};

// Of all series but those of the A/A run. Bootstraps draw from the run's seed: the same report for
// the same file. Refers to `results`.
[[nodiscard]] Table make_table(const Results& results);

// "start to the command's end (at once 10)"
[[nodiscard]] std::string title_of(const Metric& metric, const Parameters& parameters);
// The ratio of medians, or of a curve's slopes.
[[nodiscard]] std::optional<Ratio> ratio_of(const Metric& metric, const Series& a, const Series& b,
                                            Random& random);

// What a cell shows: its value, or why there is none.
[[nodiscard]] std::string shown(const Row& row, const Cell& cell);
// "x1.43 (1.38-1.51)"
[[nodiscard]] std::string shown(const Ratio& ratio);

}  // namespace bothy::bench
