#include "bench/areas/phases.h"

#include <charconv>
#include <chrono>
#include <optional>

#include "bench/probe_program.h"

namespace bothy::bench {
namespace {

constexpr double kNanosecondsPerMillisecond = 1e6;

// Takes a number with decimals from the front of `text`.
std::optional<double> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr == text.data()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

}  // namespace

std::vector<std::pair<std::string, double>> parse_timing(std::string_view text) {
  std::vector<std::pair<std::string, double>> steps;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto total = take_number(line);
    const auto since = total ? take_number(line) : std::nullopt;
    if (since && line.starts_with("  ")) {
      steps.emplace_back(line.substr(2), *since * kNanosecondsPerMillisecond);
    }
  }
  return steps;
}

Result<void> measure_phases(BenchRun& run, const Workspace& workspace, std::size_t session) {
  const std::size_t rounds = run.options().quick ? 2 : 10;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Subject* subject : run.shuffled()) {
      if (!run.measurable(*subject, "startup.first-byte")) {
        continue;
      }
      BOTHY_TRY(const auto traced, subject->run_traced(workspace, run.new_id(), {"first"}));
      if (!traced || run.interrupted()) {
        continue;
      }
      run.progress("steps of a start", session * rounds + round, run.options().sessions * rounds);
      const Batch batch = run_starts(
          run.bench(), {*traced},
          {std::string(1, kProbeFirstByte), subject->success_text(), std::chrono::minutes(2)});
      if (batch.interrupted || !batch.starts[0].failure.empty()) {
        continue;  // a failed start is counted by the starts without a trace
      }
      for (const auto& [name, nanoseconds] : parse_timing(batch.starts[0].errors)) {
        run.add(*subject, "startup.phase", {{"step", name}}, session, {nanoseconds});
      }
    }
  }
  return success();
}

}  // namespace bothy::bench
