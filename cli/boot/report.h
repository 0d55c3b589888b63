// The report about a guest that failed: what happened, what the guest was doing, the likely remedy.
#pragma once

#include <string>
#include <string_view>

#include "cli/boot/options.h"
#include "vmm/machine/machine.h"

namespace bothy {

// Known once a guest has been stopped.
struct GuestFacts {
  bool has_console = true;
  bool marked = false;       // the guest's init wrote the boot marker
  std::string console_tail;  // the last lines of the console, printable
  std::string vcpus;         // the state of the vCPUs, as text
};

// One line, by what Linux prints in the last lines of the console; empty when no remedy is likely.
[[nodiscard]] std::string suggest_remedy(const MachineEnd& end, const GuestFacts& facts);
// The same for a guest that was ended by --timeout.
[[nodiscard]] std::string suggest_timeout_remedy(const GuestFacts& facts);

// Several lines, without a final newline; the first says what happened.
[[nodiscard]] std::string describe_end(const MachineEnd& end, const GuestFacts& facts);
[[nodiscard]] std::string describe_timeout(std::chrono::milliseconds timeout,
                                           const GuestFacts& facts);

}  // namespace bothy
