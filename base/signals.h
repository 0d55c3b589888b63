// Signals of this program: which thread takes what.
#pragma once

#include "base/result.h"

namespace bothy {

// The signal that interrupts a system call of one of our own threads, and does nothing else.
[[nodiscard]] int wake_signal() noexcept;

// Installs an empty handler for it, without SA_RESTART. May be called any number of times, from any
// thread.
[[nodiscard]] Result<void> install_wake_handler();

// nohup(1), and a shell that starts us in the background, mean what they say.
[[nodiscard]] bool is_signal_ignored(int signal) noexcept;

// Blocks every signal but wake_signal() in the calling thread: SIGTERM and its like belong to the
// control thread alone.
void block_signals_in_worker() noexcept;

}  // namespace bothy
