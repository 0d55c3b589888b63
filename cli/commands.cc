#include "cli/commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "cli/bench/command.h"
#include "cli/boot/command.h"
#include "cli/boot/control_command.h"
#include "cli/doctor/command.h"
#include "cli/help.h"
#include "cli/image/command.h"
#include "cli/instances/commands.h"
#include "cli/instances/copy_command.h"
#include "cli/oci/command.h"
#include "cli/run/command.h"

namespace bothy {
namespace {

// The commands by name, in the order of --help. Those for instances are added together.
struct Command {
  std::string_view name;
  void (*add)(CLI::App& app, int& status);
};
constexpr std::array kCommands{
    Command{"run", add_run_command},       Command{"image", add_image_command},
    Command{"", add_instance_commands},    Command{"cp", add_copy_command},
    Command{"boot", add_boot_command},     Command{"control", add_control_command},
    Command{"doctor", add_doctor_command}, Command{"bench", add_bench_command},
    Command{"oci", add_oci_command}};

// Adds all commands, or only the one called: the flags of all commands would take a twentieth of a
// machine's start-up. --version needs none.
void add_commands(CLI::App& app, std::string_view called, int& status) {
  if (called == "--version") {
    return;
  }
  const bool known = !called.empty() && std::ranges::count(kCommands, called, &Command::name) != 0;
  for (const Command& command : kCommands) {
    if (!known || command.name == called) {
      command.add(app, status);
    }
  }
}

// The order and grouping of `bothy --help`.
void describe_overview(CLI::App& app) {
  using Entry = std::pair<std::string_view, const char*>;
  constexpr std::array kGroups{Entry{"run", "Run images"},       Entry{"image", "Images"},
                               Entry{"boot", "Bare microVMs"},   Entry{"control", "Bare microVMs"},
                               Entry{"doctor", "Host"},          Entry{"bench", "Host"},
                               Entry{"oci", "Container engines"}};
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    const auto* group =
        std::ranges::find(kGroups, std::string_view(command->get_name()), &Entry::first);
    command->group(group == kGroups.end() ? "Instances" : group->second);
  }
  set_examples(app, {"bothy run -it --rm busybox sh", "bothy boot --kernel vmlinux"},
               "See 'bothy COMMAND --help' for the flags of a command.");
}

}  // namespace

CLI::App& make_program(std::string_view called, int& status) {
  auto& app =
      *new CLI::App("Run images as microVMs or containers, and kernels as microVMs", "bothy");
  app.set_version_flag("--version", std::string("bothy ") + BOTHY_VERSION);
  app.require_subcommand(1);
  set_help_form(app);
  add_commands(app, called, status);
  describe_overview(app);
  return app;
}

}  // namespace bothy
