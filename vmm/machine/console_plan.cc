#include "vmm/machine/console_plan.h"

#include "vmm/boot/command_line.h"

namespace bothy {
namespace {

// Without a word Linux takes a port for its console that isn't there, two exits a character.
constexpr std::string_view kNoWords = "console=null";
constexpr std::string_view kSerialWords = "console=ttyS0";
// COM1 shows what comes before the driver, and Linux leaves it for hvc0 without saying anything
// twice. Looking at what else COM1 could do would take it a hundred exits.
constexpr std::string_view kVirtioWords = "console=hvc0 8250.nr_uarts=0";
// After the user's words: a quiet boot is quiet from the start.
constexpr std::string_view kEarlyWord = "earlycon=uart8250,io,0x3f8";
// Init has a console even if the module never comes. Once it has, Linux prints to both.
constexpr std::string_view kModuleWords = "console=ttyS0 console=hvc0";

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

ConsolePlan plan_console(const MachineConfig& config) {
  const std::string_view users = users_value(config.cmdline, "console");
  ConsoleKind kind = config.console.kind;
  if (kind == ConsoleKind::kAuto && !users.empty()) {
    kind = users.starts_with("hvc") ? ConsoleKind::kVirtio : ConsoleKind::kSerial;
  }
  if (kind == ConsoleKind::kAuto && users_value(config.cmdline, "acpi") == "off") {
    kind = ConsoleKind::kSerial;  // virtio devices are found by ACPI
  }
  ConsolePlan plan;
  plan.serial = kind != ConsoleKind::kOff;
  plan.virtio = kind == ConsoleKind::kAuto || kind == ConsoleKind::kVirtio;
  plan.with_driver.kind = plan.virtio ? ConsoleKind::kVirtio : kind;
  plan.without_driver.kind = kind == ConsoleKind::kAuto ? ConsoleKind::kSerial : kind;
  if (!users.empty()) {
    return plan;
  }
  switch (kind) {
    case ConsoleKind::kOff:
      plan.with_driver.words.first = plan.without_driver.words.first = kNoWords;
      break;
    case ConsoleKind::kSerial:
      plan.with_driver.words.first = plan.without_driver.words.first = kSerialWords;
      break;
    case ConsoleKind::kVirtio:
    case ConsoleKind::kAuto:
      plan.with_driver.words.first = kVirtioWords;
      if (!user_sets(config.cmdline, "earlyprintk")) {  // which would say all of it twice
        plan.with_driver.words.last = kEarlyWord;
      }
      plan.without_driver.words.first = kind == ConsoleKind::kAuto ? kSerialWords : kModuleWords;
      break;
  }
  return plan;
}

}  // namespace bothy
