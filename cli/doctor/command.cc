#include "cli/doctor/command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string_view>

#include "cli/doctor/container_probes.h"
#include "cli/doctor/helper_probes.h"
#include "cli/doctor/microvm_probes.h"
#include "cli/doctor/report.h"

namespace bothy {
namespace {

constexpr int kMicrovmsRun = 0;
constexpr int kMicrovmsDoNotRun = 1;

// no-color.org: any value but an empty one disables colour.
bool wants_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view(term) != "dumb";
}

doctor::Findings examine() {
  doctor::Findings findings = doctor::probe_microvms();
  for (auto* probe : {doctor::probe_containers, doctor::probe_helpers}) {
    doctor::Findings more = probe();
    findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
  return findings;
}

int run(bool json) {
  const doctor::Findings findings = examine();
  const std::string text =
      json ? doctor::format_json(findings) : doctor::format_text(findings, wants_colour());
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  return doctor::microvms_can_run(findings) ? kMicrovmsRun : kMicrovmsDoNotRun;
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_status) {
  CLI::App& command = *app.add_subcommand("doctor", "Check what this host supports, with remedies");
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "Print the findings as one JSON object");
  command.callback([json, &exit_status] { exit_status = run(*json); });
}

}  // namespace bothy
