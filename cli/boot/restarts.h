// Boots of one `bothy boot --on-reboot restart`, each in a process of its own.
#pragma once

#include <functional>

namespace bothy {

enum class BootEnd { kFinal, kRestart };

// Calls `boot` in a child process, again and again as long as it asks for a restart: a process that
// was confined for one guest can't open what the next one needs. `status` is what `boot` sets, the
// exit status. Signals that this process gets meanwhile are the child's. Returns the last child's
// status. The calling process has one thread.
[[nodiscard]] int boot_in_children(const std::function<BootEnd(int& status)>& boot);

}  // namespace bothy
