#include "bench/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "bench/results/validity.h"
#include "bench/statistics/fit.h"

namespace bothy::bench {
namespace {

Random random_of(const Results& results) {
  const std::string text = results.text("run", "seed");
  std::uint64_t seed = 1;
  std::from_chars(text.data(), text.data() + text.size(), seed);
  return Random(seed);
}

std::vector<std::string> subjects_of(const Results& results) {
  std::vector<std::string> names;
  for (const MeasuredSubject& subject : results.subjects) {
    if (subject.measured) {
      names.push_back(subject.name);
    }
  }
  return names;
}

// bothy's container where there is one: it is what a microVM is weighed against.
std::size_t reference_of(const std::vector<std::string>& subjects) {
  for (const char* name : {"container", "process"}) {
    const auto found = std::ranges::find(subjects, name);
    if (found != subjects.end()) {
      return static_cast<std::size_t>(found - subjects.begin());
    }
  }
  return 0;
}

// A curve's iterations are its values for n = 1, 2, 3 ...
std::vector<Point> points_of(const Levels& samples) {
  std::vector<Point> points;
  for (const auto& session : samples) {
    for (const auto& curve : session) {
      for (std::size_t i = 0; i < curve.size(); ++i) {
        points.push_back({static_cast<double>(i + 1), curve[i]});
      }
    }
  }
  return points;
}

Cell make_cell(const Metric& metric, const Series& series, Random& random) {
  Cell cell;
  cell.series = &series;
  const std::vector<double> all = all_of(series.samples);
  if (metric.shape == Shape::kCurve) {
    if (const auto line = fit_line(points_of(series.samples), kResamples, random)) {
      cell.count = all.size();
      cell.value = line->slope;
      cell.interval = line->slope_interval;
      cell.fit = line->fit;
    }
    return cell;
  }
  cell.count = all.size();
  if (!all.empty()) {
    cell.value = median(all);
    if (const auto middle = quantile(all, 0.5)) {
      cell.interval = middle->interval;
    }
    cell.p90 = quantile(all, 0.9);
    cell.p99 = quantile(all, 0.99);
  }
  return cell;
}

// By number where the parameters are numbers: 10, 50, 100. Otherwise as they were measured.
bool comes_before(const Parameters& a, const Parameters& b) {
  if (a.empty() || b.empty()) {
    return a.size() < b.size();
  }
  if (a.begin()->first != b.begin()->first) {
    return a.begin()->first < b.begin()->first;
  }
  const std::string& x = a.begin()->second;
  const std::string& y = b.begin()->second;
  const bool numbers = (x + y).find_first_not_of("0123456789") == std::string::npos;
  return numbers && (x.size() != y.size() ? x.size() < y.size() : x < y);
}

// "0.0123", "1.23", "12.3", "123".
std::string three_digits(double value) {
  int decimals = 2;
  for (double scale = value; scale >= 9.995 && decimals > 0; scale /= 10) {
    --decimals;
  }
  for (double scale = value; scale > 0 && scale < 0.9995 && decimals < 6; scale *= 10) {
    ++decimals;
  }
  return fmt::format("{:.{}f}", value, decimals);
}

}  // namespace

std::string title_of(const Metric& metric, const Parameters& parameters) {
  std::string title(metric.title);
  const char* separator = " (";
  for (const auto& [name, value] : parameters) {
    title += fmt::format("{}{} {}", separator, name, value);
    separator = ", ";
  }
  return parameters.empty() ? title : title + ")";
}

std::optional<Ratio> ratio_of(const Metric& metric, const Series& a, const Series& b,
                              Random& random) {
  return metric.shape == Shape::kCurve
             ? ratio_of_slopes(points_of(a.samples), points_of(b.samples), kResamples, random)
             : ratio_of_medians(a.samples, b.samples, kResamples, random);
}

Table make_table(const Results& results) {
  Table table;
  table.subjects = subjects_of(results);
  table.reference = reference_of(table.subjects);
  Random random = random_of(results);
  for (const Metric& metric : metrics()) {
    std::vector<Parameters> all;
    for (const Series& series : results.series) {
      if (series.metric == metric.name && metric.name != "noise.first-byte" &&
          std::ranges::count(all, series.parameters) == 0) {
        all.push_back(series.parameters);
      }
    }
    std::ranges::stable_sort(all, comes_before);
    for (const Parameters& parameters : all) {
      Row row{&metric, title_of(metric, parameters), parameters, {}};
      for (const std::string& subject : table.subjects) {
        const Series* series = results.find(metric.name, subject, parameters);
        row.cells.push_back(series == nullptr ? Cell() : make_cell(metric, *series, random));
      }
      const Series* reference = row.cells.empty() ? nullptr : row.cells[table.reference].series;
      const bool carried = reference != nullptr && row.cells[table.reference].interval;
      for (Cell& cell : row.cells) {
        // A bootstrap of one or two observations has an interval as well, which says nothing.
        if (carried && cell.interval && cell.series != reference) {
          cell.ratio = ratio_of(metric, *reference, *cell.series, random);
        }
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::string shown(const Row& row, const Cell& cell) {
  if (cell.series == nullptr) {
    return "";
  }
  if (cell.count == 0) {
    if (!cell.series->failures.empty()) {
      return "failed";
    }
    return cell.series->validity == Validity::kNotMeasurable
               ? std::string(name_of(cell.series->validity))
               : "too few";
  }
  if (row.metric->shape == Shape::kCurve && cell.interval && cell.interval->lower <= 0) {
    return "within noise";
  }
  return format_value(*row.metric, cell.value);
}

std::string shown(const Ratio& ratio) {
  return fmt::format("x{} ({}-{})", three_digits(ratio.value), three_digits(ratio.interval.lower),
                     three_digits(ratio.interval.upper));
}

}  // namespace bothy::bench
