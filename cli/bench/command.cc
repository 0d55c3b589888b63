#include "cli/bench/command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/log.h"
#include "cli/bench/advise.h"
#include "cli/bench/measure.h"
#include "cli/bench/reports.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/help.h"

namespace bothy {
namespace {

void add_measure_flags(CLI::App& command, BenchFlags& flags) {
  command.add_option("AREA", flags.areas, "What to measure (default: all)")
      ->check(CLI::IsMember(bench_areas()))
      ->type_name("AREA");
  const auto value = [&](const char* name, std::string& text, const char* type, const char* help) {
    return add_value(command, name, text, type, help)->group("What is measured");
  };
  add_values(command, "--subject", flags.subjects, "NAME[,NAME...]",
             "Subjects instead of all that are installed: vm, container, process, crun, runc, ...")
      ->group("What is measured");
  value("--image", flags.image, "DIR", "Root file system instead of an empty one");
  add_values(command, "--images", flags.images, "DIR[,DIR...]",
             "Root file systems of which the portability area tries which start")
      ->group("What is measured");
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
  number("--instances", flags.instances, "Most instances of the density area (default 1000; 10)");
  number("--seed", flags.seed, "Seed of all random order, which the results record");
  add_value(command, "-o,--output", flags.output, "DIR",
            "Directory of the results (default bothy-bench)")
      ->group("Results");
  CLI::Option* baseline = add_value(command, "--baseline", flags.baseline, "DIR",
                                    "Compare with these earlier results, and exit as compare does")
                              ->group("Results");
  command.add_flag("--json", flags.json, "Print the results as JSON instead of a table")
      ->excludes(baseline)
      ->group("Results");
}

// The status of what a command did; an error is reported here.
int finish(const Result<int>& code) {
  if (!code) {
    log_line(LogLevel::kError, code.error().context);
  }
  return code ? code.value() : exit_status::kOwnFailure;
}

void add_report(CLI::App& bench, int& status) {
  CLI::App* command = bench.add_subcommand("report", "Print a report of earlier runs");
  auto flags = std::make_shared<ReportFlags>();
  command->add_option("DIR", flags->directories, "Directories of results, or their bench.json")
      ->required();
  add_value(*command, "--format", flags->format, "text|markdown|csv|html", "Form of the report")
      ->check(CLI::IsMember({"text", "markdown", "csv", "html"}))
      ->capture_default_str();
  set_examples(*command, {"bothy bench report --format markdown bothy-bench"});
  command->callback([flags, &status] { status = finish(report_runs(*flags)); });
}

void add_compare(CLI::App& bench, int& status) {
  CLI::App* command = bench.add_subcommand("compare", "Say what a run has slower than another");
  auto flags = std::make_shared<CompareFlags>();
  command->add_option("OLD", flags->before, "Directory of the earlier results")->required();
  command->add_option("NEW", flags->after, "Directory of the later results")->required();
  command->add_option("--threshold", flags->threshold, "What is no difference worth telling")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.1, 100.0))
      ->capture_default_str();
  set_examples(*command, {"bothy bench compare before after"},
               "Exit status: 0 nothing is slower, 1 something is, 2 nothing is and something is "
               "inconclusive;\n125 the runs can't be compared.");
  command->callback([flags, &status] { status = finish(compare_runs(*flags)); });
}

void add_advise(CLI::App& bench, int& status) {
  CLI::App* command = bench.add_subcommand(
      "advise", "Say what a microVM costs over a container here, and what it buys");
  auto flags = std::make_shared<AdviseFlags>();
  BenchFlags& measure = flags->measure;
  command->add_option("DIR", flags->directories,
                      "Directories of results of one image; none: it is measured, quickly");
  add_value(*command, "--image", measure.image, "DIR",
            "Root file system that is measured, or must have been");
  add_value(*command, "--kernel", measure.kernel, "FILE",
            "Kernel of machines instead of bothy's own");
  add_value(*command, "-m,--memory", measure.memory, "SIZE",
            "Memory of machines, and limit of containers")
      ->capture_default_str();
  add_value(*command, "-o,--output", measure.output, "DIR",
            "Directory of what is measured (default bothy-bench)");
  set_examples(*command, {"bothy bench advise --image ./rootfs", "bothy bench advise bothy-bench"});
  command->callback([flags, &status] { status = finish(advise_runs(*flags)); });
}

}  // namespace

void add_bench_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("bench", "Measure isolation and density on this host");
  auto flags = std::make_shared<BenchFlags>();
  add_measure_flags(*command, *flags);
  set_examples(*command,
               {"bothy bench --quick", "bothy bench startup --subject container,crun,runc"},
               "Exit status: 0 measured, 1 incomplete: starts failed, or an interruption; 125 "
               "bothy's own failure.\nWith --baseline that of compare; starts that failed are "
               "inconclusive.");
  add_report(*command, status);
  add_compare(*command, status);
  add_advise(*command, status);
  command->callback([command, flags, &status] {
    // CLI11 calls this after a subcommand's own.
    if (command->get_subcommands().empty()) {
      status = finish(run_bench(*flags));
    }
  });
}

}  // namespace bothy
