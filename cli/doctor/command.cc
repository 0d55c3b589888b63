#include "cli/doctor/command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string_view>

#include "cli/doctor/container_probes.h"
#include "cli/doctor/engine_probes.h"
#include "cli/doctor/helper_probes.h"
#include "cli/doctor/microvm_probes.h"
#include "cli/doctor/report.h"

namespace bothy {
namespace {

constexpr int kGood = 0;
constexpr int kNotGood = 1;

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

struct Flags {
  bool json = false;
  bool integration = false;
};

int run(const Flags& flags) {
  const doctor::Findings findings = flags.integration ? doctor::probe_engines() : examine();
  const std::string text =
      flags.json ? doctor::format_json(findings) : doctor::format_text(findings, wants_colour());
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  const bool good =
      flags.integration ? doctor::engines_are_set_up(findings) : doctor::microvms_can_run(findings);
  return good ? kGood : kNotGood;
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_status) {
  CLI::App& command = *app.add_subcommand("doctor", "Check what this host supports, with remedies");
  const auto flags = std::make_shared<Flags>();
  command.add_flag("--json", flags->json, "Print the findings as one JSON object");
  command.add_flag("--integration", flags->integration,
                   "Check whether Podman, containerd and Docker are set up to use bothy instead");
  command.callback([flags, &exit_status] { exit_status = run(*flags); });
}

}  // namespace bothy
