#include "cli/bench/measure.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <string_view>
#include <system_error>

#include "base/files.h"
#include "base/log.h"
#include "base/units.h"
#include "bench/areas/bench_run.h"
#include "bench/areas/density.h"
#include "bench/areas/inside.h"
#include "bench/areas/isolation.h"
#include "bench/areas/memory.h"
#include "bench/areas/neighbours.h"
#include "bench/areas/network.h"
#include "bench/areas/portability.h"
#include "bench/areas/startup.h"
#include "bench/areas/storage.h"
#include "bench/measure/child.h"
#include "bench/report/compare.h"
#include "bench/report/html.h"
#include "bench/report/text.h"
#include "cli/bench/progress.h"
#include "cli/bench/reports.h"
#include "cli/doctor/host.h"
#include "cli/doctor/host_class.h"
#include "cli/doctor/microvm_probes.h"
#include "cli/json_text.h"
#include "run/vm/prepare.h"

namespace bothy {
namespace {

constexpr int kMeasured = 0;
constexpr int kIncomplete = 1;

constexpr const char* kOutput = "bothy-bench";

constexpr std::size_t kSessions = 5;
constexpr std::size_t kStarts = 30;
constexpr std::size_t kQuickSessions = 2;
constexpr std::size_t kQuickStarts = 5;
constexpr std::size_t kInstances = 1000;
constexpr std::size_t kQuickInstances = 10;
constexpr std::uint64_t kMemory = 64U << 20U;  // the least that a guest's kernel comes up in

struct Area {
  std::string_view name;
  Result<void> (*measure)(bench::BenchRun& run);
};
constexpr std::array kAreas{
    Area{"startup", bench::measure_startup},        Area{"memory", bench::measure_memory},
    Area{"density", bench::measure_density},        Area{"inside", bench::measure_inside},
    Area{"network", bench::measure_network},        Area{"storage", bench::measure_storage},
    Area{"neighbours", bench::measure_neighbours},  Area{"isolation", bench::measure_isolation},
    Area{"portability", bench::measure_portability}};

Result<std::string> own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? errno_error("can't find this program's path", error.value())
               : Result<std::string>(path.string());
}

void classify_host(bench::BenchOptions& options) {
  const std::string cpuinfo = doctor::read_file("/proc/cpuinfo");
  for (const doctor::Finding& finding : doctor::probe_microvms()) {
    if (finding.id == doctor::kHostClass) {
      options.host_class = bench::host_class_of(finding.found);
      options.host_reason = finding.meaning;
    }
  }
  options.emulated_host = doctor::is_emulated_processor(cpuinfo);
}

// The items of lists that are separated by commas.
std::vector<std::string> items_of(const std::vector<std::string>& lists) {
  std::vector<std::string> items;
  for (const std::string& list : lists) {
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t end = std::min(list.find(',', at), list.size());
      if (end > at) {
        items.push_back(list.substr(at, end - at));
      }
      at = end + 1;
    }
  }
  return items;
}

// `path` as an absolute one, which must be a directory where it isn't empty.
Result<std::string> root_directory(const char* flag, const std::string& path) {
  BOTHY_TRY(std::string whole, absolute_path(path));
  if (whole.empty()) {
    return whole;
  }
  if (!exists(whole)) {
    return make_error(ErrorCode::kNotFound, "{}: '{}' does not exist", flag, printable(path));
  }
  if (!list_directory(whole)) {
    return make_error(ErrorCode::kInvalid,
                      "invalid {} '{}': expected the directory of a root file system", flag,
                      printable(path));
  }
  return whole;
}

std::string command_line(const BenchFlags& flags, const bench::BenchOptions& options) {
  bench::Invocation command{{"bothy", "bench"}};
  command.arguments.insert(command.arguments.end(), flags.areas.begin(), flags.areas.end());
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) {
      command.arguments.insert(command.arguments.end(), {flag, value});
    }
  };
  if (flags.quick) {
    command.arguments.emplace_back("--quick");
  }
  add("--subject", fmt::format("{}", fmt::join(options.subjects, ",")));
  add("--image", options.image);
  add("--images", fmt::format("{}", fmt::join(options.images, ",")));
  add("--kernel", options.kernel);
  add("--memory", flags.memory);
  add("--sessions", std::to_string(options.sessions));
  add("--runs", std::to_string(options.starts));
  add("--instances", std::to_string(options.most_instances));
  add("--seed", std::to_string(options.seed));
  return command.text();
}

Result<bench::BenchOptions> resolve(const BenchFlags& flags) {
  bench::BenchOptions options;
  options.subjects = items_of(flags.subjects);
  BOTHY_TRY(options.bothy, own_path());
  options.version = "bothy " BOTHY_VERSION;
  BOTHY_TRY(options.image, root_directory("--image", flags.image));
  for (const std::string& image : items_of(flags.images)) {
    BOTHY_TRY(options.images.emplace_back(), root_directory("--images", image));
  }
  BOTHY_TRY(options.kernel, absolute_path(flags.kernel));
  if (options.kernel.empty()) {
    // Without one no machine is measured, and each says so.
    auto own = run::find_kernel();
    options.kernel = own ? std::move(own).value() : std::string();
  }
  if (!options.kernel.empty() && !exists(options.kernel)) {
    return make_error(ErrorCode::kNotFound, "--kernel: '{}' does not exist",
                      printable(options.kernel));
  }
  BOTHY_TRY(const std::uint64_t memory, parse_size(flags.memory));
  if (memory < kMemory) {
    return make_error(ErrorCode::kInvalid, "invalid --memory '{}': expected at least 64M",
                      printable(flags.memory));
  }
  options.memory_mib = memory >> 20U;
  options.quick = flags.quick;
  const auto chosen = [&](std::size_t given, std::size_t normal, std::size_t quick) {
    return given > 0 ? given : flags.quick ? quick : normal;
  };
  options.sessions = chosen(flags.sessions, kSessions, kQuickSessions);
  options.starts = chosen(flags.runs, kStarts, kQuickStarts);
  options.most_instances = chosen(flags.instances, kInstances, kQuickInstances);
  options.seed = flags.seed != 0 ? flags.seed : std::random_device()();
  BOTHY_TRY(options.output, absolute_path(flags.output.empty() ? kOutput : flags.output));
  options.command_line = command_line(flags, options);
  classify_host(options);
  return options;
}

