// How one run of a guest ended, and what is reported about it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/boot/report.h"
#include "vmm/machine/machine.h"

namespace bothy {

// Nothing for an event that didn't happen.
struct BootTimes {
  std::optional<std::chrono::nanoseconds> start_to_first_run;
  std::optional<std::chrono::nanoseconds> start_to_marker;
  std::optional<std::chrono::nanoseconds> first_run_to_marker;
};

struct BootOutcome {
  enum class Kind {
    kGuestEnded,    // by itself: `end`
    kTimedOut,      // --timeout
    kSignalled,     // bothy got `signal`
    kLeft,          // by Ctrl-A x
    kOutputBroken,  // the console's output can't be written: `error_number`
  };

  Kind kind = Kind::kGuestEnded;
  MachineEnd end;
  int signal = 0;
  int error_number = 0;

  // Filled once the machine has been stopped.
  GuestFacts facts;
  ExitCounts exits;
  std::string kernel;
  std::string command_line;
  ConsoleKind console = ConsoleKind::kOff;
  BootTimes times;
};

[[nodiscard]] int exit_status_of(const BootOutcome& outcome) noexcept;

// For stderr; empty for a plain power-off or reboot.
[[nodiscard]] std::string describe_outcome(const BootOutcome& outcome,
                                           std::chrono::milliseconds timeout);
// The line that --boot-timer prints.
[[nodiscard]] std::string describe_boot_timer(const BootTimes& times);
// One JSON object, without a newline. docs/boot.md documents its members.
[[nodiscard]] std::string to_json(const BootOutcome& outcome);

}  // namespace bothy
