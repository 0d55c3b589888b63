#include "cli/bench/command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/log.h"
#include "cli/bench/measure.h"
#include "cli/exit_status.h"
#include "cli/help.h"

namespace bothy {
namespace {

void add_measure_flags(CLI::App& command, BenchFlags& flags) {
  command.add_option("AREA", flags.area, "What to measure")
      ->check(CLI::IsMember(bench_areas()))
      ->type_name("AREA");
  const auto value = [&](const char* name, std::string& text, const char* type, const char* help) {
    return add_value(command, name, text, type, help)->group("What is measured");
  };
  add_values(command, "--subject", flags.subjects, "NAME[,NAME...]",
             "Subjects instead of all that are installed: vm, container, process, crun, runc, ...")
      ->group("What is measured");
  value("--image", flags.image, "DIR", "Root file system instead of an empty one");
  value("--kernel", flags.kernel, "FILE", "Kernel of machines instead of bothy's own");
  value("-m,--memory", flags.memory, "SIZE", "Memory of machines, and limit of containers")
      ->capture_default_str();
  const auto number = [&](const char* name, auto& target, const char* help) {
    return command.add_option(name, target, help)->type_name("N")->group("How often");
  };
  command.add_flag("--quick", flags.quick, "Few starts: medians, for a first look")
      ->group("How often");
  number("--sessions", flags.sessions, "Sessions, each with everything made anew (default 5; 2)");
  number("--runs", flags.runs, "Starts of each subject in a session (default 30; 5)");
  number("--instances", flags.instances, "Most instances of the density area (default 1000; 20)");
  number("--seed", flags.seed, "Seed of all random order, which the results record");
  add_value(command, "-o,--output", flags.output, "DIR",
            "Directory of the results (default bothy-bench)")
      ->group("Results");
  command.add_flag("--json", flags.json, "Print the results as JSON instead of a table")
      ->group("Results");
}

}  // namespace

void add_bench_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("bench", "Measure isolation and density on this host");
  auto flags = std::make_shared<BenchFlags>();
  add_measure_flags(*command, *flags);
  set_examples(*command,
               {"bothy bench --quick", "bothy bench startup --subject container,crun,runc"},
               "Exit status: 0 measured, 1 incomplete: starts failed, or an interruption; 125 "
               "bothy's own failure.");
  command->callback([flags, &status] {
    const auto code = run_bench(*flags);
    status = code ? code.value() : exit_status::kOwnFailure;
    if (!code) {
      log_line(LogLevel::kError, code.error().context);
    }
  });
}

}  // namespace bothy
