// Signals and threads of this program.
#pragma once

#include "base/result.h"

namespace bothy {

// A real-time signal whose only effect is to interrupt a system call of a thread of this program.
[[nodiscard]] int wake_signal() noexcept;

// Installs its empty handler, without SA_RESTART. Idempotent; any thread.
[[nodiscard]] Result<void> install_wake_handler();

// pidfd_send_signal(2): false, with errno set, where that fails.
bool send_signal(int pidfd, int signal) noexcept;

// As nohup(1) and shells without job control leave SIGHUP and SIGINT: to be respected.
[[nodiscard]] bool is_signal_ignored(int signal) noexcept;

// Blocks every signal but wake_signal() and faults in the calling thread: the control thread alone
// handles SIGTERM and the like.
void block_signals_in_worker() noexcept;

}  // namespace bothy
