#include "bench/areas/inside.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <optional>

#include "bench/areas/take_line.h"
#include "bench/results/metrics.h"

namespace bothy::bench {
namespace {

constexpr std::string_view kPrefix = "inside.";
constexpr std::chrono::minutes kLimit{5};

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value > 0
             ? std::optional(value)
             : std::nullopt;
}

void record_output(BenchRun& run, const Subject& subject, std::string_view prefix,
                   const Parameters& parameters, std::size_t session, const InsideOutput& output) {
  for (const auto& [name, repetitions] : output.repetitions) {
    const Metric* metric = find_metric(std::string(prefix) + name);
    if (metric == nullptr) {
      continue;
    }
    std::vector<double> values;
    for (const auto& each : repetitions) {
      values.push_back(metric->quantity == Quantity::kRate
                           ? each.operations * 1e9 / each.nanoseconds
                           : each.nanoseconds / each.operations);
    }
    run.add(subject, metric->name, parameters, session, std::move(values));
  }
  for (const auto& [name, failure] : output.failures) {
    if (const Metric* metric = find_metric(std::string(prefix) + name)) {
      run.add_failure(subject, metric->name, parameters, failure);
    }
  }
}

Result<void> measure_subject(BenchRun& run, const Subject& subject, const Workspace& workspace,
                             std::size_t session) {
  if (!all_measurable(run, subject, kPrefix, {})) {
    return success();
  }
  const std::string names = shuffled_measures(kPrefix, run.random());
  const Repetitions each = repetitions(run);
  BOTHY_TRY(const Invocation invocation,
            subject.run(workspace, run.new_id(), {"inside", names, each.count, each.milliseconds}));
  const Batch batch =
      run_starts(run.bench(), {invocation}, {"end", subject.success_text(), kLimit});
  if (!batch.interrupted) {
    record_inside(run, subject, kPrefix, {}, session, batch.starts[0], "syscall");
  }
  return success();
}

}  // namespace

InsideOutput parse_inside(std::string_view text) {
  InsideOutput output;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
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

std::string shuffled_measures(std::string_view prefix, Random& random) {
  std::vector<std::string_view> names;
  for (const Metric& metric : metrics()) {
    if (metric.name.starts_with(prefix)) {
      names.push_back(metric.name.substr(prefix.size()));
    }
  }
  random.shuffle(names);
  return fmt::format("{}", fmt::join(names, ","));
}

bool all_measurable(BenchRun& run, const Subject& subject, std::string_view prefix,
                    const Parameters& parameters) {
  bool all = true;
  for (const Metric& metric : metrics()) {
    if (metric.name.starts_with(prefix)) {
      all = run.measurable(subject, metric.name, parameters) && all;
    }
  }
  return all;
}

void note_all_unsupported(BenchRun& run, const Subject& subject, std::string_view prefix,
                          const Parameters& parameters, const std::string& reason) {
  for (const Metric& metric : metrics()) {
    if (metric.name.starts_with(prefix)) {
      run.note_unsupported(subject, metric.name, parameters, reason);
    }
  }
}

void record_inside(BenchRun& run, const Subject& subject, std::string_view prefix,
                   const Parameters& parameters, std::size_t session, const Start& start,
                   std::string_view failed) {
  if (start.failure.empty()) {
    record_output(run, subject, prefix, parameters, session, parse_inside(start.output));
  } else {
    run.add_failure(subject, std::string(prefix) + std::string(failed), parameters, start.failure);
  }
}

Repetitions repetitions(const BenchRun& run) {
  return run.options().quick ? Repetitions{"3", "10"} : Repetitions{"5", "50"};
}

Result<void> measure_inside(BenchRun& run) {
  // Each start repeats each measure: fewer starts than of start-ups will do.
  const std::size_t rounds = run.options().quick ? 1 : 2;
  const std::size_t sessions = run.options().sessions;
  return run.each_session(sessions, [&](const Workspace& workspace, std::size_t session) {
    return run.each_subject(rounds, [&](Subject& subject, std::size_t round) {
      run.progress("inside", session * rounds + round, sessions * rounds);
      return measure_subject(run, subject, workspace, session);
    });
  });
}

}  // namespace bothy::bench
