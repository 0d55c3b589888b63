#include "vmm/machine/console_plan.h"

#include "arch/firmware_tables.h"
#include "arch/kernel_parameters.h"
#include "vmm/boot/command_line.h"

namespace bothy {
namespace {

// Without any console= Linux takes a port that does not exist for its console, at two exits a
// character.
constexpr std::string_view kNoConsole = "console=null";
constexpr std::string_view kVirtioConsole = "hvc0";

std::string console(std::string_view name) {
  return fmt::format("console={}", name);
}

// The value of the user's last word for a parameter; empty without.
std::string_view users_value(std::string_view command_line, std::string_view parameter) {
  std::string_view value;
  for (std::string_view word : boot::split_words(command_line)) {
    if (word == "--") {
      break;
    }
    if (boot::parameter_name(word) == parameter && word.size() > parameter.size()) {
      value = word.substr(parameter.size() + 1);
    }
  }
  return value;
}

bool user_sets(std::string_view command_line, std::string_view parameter) {
  boot::CommandLine line;
  line.add_user(command_line);
  return line.user_sets(parameter);
}

}  // namespace

std::vector<std::string_view> virtio_console_texts() {
  // The id that the transport's driver matches, and the name under which the console's driver
  // registers its devices (drivers/char/virtio_console.c).
  return {arch::kVirtioMmioHid, "virtio-portsdev"};
}

ConsolePlan plan_console(const MachineConfig& config) {
  const std::string_view users = users_value(config.cmdline, "console");
  ConsoleKind kind = config.console.kind;
  if (kind == ConsoleKind::kAuto && !users.empty()) {
    kind = users.starts_with("hvc") ? ConsoleKind::kVirtio : ConsoleKind::kSerial;
  }
  if (kind == ConsoleKind::kAuto && users_value(config.cmdline, "acpi") == "off") {
    kind = ConsoleKind::kSerial;  // a kernel finds virtio devices by ACPI
  }
  ConsolePlan plan;
  plan.serial = kind != ConsoleKind::kOff;
  plan.virtio = kind == ConsoleKind::kAuto || kind == ConsoleKind::kVirtio;
  plan.with_drivers.kind = plan.virtio ? ConsoleKind::kVirtio : kind;
  plan.without_drivers.kind = kind == ConsoleKind::kAuto ? ConsoleKind::kSerial : kind;
  if (!users.empty()) {
    return plan;
  }
  auto& with = plan.with_drivers.parameters;
  auto& without = plan.without_drivers.parameters;
  switch (kind) {
    case ConsoleKind::kOff:
      with.first = without.first = kNoConsole;
      break;
    case ConsoleKind::kSerial:
      with.first = without.first = console(arch::kSerialConsole);
      break;
    case ConsoleKind::kVirtio:
    case ConsoleKind::kAuto:
      // The serial port shows what comes before the driver; Linux leaves it for hvc0 without
      // repeating anything.
      with.first = console(kVirtioConsole) + " " + std::string(arch::kNoSerialProbe);
      if (!user_sets(config.cmdline, "earlyprintk")) {  // which would print all of it twice
        // After the user's parameters: a quiet boot is quiet from the start.
        with.last = arch::kEarlyConsole;
      }
      without.first = console(arch::kSerialConsole);
      if (kind == ConsoleKind::kVirtio) {
        // Init has a console even if the module never comes. With it, Linux prints to both.
        without.first += " " + console(kVirtioConsole);
      }
      break;
  }
  return plan;
}

}  // namespace bothy