// All of the areas that were asked for, up to an interruption.
Result<void> measure(bench::BenchRun& run, const std::vector<std::string>& areas) {
  const bool all = areas.empty() || std::ranges::count(areas, "all") > 0;
  BOTHY_TRY(run.save());
  BOTHY_TRY(bench::measure_noise(run));
  for (const Area& each : kAreas) {
    if ((all || std::ranges::count(areas, each.name) > 0) && !run.interrupted()) {
      BOTHY_TRY(each.measure(run));
      BOTHY_TRY(run.save());
    }
  }
  return success();
}

bool has_failures(const bench::Results& results) {
  return std::ranges::any_of(results.series,
                             [](const bench::Series& each) { return !each.failures.empty(); });
}

Result<int> run_against_baseline(const BenchFlags& flags) {
  std::error_code error;
  const std::string output = flags.output.empty() ? kOutput : flags.output;
  if (std::filesystem::equivalent(flags.baseline, output, error)) {
    return make_error(ErrorCode::kInvalid,
                      "--baseline '{}' would be overwritten: --output names another directory",
                      printable(flags.baseline));
  }
  BOTHY_TRY(const bench::Results baseline, bench::read_results(flags.baseline));
  BOTHY_TRY(const Measured measured, measure_bench(flags, [&](const bench::Results& described) {
              return bench::require_comparable(baseline, described);
            }));
  if (measured.interrupted) {
    return make_error(ErrorCode::kSystem, "interrupted: nothing is compared with the baseline");
  }
  BOTHY_TRY(const int status, report_comparison(baseline, measured.results, kThreshold));
  if (has_failures(measured.results)) {
    log(LogLevel::kWarning, "starts failed: {}/bench.json has each reason", measured.output);
    return status == kNothingSlower ? kInconclusive : status;
  }
  return status;
}

}  // namespace

Result<std::string> absolute_path(const std::string& path) {
  if (path.empty()) {
    return path;
  }
  std::error_code error;
  const auto found = std::filesystem::absolute(path, error);
  return error ? errno_error("can't find the working directory", error.value())
               : Result<std::string>(found.string());
}

std::vector<std::string> bench_areas() {
  std::vector<std::string> names;
  names.reserve(std::size(kAreas) + 1);
  for (const Area& area : kAreas) {
    names.emplace_back(area.name);
  }
  names.emplace_back("all");
  return names;
}

Result<Measured> measure_bench(const BenchFlags& flags, const BenchCheck& check) {
  BOTHY_TRY(bench::BenchOptions options, resolve(flags));
  BenchProgress progress;
  options.progress = [&progress](std::string_view what, std::size_t done, std::size_t all) {
    progress.update(what, done, all);
  };
  Measured measured;
  measured.output = options.output;
  BOTHY_TRY(bench::Reaper reaper, bench::Reaper::begin());
  BOTHY_TRY(const bench::Interrupt interrupt, bench::Interrupt::install());
  const bench::Bench bench{reaper, interrupt};
  BOTHY_TRY(bench::BenchRun run, bench::BenchRun::prepare(bench, std::move(options)));
  if (run.subjects().empty()) {
    std::string reasons;
    for (const bench::MeasuredSubject& subject : run.results().subjects) {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", subject.name, subject.note);
    }
    return make_error(ErrorCode::kUnsupported, "no subject can be measured here: {}", reasons);
  }
  BOTHY_TRY(check(run.results()));
  const auto done = measure(run, flags.areas);
  progress.clear();
  if (!run.interrupted()) {  // which programs that are started get as well, and fail by
    BOTHY_TRY(done);
  }
  measured.results = std::move(run.results());
  measured.interrupted = run.interrupted();
  const std::string& output = measured.output;
  BOTHY_TRY(replace_file(output + "/bench.csv", csv_report(measured.results), 0644));
  BOTHY_TRY(replace_file(output + "/bench.md", markdown_report(measured.results), 0644));
  BOTHY_TRY(replace_file(output + "/bench.html", html_report(measured.results), 0644));
  if (measured.interrupted) {
    log(LogLevel::kWarning, "interrupted: what was measured until then is in {}", output);
  }
  return measured;
}

Result<int> run_bench(const BenchFlags& flags) {
  if (!flags.baseline.empty()) {
    return run_against_baseline(flags);
  }
  BOTHY_TRY(const Measured measured,
            measure_bench(flags, [](const bench::Results&) { return success(); }));
  if (flags.json) {
    write_result(measured.results.json());
  } else {
    write_result(text_report(measured.results) + measured.output + "/bench.html");
  }
  return measured.interrupted || has_failures(measured.results) ? kIncomplete : kMeasured;
}

}  // namespace bothy
