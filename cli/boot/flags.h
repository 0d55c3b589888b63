// The flags of `bothy boot`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/boot/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bothy {

// Flags as texts, in the order of the command line, until all of them are known: those of machine
// files come first, whatever the order.
struct BootFlags {
  struct DeviceFlag {
    const DeviceKind* kind;
    CLI::Option* option;
  };

  std::vector<std::string> configs;  // paths of machine files
  std::optional<std::string> kernel;
  std::vector<std::string> initrds;
  std::optional<std::string> cmdline;
  std::optional<std::string> payload;
  std::optional<std::string> cpus;
  std::optional<std::string> cpu_features;
  bool core_scheduling = false;
  std::optional<std::string> memory;
  std::optional<std::string> backing;
  std::optional<std::string> console;
  std::vector<DeviceFlag> devices;
  std::optional<std::string> timeout;
  std::optional<std::string> on_reboot;
  std::optional<std::string> sandbox;
  std::optional<std::string> control;
  bool boot_timer = false;
  bool json = false;
  bool dry_run = false;
};

// Adds the flags to the subcommand `boot`; `flags` outlives it.
void add_boot_flags(CLI::App& boot, BootFlags& flags);

// Once they are parsed: machine files, then the flags, whose values win and whose devices are
// added. What is returned has been validated.
[[nodiscard]] Result<BootOptions> resolve(const BootFlags& flags);

}  // namespace bothy
