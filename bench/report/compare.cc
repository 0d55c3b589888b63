#include "bench/report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "base/files.h"
#include "bench/report/table.h"
#include "bench/results/validity.h"

namespace bothy::bench {
namespace {

constexpr double kSignificance = 0.05;

Result<void> require_equal(const Results& before, const Results& after, std::string_view section,
                           std::string_view name) {
  const std::string old_value = before.text(section, name);
  const std::string new_value = after.text(section, name);
  if (old_value != new_value) {
    return make_error(ErrorCode::kInvalid,
                      "these runs can't be compared: {} {} is '{}' in one, '{}' in the other",
                      section, name, printable(old_value), printable(new_value));
  }
  return success();
}

Change judge(const Difference& difference, double threshold) {
  const Metric& metric = *difference.metric;
  const Interval cost = as_cost(metric, difference.ratio);
  const double value =
      metric.quantity == Quantity::kRate ? 1 / difference.ratio.value : difference.ratio.value;
  const double limit = 1 + threshold;
  if (cost.lower >= 1 / limit && cost.upper <= limit) {
    return Change::kSame;
  }
  const bool significant = metric.shape == Shape::kCurve || difference.p <= kSignificance;
  if (significant && value > limit && cost.lower > 1) {
    return Change::kSlower;
  }
  if (significant && value < 1 / limit && cost.upper < 1) {
    return Change::kFaster;
  }
  return Change::kInconclusive;
}

}  // namespace

Result<void> require_comparable(const Results& before, const Results& after) {
  for (const char* name : {"class", "processor", "processors", "kernel", "memory", "cgroups"}) {
    BOTHY_TRY(require_equal(before, after, "host", name));
  }
  for (const char* name : {"image", "kernel", "memory, MiB", "processors", "containers have limits",
                           "bundles have a device filter"}) {
    BOTHY_TRY(require_equal(before, after, "configuration", name));
  }
  return success();
}

Interval as_cost(const Metric& metric, const Ratio& ratio) {
  return metric.quantity == Quantity::kRate
             ? Interval{1 / ratio.interval.upper, 1 / ratio.interval.lower}
             : ratio.interval;
}

std::string_view name_of(Change change) noexcept {
  switch (change) {
    case Change::kSlower:
      return "slower";
    case Change::kFaster:
      return "faster";
    case Change::kSame:
      return "same";
    case Change::kInconclusive:
      return "inconclusive";
  }
  return "";
}

Result<Comparison> compare(const Results& before, const Results& after, double threshold) {
  BOTHY_TRY(require_comparable(before, after));
  Comparison comparison;
  comparison.threshold = threshold;
  Random random(1);  // the same verdict for the same files
  bool drift = false;
  for (const Series& old_series : before.series) {
    const Series* new_series =
        after.find(old_series.metric, old_series.subject, old_series.parameters);
    const Metric* metric = find_metric(old_series.metric);
    // Phases overlap what a start takes in all, which is compared.
    if (new_series == nullptr || metric == nullptr || metric->name == "noise.first-byte" ||
        metric->name == "startup.phase") {
      continue;
    }
    const auto ratio = ratio_of(*metric, old_series, *new_series, random);
    if (!ratio) {
      continue;
    }
    Difference difference{
        metric, old_series.subject,   title_of(*metric, old_series.parameters), *ratio,
        1,      Change::kInconclusive};
    if (metric->shape == Shape::kRepetitions) {
      if (const auto test =
              permutation_test(old_series.samples, new_series->samples, kResamples, random)) {
        difference.p = test->p;
        drift = drift || test->exchanged == Exchanged::kStarts;
      }
    }
    difference.change = judge(difference, threshold);
    comparison.differences.push_back(std::move(difference));
  }
  if (comparison.differences.empty()) {
    return make_error(ErrorCode::kInvalid, "these runs have measured nothing in common");
  }
  if (drift) {
    comparison.notes.emplace_back(fmt::format(
        "fewer than {} sessions: starts were exchanged by the test, so a drift of the host between "
        "the runs counts as a difference",
        kSessionsToExchange));
  }
  for (const auto& [name, results] : {std::pair("old", &before), std::pair("new", &after)}) {
    if (results->text("noise", "null") == "false") {
      comparison.notes.emplace_back(
          fmt::format("the {} run's A/A run was not null: its host was noisy", name));
    }
  }
  return comparison;
}

std::string text_of(const Comparison& comparison) {
  std::size_t title = 0;
  std::size_t subject = 0;
  for (const Difference& each : comparison.differences) {
    title = std::max(title, each.title.size());
    subject = std::max(subject, each.subject.size());
  }
  std::string text;
  std::array<std::size_t, 4> counts{};
  for (const Difference& each : comparison.differences) {
    ++counts[static_cast<std::size_t>(each.change)];
    text += fmt::format("{:<12}  {:<{}}  {:<{}}  {}", name_of(each.change), each.title, title,
                        each.subject, subject, shown(each.ratio));
    text += each.metric->shape == Shape::kCurve ? "\n" : fmt::format("  p {:.3f}\n", each.p);
  }
  text += fmt::format(
      "\n{} slower, {} faster, {} the same, {} inconclusive; threshold {:.1f} %, new over old\n",
      counts[0], counts[1], counts[2], counts[3], comparison.threshold * 100);
  for (const std::string& note : comparison.notes) {
    text += note + "\n";
  }
  return text;
}

}  // namespace bothy::bench
