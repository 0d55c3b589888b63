// What to tell a person about a guest that didn't end well: what happened, what it was doing, the
// likely remedy.
#pragma once

#include <string>
#include <string_view>

#include "cli/boot/options.h"
#include "vmm/machine/machine.h"

namespace bothy {

// What is known about a guest once it has been stopped.
struct GuestFacts {
  bool has_console = true;
  bool marked = false;       // its init wrote the boot marker
  std::string console_tail;  // the last lines of its console, printable
  std::string vcpus;         // what its vCPUs were doing
};

// The likely remedy for a guest that failed, as one line; empty where nothing is likely. Looks for
// what Linux prints in the console's last lines.
[[nodiscard]] std::string suggest_remedy(const MachineEnd& end, const GuestFacts& facts);
// The same for a guest that ran into --timeout.
[[nodiscard]] std::string suggest_timeout_remedy(const GuestFacts& facts);

// Several lines, without a final newline; the first one says what happened.
[[nodiscard]] std::string describe_end(const MachineEnd& end, const GuestFacts& facts);
[[nodiscard]] std::string describe_timeout(std::chrono::milliseconds timeout,
                                           const GuestFacts& facts);

}  // namespace bothy
