#include "bench/areas/inside.h"

#include <charconv>
#include <chrono>
#include <optional>

#include "bench/results/metrics.h"

namespace bothy::bench {
namespace {

constexpr std::string_view kPrefix = "inside.";
constexpr std::chrono::minutes kLimit{5};

// All measures of the table, by the probe's names, in a new random order.
std::vector<std::string> shuffled_measures(Random& random) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics()) {
    if (metric.name.starts_with(kPrefix)) {
      names.emplace_back(metric.name.substr(kPrefix.size()));
    }
  }
  random.shuffle(names);
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ",") + name;
  }
  return text;
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value > 0
             ? std::optional(value)
             : std::nullopt;
}

void record(BenchRun& run, const Subject& subject, std::size_t session,
            const InsideOutput& output) {
  for (const auto& [name, repetitions] : output.repetitions) {
    const Metric* metric = find_metric(std::string(kPrefix) + name);
    if (metric == nullptr) {
      continue;
    }
    std::vector<double> values;
    for (const auto& each : repetitions) {
      values.push_back(metric->quantity == Quantity::kRate
                           ? each.operations * 1e9 / each.nanoseconds
                           : each.nanoseconds / each.operations);
    }
    run.add(subject, metric->name, {}, session, std::move(values));
  }
  for (const auto& [name, failure] : output.failures) {
    if (const Metric* metric = find_metric(std::string(kPrefix) + name)) {
      run.add_failure(subject, metric->name, {}, failure);
    }
  }
}

Result<void> measure_subject(BenchRun& run, const Subject& subject, const Workspace& workspace,
                             std::size_t session) {
  const std::vector<std::string> names = shuffled_measures(run.random());
  bool measurable = true;
  for (const std::string& name : names) {
    measurable = run.measurable(subject, std::string(kPrefix) + name) && measurable;
  }
  if (!measurable) {
    return success();
  }
  const bool quick = run.options().quick;
  BOTHY_TRY(const Invocation invocation,
            subject.run(workspace, run.new_id(),
                        {"inside", joined(names), quick ? "3" : "5", quick ? "10" : "50"}));
  const Batch batch =
      run_starts(run.bench(), {invocation}, {"end", subject.success_text(), kLimit});
  if (batch.interrupted) {
    return success();
  }
  const Start& start = batch.starts[0];
  if (start.failure.empty()) {
    record(run, subject, session, parse_inside(start.output));
  } else {
    run.add_failure(subject, "inside.syscall", {}, start.failure);
  }
  return success();
}

}  // namespace

InsideOutput parse_inside(std::string_view text) {
  InsideOutput output;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    const auto space = line.find(' ');
    if (space == std::string_view::npos) {
      continue;
    }
    const std::string name(line.substr(0, space));
    const std::string_view rest = line.substr(space + 1);
    if (rest.starts_with("failed: ")) {
      output.failures.emplace(name, rest.substr(8));
      continue;
    }
    const auto second = rest.find(' ');
    const auto operations = number(rest.substr(0, second));
    const auto nanoseconds =
        second == std::string_view::npos ? std::nullopt : number(rest.substr(second + 1));
    if (operations && nanoseconds) {
      output.repetitions[name].push_back({*operations, *nanoseconds});
    }
  }
  return output;
}

Result<void> measure_inside(BenchRun& run) {
  // Each start repeats each measure: fewer starts than of start-ups will do.
  const std::size_t rounds = run.options().quick ? 1 : 2;
  const std::size_t sessions = run.options().sessions;
  return run.each_session(sessions,
                          [&](const Workspace& workspace, std::size_t session) -> Result<void> {
                            for (std::size_t round = 0; round < rounds; ++round) {
                              for (Subject* subject : run.shuffled()) {
                                if (run.interrupted()) {
                                  return success();
                                }
                                run.progress("inside", session * rounds + round, sessions * rounds);
                                BOTHY_TRY(measure_subject(run, *subject, workspace, session));
                              }
                            }
                            return success();
                          });
}

}  // namespace bothy::bench
